import { hexDigit } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'

/**
 * Query strings as trackers use them: values are raw bytes, not text. `URLSearchParams` would read them as
 * UTF-8 and destroy an info hash.
 */

/** Seventy-four info hashes with every byte escaped take about 5,300. */
const MAX_QUERY_LENGTH = 8_192

/** Letters, digits and `-._~` as they are, every other byte as `%XX`. */
export function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += ENCODED[byte]
  return text
}

/**
 * The bytes that a percent-encoded text stands for, each character of it being a byte. `+` is itself, as
 * in any URL.
 *
 * @returns undefined when a `%` is not followed by two hex digits, or a character is no byte
 */
export function percentDecode(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length)
  const length = percentDecodeInto(text, 0, text.length, bytes)
  return length < 0 ? undefined : bytes.subarray(0, length)
}

/**
 * The same of a part of a text. What `into` has no room for is counted and not written.
 *
 * @returns how many bytes the part stands for, or -1 when it is none
 */
export function percentDecodeInto(text: string, from: number, to: number, into: Uint8Array): number {
  let length = 0
  for (let at = from; at < to; at++) {
    let byte = text.charCodeAt(at)
    if (byte === PERCENT) {
      if (at + 2 >= to) return -1
      const high = hexDigit(text.charCodeAt(at + 1))
      const low = hexDigit(text.charCodeAt(at + 2))
      if (high < 0 || low < 0) return -1
      byte = high * 16 + low
      at += 2
    } else if (byte > 0xff) {
      return -1
    }
    if (length < into.length) into[length] = byte
    length++
  }
  return length
}

/** @throws {ProtocolError} `TRACKER_QUERY` */
export function expectShort(rawQuery: string): void {
  if (rawQuery.length <= MAX_QUERY_LENGTH) return
  throw new ProtocolError('TRACKER_QUERY', `Cannot read a query of ${rawQuery.length} bytes: the limit is ${MAX_QUERY_LENGTH}`)
}

/**
 * Calls back for every `name=value` of a query, in order, both still encoded (tracker parameters have plain
 * names).
 *
 * @throws {ProtocolError} `TRACKER_QUERY` when it is too long
 */
export function forEachParameter(rawQuery: string, callback: (name: string, rawValue: string) => void): void {
  expectShort(rawQuery)
  let start = 0
  while (start < rawQuery.length) {
    const ampersand = rawQuery.indexOf('&', start)
    const end = ampersand < 0 ? rawQuery.length : ampersand
    const equals = rawQuery.indexOf('=', start)
    if (equals >= 0 && equals < end) callback(rawQuery.slice(start, equals), rawQuery.slice(equals + 1, end))
    start = end + 1
  }
}

const PERCENT = 0x25

const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return /[A-Za-z0-9\-._~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})
