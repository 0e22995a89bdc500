import { NAME_PATTERN } from '@shoal/api/hub-api'
import type { ProblemError } from '@shoal/api/problem'
import { invalidField } from '@shoal/door/invalid-field'
import { cleanText } from '@shoal/protocol/clean-text'

/** A name that an account may have, and what it is found by. */
export interface PersonName {
  /** As it is shown. */
  readonly name: string
  /** Equal for names that look alike. */
  readonly key: string
}

/** @throws {ProblemError} `VALIDATION`: no name, or one that would pass for somebody else. */
export function personName(given: string): PersonName {
  const name = given.normalize('NFC')
  if (!PATTERN.test(name) || cleanText(name, MAX_NAME_CHARACTERS) !== name) {
    throw refused(`It has 1 to ${MAX_NAME_CHARACTERS} letters and digits of any script, and between them space . _ -`)
  }
  const key = nameKey(name)
  if (RESERVED.has(key)) throw refused(`"${name}" could be taken for the hub itself: choose another name`)
  return { name, key }
}

/**
 * What of a name the eye holds on to: no case, no width, no marks on letters (`Đặng` is `dang`), one kind of separator, and the Latin
 * letter for its twins in Cyrillic and Greek. Marks that are letters of their own (Thai vowels, Japanese voicing) stay.
 *
 * It is stored with each account: whoever changes it migrates the accounts.
 */
export function nameKey(name: string): string {
  // by way of capitals, which bring old and joined forms of letters to the usual ones
  const folded = name.normalize('NFKC').normalize('NFD').replace(MARKS, '').toUpperCase().toLowerCase().normalize('NFC')
  let key = ''
  for (const letter of folded) key += TWINS.get(letter) ?? letter
  return key.replace(SEPARATORS, '-')
}

export const MAX_NAME_CHARACTERS = 40
const PATTERN = new RegExp(NAME_PATTERN, 'u')
/** The marks that are put on letters of the alphabets which people swap by sight. */
const MARKS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/gu
const SEPARATORS = /[\s._-]+/gu

/** Letters that do not come apart into a letter and a mark, and letters of other alphabets that look like a Latin one. */
const TWINS = new Map([
  ...pairs('đ ð ħ ı ł ø ŧ', 'd d h i l o t'),
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ...pairs('а в е к м н о р с т у х і ј ѕ һ ԁ ԛ ԝ ѵ ӏ', 'a b e k m h o p c t y x i j s h d q w v l'),
  ...pairs('α β ε ι κ ν ο ρ τ υ χ ς', 'a b e i k v o p t u x σ'),
])

function pairs(from: string, to: string): [string, string][] {
  const letters = to.split(' ')
  return from.split(' ').map((letter, at) => [letter, letters[at] ?? letter])
}

/** Names by which the hub speaks, and those that people trust without asking. */
const RESERVED: ReadonlySet<string> = new Set(
  'hub operator owner admin administrator moderator mod member guest visitor anonymous nobody everybody everyone system root shoal server support staff official security'
    .split(' ')
    .map(nameKey),
)

function refused(detail: string): ProblemError {
  return invalidField('name', `This name cannot be used. ${detail}`)
}
