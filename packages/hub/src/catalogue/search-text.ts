/**
 * Text as the search sees it, the same for what is indexed and for what is asked.
 *
 *     "Bài giảng-04.mp4"   words:  bai giang 4 mp4 mp 4      letters:  baigiang4mp4
 *     "机器学习 S01E02"      words:  机 器 学 习 s01e02 s 1 e 2   letters:  机器学习s1e2
 *
 * Marks, case and width go; so do zeros before a number. Words end at anything that is no letter or digit, and where letters
 * meet digits. Scripts that write no borders between words are taken apart into characters, and a run of them is asked for
 * as a phrase. The letters, with all borders gone, are for parts of words and for words that were typed as one.
 */

/** A question of more words than this is no question. */
const MAX_TERMS = 16
/** Shorter parts of words are in nearly every name. */
const MIN_LETTERS = 3

/** Letters with a stroke or a ligature, which no normal form takes apart. */
const PLAIN_LETTERS: ReadonlyMap<string, string> = new Map([
  ['đ', 'd'],
  ['ð', 'd'],
  ['ø', 'o'],
  ['ł', 'l'],
  ['ħ', 'h'],
  ['ŧ', 't'],
  ['ı', 'i'],
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['þ', 'th'],
])
const SPECIAL = new RegExp(`[${[...PLAIN_LETTERS.keys()].join('')}]`, 'gu')
/** Accents, tones, voicing marks. Not the vowel signs of Indic scripts: without them another word would be left. */
const MARKS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a]/gu
const ASCII = /^[\u0020-\u007e]*$/
const SEPARATORS = /[^\p{L}\p{N}\p{M}]+/u
const BORDERLESS_SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar'].map((name) => `\\p{Script=${name}}`).join('')
const BORDERLESS = new RegExp(`[${BORDERLESS_SCRIPTS}]`, 'u')
/** A number, one character of a script without word borders, or a word. */
const PIECES = new RegExp(`\\p{Nd}+|[${BORDERLESS_SCRIPTS}]\\p{M}*|(?:(?![${BORDERLESS_SCRIPTS}])[\\p{L}\\p{M}\\p{Nl}\\p{No}])+`, 'gu')
const BORDERS = new RegExp(SEPARATORS, 'gu')
const LEADING_ZEROS = /(?<!\p{Nd})0+(?=\p{Nd})/gu
const NUMBER = /^\p{Nd}+$/u

/** Without marks, case and width: two texts that differ only so are equal. */
export function foldText(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return text
    .normalize('NFKD')
    .replace(MARKS, '')
    .normalize('NFKC')
    .toLowerCase()
    .replace(SPECIAL, (letter) => PLAIN_LETTERS.get(letter) ?? letter)
}

/** What stands between two separators, and the pieces it falls into. */
interface Run {
  readonly whole: string
  readonly pieces: readonly string[]
}

function runsOf(text: string): Run[] {
  const runs: Run[] = []
  for (const whole of foldText(text).split(SEPARATORS)) {
    const pieces = (whole.match(PIECES) ?? []).map((piece) => (NUMBER.test(piece) ? piece.replace(/^0+(?=\p{Nd})/u, '') : piece))
    if (pieces.length > 0) runs.push({ whole, pieces })
  }
  return runs
}

/** What goes into the index of words. */
export function indexedWords(texts: readonly string[]): string {
  const words: string[] = []
  for (const { whole, pieces } of texts.flatMap(runsOf)) {
    if (pieces.length > 1 && !BORDERLESS.test(whole)) words.push(whole)
    words.push(...pieces)
  }
  return words.join(' ')
}

/** What goes into the index of trigrams: each text in one piece. */
export function indexedLetters(texts: readonly string[]): string {
  return texts.map(lettersOf).join(' ')
}

/** All letters and digits, without any border. */
export function lettersOf(text: string): string {
  return lettersOfFolded(foldText(text))
}

/** The same of text that is folded already. */
export function lettersOfFolded(folded: string): string {
  return folded.replace(LEADING_ZEROS, '').replace(BORDERS, '')
}

/** A question, in the language of FTS5. Nothing in it but letters, digits and our own operators. */
export interface SearchExpression {
  readonly words: string
  /** Undefined when the question is too short to look for it inside of words. */
  readonly letters: string | undefined
}

/** @returns undefined when there is no letter and no digit in the question */
export function searchExpression(question: string): SearchExpression | undefined {
  const runs = runsOf(question).slice(0, MAX_TERMS)
  if (runs.length === 0) return undefined
  const parts = runs.map((run) => run.pieces.join(''))
  const alternatives = [parts.join('')].filter(isLongEnough).map(quoted)
  if (parts.length > 1 && parts.every(isLongEnough)) alternatives.push(`(${parts.map(quoted).join(' AND ')})`)
  return {
    words: runs.map(expressionOf).join(' AND '),
    letters: alternatives.length === 0 ? undefined : alternatives.join(' OR '),
  }
}

function expressionOf({ whole, pieces }: Run): string {
  const phrase = quoted(pieces.join(' ')) + (mayGoOn(pieces.at(-1)) ? '*' : '')
  if (pieces.length === 1 || BORDERLESS.test(whole)) return phrase
  return `(${quoted(whole)}* OR ${phrase})`
}

/** The beginning of a word finds the word; the beginning of a number is another number. */
function mayGoOn(piece: string | undefined): boolean {
  return piece !== undefined && !NUMBER.test(piece) && !BORDERLESS.test(piece)
}

function isLongEnough(letters: string): boolean {
  return Array.from(letters).length >= MIN_LETTERS
}

/** Any of the trigrams of a text: finds what is like it. Undefined for a text that has none. */
export function likenessExpression(text: string): string | undefined {
  const trigrams = trigramsOf(lettersOf(text))
  return trigrams.size === 0 ? undefined : [...trigrams].map(quoted).join(' OR ')
}

/** At most the first hundred. */
export function trigramsOf(letters: string): Set<string> {
  const characters = Array.from(letters).slice(0, 102)
  const trigrams = new Set<string>()
  for (let at = 0; at + 3 <= characters.length; at++) trigrams.add(characters.slice(at, at + 3).join(''))
  return trigrams
}

function quoted(text: string): string {
  return `"${text}"`
}
