/** Where the lines of a shell come from, and where what it says goes: a person at a terminal, or a pipe. */
export interface LineSource {
  /** The next line that was typed; undefined when there are no more. */
  next(): Promise<string | undefined>
  /**
   * The answer to a question, which is not a line for the shell; undefined when there is none any more.
   *
   * @throws the reason of the signal
   */
  ask(question: string, kind: 'open' | 'secret', signal: AbortSignal): Promise<string | undefined>
  /** Whole lines. What is being typed stays whole below them. */
  write(text: string): void
  /** Whether somebody waits for each answer; then nothing that goes wrong ends with a status. */
  readonly isInteractive: boolean
  /** No more lines: `next` gets undefined. */
  close(): void
}
