import { CliError } from '../render/failure.ts'

/** A line as a person typed it, cut into words. */
export interface TypedLine {
  readonly words: readonly string[]
  /** What the last word looks like so far, quotes and all, and what it means; empty after a space. For completion. */
  readonly last: { readonly raw: string; readonly text: string }
  /** A quote was opened and not closed. */
  readonly isOpen: boolean
}

/**
 * Words stand between spaces; one with spaces in it stands in quotes, double or single, and a quote in a quoted word is
 * doubled. Elsewhere a quote is a letter (`Don't`), and nothing else has a meaning: a path of any system is what it is.
 */
export function readTypedLine(line: string): TypedLine {
  const words: string[] = []
  let at = 0
  for (;;) {
    while (isSpace(line[at])) at++
    if (at >= line.length) return { words, last: { raw: '', text: '' }, isOpen: false }
    const begin = at
    let text = ''
    let isOpen = false
    while (at < line.length && !isSpace(line[at])) {
      const quote = line[at]!
      if (!opensQuote(line, begin, at)) {
        text += quote
        at++
        continue
      }
      const quoted = readQuoted(line, at + 1, quote)
      text += quoted.text
      at = quoted.end
      isOpen = quoted.isOpen
    }
    words.push(text)
    if (at >= line.length) return { words, last: { raw: line.slice(begin), text }, isOpen }
  }
}

/** @throws {CliError} `USAGE` when a quote is left open */
export function wordsOf(line: string): readonly string[] {
  const { words, isOpen } = readTypedLine(line)
  if (isOpen) throw new CliError('USAGE', 'A quote is opened and not closed. A quote inside of a quoted word is doubled: "a ""b"" c"')
  return words
}

/** The word as one types it: as it is, or in quotes. */
export function asTyped(word: string): string {
  return /^[^\s"'][^\s]*$/.test(word) ? word : `"${word.replaceAll('"', '""')}"`
}

/** At the beginning of a word, or of the value in `--name="…"`. */
function opensQuote(line: string, begin: number, at: number): boolean {
  if (line[at] !== '"' && line[at] !== "'") return false
  return at === begin || /^--[\w-]+=$/.test(line.slice(begin, at))
}

function readQuoted(line: string, from: number, quote: string): { text: string; end: number; isOpen: boolean } {
  let text = ''
  for (let at = from; at < line.length; at++) {
    if (line[at] !== quote) text += line[at]
    else if (line[at + 1] === quote) text += line[at++]
    else return { text, end: at + 1, isOpen: false }
  }
  return { text, end: line.length, isOpen: true }
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\u3000'
}
