/**
 * The scan behind `bencode.ts`: goes over the bytes once, checks everything, and writes down where each value lies.
 *
 * Values are made later, when somebody asks for them, so a file of three million tiny values costs twelve bytes for
 * each and not an object. There is no recursion, and nothing is allocated on the word of a length whose bytes are not
 * there.
 */

import { latin1 } from './bytes.ts'
import { ProtocolError } from './errors.ts'

export interface BencodeLimits {
  /** How deep lists and dictionaries may lie in each other. The deepest honest ones are v2 file trees. */
  readonly maxDepth: number
  /** Values and keys together: bounds the memory, which is 12 bytes for each. */
  readonly maxTokens: number
  readonly maxBytes: number
  /** Accept keys in any order, for messages whose bytes nobody hashes. */
  readonly allowUnsortedKeys: boolean
}

export const DEFAULT_BENCODE_LIMITS: Readonly<BencodeLimits> = Object.freeze({
  maxDepth: 100,
  maxTokens: 3_000_000,
  maxBytes: 64 * 1024 * 1024,
  allowUnsortedKeys: false,
})

/** 2^64 has 20 digits, and nothing in any BEP counts further. */
const MAX_INTEGER_DIGITS = 20
/** A string of 10^10 bytes is longer than any `maxBytes`. */
const MAX_LENGTH_DIGITS = 10

const CHAR_COLON = 0x3a
const CHAR_MINUS = 0x2d
const CHAR_ZERO = 0x30
const CHAR_E = 0x65
export const CHAR_D = 0x64
export const CHAR_I = 0x69
export const CHAR_L = 0x6c

/** Three numbers a token: where it starts, where it ends, and which token comes after it and all that lies in it. */
const STRIDE = 3

/**
 * Where every value and key of some checked bytes lies, parents before children, keys before their values:
 *
 * ```
 * d 1:a l i1e i2e e 1:b 0: e        token 0 d…e   next 7
 * 0 1   2 3   4     5   6           token 2 l…e   next 5
 * ```
 */
export class TokenTable {
  readonly bytes: Uint8Array
  size = 0
  #numbers: Int32Array = new Int32Array(16 * STRIDE)

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Adds a token whose end is not known yet. @returns its index */
  open(start: number): number {
    const at = this.size * STRIDE
    if (at === this.#numbers.length) {
      const larger = new Int32Array(2 * at)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[at] = start
    return this.size++
  }

  /** The token ends here, and the tokens since it was opened lie in it. */
  close(token: number, end: number): void {
    this.#numbers[token * STRIDE + 1] = end
    this.#numbers[token * STRIDE + 2] = this.size
  }

  next(token: number): number {
    return this.#numbers[token * STRIDE + 2]!
  }

  raw(token: number): Uint8Array {
    return this.bytes.subarray(this.#start(token), this.#end(token))
  }

  /** The byte a token starts with: `d`, `l`, `i`, or a digit for a string. */
  kind(token: number): number {
    return this.bytes[this.#start(token)]!
  }

  string(token: number): Uint8Array {
    return this.bytes.subarray(this.#contentStart(token), this.#end(token))
  }

  /** Is this string the given latin1 text? */
  isString(token: number, text: string): boolean {
    const start = this.#contentStart(token)
    if (this.#end(token) - start !== text.length) return false
    for (let at = 0; at < text.length; at++) {
      if (this.bytes[start + at] !== text.charCodeAt(at)) return false
    }
    return true
  }

  /** The order of two strings, as `compareBytes`, without making a view of either. */
  compareStrings(a: number, b: number): number {
    const aStart = this.#contentStart(a)
    const bStart = this.#contentStart(b)
    const aLength = this.#end(a) - aStart
    const bLength = this.#end(b) - bStart
    const shared = Math.min(aLength, bLength)
    for (let at = 0; at < shared; at++) {
      const difference = this.bytes[aStart + at]! - this.bytes[bStart + at]!
      if (difference !== 0) return difference
    }
    return aLength - bLength
  }

  #start(token: number): number {
    return this.#numbers[token * STRIDE]!
  }

  #end(token: number): number {
    return this.#numbers[token * STRIDE + 1]!
  }

  /** After the colon: the scan has seen that there is one. */
  #contentStart(token: number): number {
    let at = this.#start(token)
    while (this.bytes[at] !== CHAR_COLON) at++
    return at + 1
  }

  integer(token: number): number | bigint {
    const digits = latin1(this.bytes.subarray(this.#start(token) + 1, this.#end(token) - 1))
    const value = Number(digits)
    return Number.isSafeInteger(value) ? value : BigInt(digits)
  }
}

/**
 * Checks the value at the start of the bytes and fills the table.
 * @returns where the value ended
 * @throws {ProtocolError} `BENCODE_…`
 */
export function scan(table: TokenTable, limits: BencodeLimits): number {
  const { bytes } = table
  if (bytes.length > limits.maxBytes) {
    throw new ProtocolError('BENCODE_TOO_LARGE', `Cannot read bencode of ${bytes.length} bytes: the limit is ${limits.maxBytes}`)
  }
  const open: OpenContainer[] = []
  let inside: OpenContainer | undefined
  let at = 0
  for (;;) {
    const byte = bytes[at]
    if (byte === undefined) throw truncated(at, inside === undefined ? 'a value' : 'the end of a list or dictionary')
    if (table.size >= limits.maxTokens && byte !== CHAR_E) {
      throw new ProtocolError('BENCODE_TOO_MANY_TOKENS', `Cannot read bencode of more than ${limits.maxTokens} values and keys`)
    }
    if (inside !== undefined && byte === CHAR_E) {
      if (inside.key !== undefined) throw unexpected(bytes, at, 'the value of a key')
      at++
      table.close(inside.token, at)
      if (!inside.isSorted) refuseDuplicates(table, inside.token)
      open.pop()
      inside = open.at(-1)
    } else if (inside?.isDictionary && inside.key === undefined) {
      if (!isDigit(byte)) throw new ProtocolError('BENCODE_KEY_TYPE', `Cannot read bencode: the key at byte ${at} is not a string`)
      const token = table.open(at)
      at = stringEnd(bytes, at)
      table.close(token, at)
      if (inside.previousKey !== undefined) checkKeyOrder(table, inside, token, limits)
      inside.key = token
      continue
    } else if (byte === CHAR_L || byte === CHAR_D) {
      if (open.length >= limits.maxDepth) {
        throw new ProtocolError(
          'BENCODE_TOO_DEEP',
          `Cannot read bencode with more than ${limits.maxDepth} lists and dictionaries in each other`,
        )
      }
      inside = { token: table.open(at), isDictionary: byte === CHAR_D, key: undefined, previousKey: undefined, isSorted: true }
      open.push(inside)
      at++
      continue
    } else if (byte === CHAR_I || isDigit(byte)) {
      const token = table.open(at)
      at = byte === CHAR_I ? integerEnd(bytes, at) : stringEnd(bytes, at)
      table.close(token, at)
    } else {
      throw unexpected(bytes, at, inside === undefined || inside.isDictionary ? 'a value' : 'a value or the end of the list')
    }
    // A value is complete.
    if (inside === undefined) return at
    inside.previousKey = inside.key
    inside.key = undefined
  }
}

/** A list or dictionary whose end has not come yet. */
interface OpenContainer {
  readonly token: number
  readonly isDictionary: boolean
  /** The token of the key whose value comes next; undefined when a key comes next, and in lists. */
  key: number | undefined
  previousKey: number | undefined
  isSorted: boolean
}

function checkKeyOrder(table: TokenTable, inside: OpenContainer, key: number, limits: BencodeLimits): void {
  const order = table.compareStrings(inside.previousKey!, key)
  if (order < 0) return
  if (order === 0) throw duplicateKey(table.string(key))
  if (!limits.allowUnsortedKeys) {
    const shown = JSON.stringify(latin1(table.string(key).subarray(0, 40)))
    throw new ProtocolError('BENCODE_KEY_ORDER', `Cannot read bencode: the key ${shown} comes after one that sorts behind it`)
  }
  inside.isSorted = false
}

/** In sorted keys a duplicate stands beside its twin; in others it may be anywhere. */
function refuseDuplicates(table: TokenTable, dictionary: number): void {
  const seen = new Set<string>()
  for (let key = dictionary + 1; key < table.next(dictionary); key = table.next(key + 1)) {
    const text = latin1(table.string(key))
    if (seen.has(text)) throw duplicateKey(table.string(key))
    seen.add(text)
  }
}

/** `i`, an optional minus, digits, `e`; no leading zero, no `-0`. @returns the offset after the `e` */
function integerEnd(bytes: Uint8Array, start: number): number {
  const isNegative = bytes[start + 1] === CHAR_MINUS
  const first = start + (isNegative ? 2 : 1)
  let at = first
  while (isDigit(bytes[at])) {
    if (++at - first > MAX_INTEGER_DIGITS) throw badInteger(start, `it has more than ${MAX_INTEGER_DIGITS} digits`)
  }
  if (at >= bytes.length) throw truncated(at, 'the end of an integer')
  if (bytes[at] !== CHAR_E) throw badInteger(start, 'something else than digits is in it')
  if (at === first) throw badInteger(start, 'it has no digits')
  if (bytes[first] === CHAR_ZERO && (isNegative || at > first + 1)) throw badInteger(start, 'it has a leading zero, or is minus zero')
  return at + 1
}

/** Digits, a colon, and that many bytes. @returns the offset after them */
function stringEnd(bytes: Uint8Array, start: number): number {
  let length = 0
  let at = start
  for (let byte = bytes[at]; isDigit(byte); byte = bytes[at]) {
    length = length * 10 + (byte - CHAR_ZERO)
    if (++at - start > MAX_LENGTH_DIGITS) throw badLength(start, `has more than ${MAX_LENGTH_DIGITS} digits`)
  }
  if (at >= bytes.length) throw truncated(at, 'the colon after the length of a string')
  if (bytes[at] !== CHAR_COLON) throw badLength(start, 'is not followed by a colon')
  if (bytes[start] === CHAR_ZERO && at > start + 1) throw badLength(start, 'has a leading zero')
  const end = at + 1 + length
  if (end > bytes.length) {
    throw new ProtocolError('BENCODE_TRUNCATED', `Cannot read a string of ${length} bytes: ${bytes.length - at - 1} are left`)
  }
  return end
}

function isDigit(byte: number | undefined): byte is number {
  return byte !== undefined && byte >= CHAR_ZERO && byte <= 0x39
}

function truncated(at: number, expected: string): ProtocolError {
  return new ProtocolError('BENCODE_TRUNCATED', `Cannot read bencode: it ends at byte ${at}, where ${expected} was expected`)
}

function unexpected(bytes: Uint8Array, at: number, expected: string): ProtocolError {
  const byte = bytes[at]!.toString(16).padStart(2, '0')
  return new ProtocolError('BENCODE_UNEXPECTED_BYTE', `Cannot read bencode: byte ${at} is 0x${byte}, where ${expected} was expected`)
}

function badInteger(at: number, fault: string): ProtocolError {
  return new ProtocolError('BENCODE_INTEGER', `Cannot read the integer at byte ${at}: ${fault}`)
}

function badLength(at: number, fault: string): ProtocolError {
  return new ProtocolError('BENCODE_STRING_LENGTH', `Cannot read the string at byte ${at}: its length ${fault}`)
}

function duplicateKey(key: Uint8Array): ProtocolError {
  const shown = JSON.stringify(latin1(key.subarray(0, 40)))
  return new ProtocolError('BENCODE_KEY_DUPLICATE', `Cannot read bencode: the key ${shown} is there twice in one dictionary`)
}
