import { createRequire } from 'node:module'
import { cleanText } from '@shoal/protocol/clean-text'

/** A name or sentence from a stranger longer than this is cut before anything else looks at it. */
const MAX_CHARACTERS = 512
const MAX_LINK_CHARACTERS = 8_192

/** How many terminal cells the text takes: two for a Chinese character, none for a combining mark. */
export function widthOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  stringWidth ??= (createRequire(import.meta.url)('string-width') as typeof import('string-width')).default
  return stringWidth(text)
}

const PRINTABLE_ASCII = /^[ -~]*$/
/** Loaded when the first other character is met: its tables of emoji take 50 ms of every start. */
let stringWidth: typeof import('string-width').default | undefined

/** A stranger's text on one line, without anything that could move the cursor or turn the writing around. */
export function clean(text: string): string {
  return cleanText(text, MAX_CHARACTERS)
}

/** A link that is there to be copied: the same, but longer than any sentence. */
export function wholeLink(link: string): string {
  return cleanText(link, MAX_LINK_CHARACTERS)
}

/** A stranger's name where it stands in a sentence: cleaned, and in quotes that it cannot close. */
export function quoted(name: string): string {
  return `"${clean(name).replaceAll('"', "'")}"`
}

/** The text in at most `cells` cells, cut between characters as people see them; what is cut becomes `…`. */
export function fitted(text: string, cells: number): string {
  if (widthOf(text) <= cells) return text
  if (cells <= 0) return ''
  let kept = ''
  let keptWidth = 0
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  for (const { segment } of segmenter.segment(text)) {
    const width = widthOf(segment)
    if (keptWidth + width > cells - 1) break
    kept += segment
    keptWidth += width
  }
  return `${kept}…`
}

/** The text with spaces behind it up to `cells`; never cut. */
export function padded(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - widthOf(text)))
}

/** One line with `left` at its beginning and `right` at its end; the left one gives way, and the right one where nothing else would fit. */
export function spread(left: string, right: string, cells: number): string {
  const room = cells - widthOf(right) - 2
  return room < MIN_LEFT_CELLS ? fitted(left, cells) : `${padded(fitted(left, room), room)}  ${right}`
}

const MIN_LEFT_CELLS = 4

/** Made when first needed: that takes 10 ms. */
let segmenter: Intl.Segmenter | undefined

/** The text in lines of at most `cells` cells, broken between words; a longer word has a line of its own. */
export function wrapped(text: string, cells: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(longer) > cells) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}
