import { FILE_NAME_CHARACTERS, MAX_TAGS } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { cleanText } from '@shoal/protocol/clean-text'
import { ProtocolError } from '@shoal/protocol/errors'
import { safeName } from '@shoal/protocol/metainfo/safe-path'

/** Some characters stand for many once they are normalised; a name is not made of those. */
const MAX_KEY_CHARACTERS = 400
const MAX_DESCRIPTION_CHARACTERS = 4_000
const MAX_TAG_CHARACTERS = 40

/**
 * The name of an entry: what people read and type, and what the file is called where it is fetched. Spaces around it and
 * what nobody sees is dropped; a name that no disk could take is refused, so that nobody finds his file under another one.
 *
 * @throws {ProblemError} `VALIDATION`
 */
export function entryName(given: string): string {
  const name = cleanText(given, FILE_NAME_CHARACTERS)
  if (name === '') throw invalid('name', 'The name is empty, or shows nothing. Give one that people can read')
  const safe = asFileName(name)
  if (safe !== name) {
    const instead = safe === undefined ? '' : `. ${JSON.stringify(safe)} would do`
    throw invalid('name', `${JSON.stringify(name)} cannot be the name of a file on every system${instead}`)
  }
  if (nameKey(name).length > MAX_KEY_CHARACTERS) throw invalid('name', 'The name is too long once it is written out. Give a shorter one')
  return name
}

function asFileName(name: string): string | undefined {
  try {
    return safeName(encodeUtf8(name))
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** Equal for names that are one and the same to people: case, width and the number of spaces do not make another. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
}

/** Lines stay lines; everything else that steers a terminal goes. Undefined when nothing is left. */
export function entryDescription(given: string): string | undefined {
  const lines = given.split(/\r\n|\n|\r/).map((line) => cleanText(line, MAX_DESCRIPTION_CHARACTERS))
  return lines.join('\n').trim().slice(0, MAX_DESCRIPTION_CHARACTERS) || undefined
}

/**
 * Tags in their one form: lower case, no commas, each once, sorted.
 * @throws {ProblemError} `VALIDATION`
 */
export function entryTags(given: readonly string[]): string[] {
  const tags = new Set(given.map(tagOf).filter((tag) => tag !== ''))
  if (tags.size > MAX_TAGS) throw invalid('tags', `There are ${tags.size} tags, and an entry has at most ${MAX_TAGS}`)
  return [...tags].sort()
}

export function tagOf(given: string): string {
  return nameKey(cleanText(given.replaceAll(',', ' '), MAX_TAG_CHARACTERS))
}

export function invalid(field: string, detail: string): ProblemError {
  return new ProblemError('VALIDATION', detail, { errors: [{ field, detail }] })
}
