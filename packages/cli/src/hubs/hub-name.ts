import { FILE_NAME_CHARACTERS } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { cleanText } from '@shoal/protocol/clean-text'
import { ProtocolError } from '@shoal/protocol/errors'
import { safeName } from '@shoal/protocol/metainfo/safe-path'

/**
 * The name under which something is shared, by the rules of a hub: looked at before an hour of hashing rather than after it.
 *
 * @throws {ProblemError} `VALIDATION`
 */
export function sharedName(given: string): string {
  const name = cleanText(given, FILE_NAME_CHARACTERS)
  const safe = fileNameOf(name)
  if (name !== '' && safe === name) return name
  const instead = name === '' || safe === undefined ? '' : `. ${JSON.stringify(safe)} would do`
  const detail = `cannot be the name of a file on every system${instead}`
  throw new ProblemError('VALIDATION', `${JSON.stringify(name)} ${detail}`, { errors: [{ field: 'name', detail }] })
}

/** A name from a hub as a file may have it; undefined when nothing is left of it. */
export function fileNameOf(name: string): string | undefined {
  try {
    return safeName(encodeUtf8(cleanText(name, FILE_NAME_CHARACTERS)))
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** Equal for names that are one and the same to people, as hubs compare them. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
}
