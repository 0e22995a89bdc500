/** A page that is written while its stories are played: headings, sentences, and what was typed and shown. */
export class TourPage {
  readonly #parts: string[] = []
  #block: string[] | undefined

  heading(text: string): void {
    this.#add(`## ${text}`)
  }

  say(text: string): void {
    this.#add(text)
  }

  /** One line as somebody typed it, and the answer; what stands together is one block. */
  typed(prompt: string, line: string, answer: readonly string[]): void {
    this.#block ??= []
    this.#block.push(`${prompt}${line}`, ...answer.map((each) => each.trimEnd()))
  }

  text(): string {
    this.#endBlock()
    return `${this.#parts.join('\n\n')}\n`
  }

  #add(part: string): void {
    this.#endBlock()
    this.#parts.push(part)
  }

  #endBlock(): void {
    if (this.#block !== undefined) this.#parts.push(['```', ...this.#block, '```'].join('\n'))
    this.#block = undefined
  }
}
