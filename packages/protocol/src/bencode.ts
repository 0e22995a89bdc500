/**
 * Bencode (BEP 3, "bencoding"), both ways.
 *
 * Decoding is strict because an info hash is taken over exact bytes: what is accepted has one encoding only. Sorted
 * keys may be waived (`allowUnsortedKeys`) for what some trackers and peers send; duplicate keys never are.
 * Values are made when they are asked for, and strings are views, so decoding costs little (`bencode-scan.ts`).
 */

import { type BencodeLimits, CHAR_D, CHAR_I, CHAR_L, DEFAULT_BENCODE_LIMITS, scan, TokenTable } from './bencode-scan.ts'
import { compareBytes, concatBytes, encodeUtf8, fromLatin1, latin1 } from './bytes.ts'
import { ProtocolError } from './errors.ts'

/** A decoded value. Integers beyond 2^53 - 1 are bigint. Byte strings and `raw` are views into the decoded bytes. */
export type BencodeValue = number | bigint | Uint8Array | BencodeList | BencodeDictionary

/**
 * The one value that `bytes` are.
 * @throws {ProtocolError} `BENCODE_…`
 */
export function decodeBencode(bytes: Uint8Array, limits: Partial<BencodeLimits> = {}): BencodeValue {
  const { value, end } = decodeBencodePrefix(bytes, limits)
  if (end < bytes.length) throw new ProtocolError('BENCODE_TRAILING', `Cannot read bencode: ${bytes.length - end} bytes follow the value`)
  return value
}

/**
 * The value that `bytes` begin with, and where it ended: for messages that carry raw bytes after it (BEP 9).
 * @throws {ProtocolError} `BENCODE_…`
 */
export function decodeBencodePrefix(
  bytes: Uint8Array,
  limits: Partial<BencodeLimits> = {},
): { readonly value: BencodeValue; readonly end: number } {
  const table = new TokenTable(bytes)
  const end = scan(table, { ...DEFAULT_BENCODE_LIMITS, ...limits })
  return { value: valueAt(table, 0), end }
}

function valueAt(table: TokenTable, token: number): BencodeValue {
  const kind = table.kind(token)
  if (kind === CHAR_D) return new BencodeDictionary(table, token)
  if (kind === CHAR_L) return new BencodeList(table, token)
  if (kind === CHAR_I) return table.integer(token)
  return table.string(token)
}

/** A list. It is read in order; `raw` is its exact bytes. */
export class BencodeList implements Iterable<BencodeValue> {
  readonly #table: TokenTable
  readonly #token: number
  constructor(table: TokenTable, token: number) {
    this.#table = table
    this.#token = token
  }

  get raw(): Uint8Array {
    return this.#table.raw(this.#token)
  }

  get isEmpty(): boolean {
    return this.#table.next(this.#token) === this.#token + 1
  }

  *[Symbol.iterator](): Generator<BencodeValue, void> {
    const end = this.#table.next(this.#token)
    for (let token = this.#token + 1; token < end; token = this.#table.next(token)) yield valueAt(this.#table, token)
  }
}

/** A dictionary: byte strings to values, in the order of the bytes. Never a plain object, so no key has a meaning to us. */
export class BencodeDictionary {
  readonly #table: TokenTable
  readonly #token: number
  constructor(table: TokenTable, token: number) {
    this.#table = table
    this.#token = token
  }

  /** The exact bytes, from `d` to `e`: what an info hash is taken over. */
  get raw(): Uint8Array {
    return this.#table.raw(this.#token)
  }

  get isEmpty(): boolean {
    return this.#table.next(this.#token) === this.#token + 1
  }

  /**
   * The value of a key, given as latin1 (so ASCII names are themselves). It looks at one key after the other: right for
   * asking after a few known names. For many, walk `entries` once.
   */
  get(key: string): BencodeValue | undefined {
    const end = this.#table.next(this.#token)
    for (let token = this.#token + 1; token < end; token = this.#table.next(token + 1)) {
      if (this.#table.isString(token, key)) return valueAt(this.#table, token + 1)
    }
    return undefined
  }

  /** Undefined when the key is missing or its value is no byte string. The same for the three below. */
  getBytes(key: string): Uint8Array | undefined {
    const value = this.get(key)
    return value instanceof Uint8Array ? value : undefined
  }

  /** Only integers that a number holds exactly. */
  getInteger(key: string): number | undefined {
    const value = this.get(key)
    return typeof value === 'number' ? value : undefined
  }

  getList(key: string): BencodeList | undefined {
    const value = this.get(key)
    return value instanceof BencodeList ? value : undefined
  }

  getDictionary(key: string): BencodeDictionary | undefined {
    const value = this.get(key)
    return value instanceof BencodeDictionary ? value : undefined
  }

  *entries(): Generator<[key: Uint8Array, value: BencodeValue], void> {
    const end = this.#table.next(this.#token)
    for (let token = this.#token + 1; token < end; token = this.#table.next(token + 1)) {
      yield [this.#table.string(token), valueAt(this.#table, token + 1)]
    }
  }
}

const CHAR_E = 0x65

/** Bytes that are bencode already and go out as they are, such as an info dictionary whose hash must not change. */
export class Bencoded {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** What can be encoded. Text goes out as UTF-8. Keys given as text are ASCII; give others as bytes. */
export type EncodableValue = number | bigint | string | Uint8Array | Bencoded | readonly EncodableValue[] | EncodableDictionary
/** In any order: keys are sorted on the way out, and a key whose value is undefined is left out. */
export type EncodableDictionary = ReadonlyMap<string | Uint8Array, EncodableValue | undefined>

/** The one way to write a value. What it is given is ours, so a fault in it (a fraction, a key twice) is a plain Error. */
export function encodeBencode(value: EncodableValue): Uint8Array {
  const parts: Uint8Array[] = []
  encodeInto(parts, value)
  return concatBytes(parts)
}

function encodeInto(parts: Uint8Array[], value: EncodableValue): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`Cannot happen: ${value} is no integer to bencode`)
    parts.push(fromLatin1(`i${value}e`))
  } else if (typeof value === 'string') {
    encodeString(parts, encodeUtf8(value))
  } else if (value instanceof Uint8Array) {
    encodeString(parts, value)
  } else if (value instanceof Bencoded) {
    parts.push(value.bytes)
  } else if (isDictionary(value)) {
    parts.push(Uint8Array.of(CHAR_D))
    for (const [key, entry] of sortedEntries(value)) {
      encodeString(parts, key)
      encodeInto(parts, entry)
    }
    parts.push(Uint8Array.of(CHAR_E))
  } else {
    parts.push(Uint8Array.of(CHAR_L))
    for (const item of value) encodeInto(parts, item)
    parts.push(Uint8Array.of(CHAR_E))
  }
}

/** `instanceof Map` narrows to the mutable type; this narrows to ours. */
function isDictionary(value: readonly EncodableValue[] | EncodableDictionary): value is EncodableDictionary {
  return value instanceof Map
}

function encodeString(parts: Uint8Array[], bytes: Uint8Array): void {
  parts.push(fromLatin1(`${bytes.length}:`), bytes)
}

function sortedEntries(dictionary: EncodableDictionary): [key: Uint8Array, value: EncodableValue][] {
  const entries: [Uint8Array, EncodableValue][] = []
  for (const [key, value] of dictionary) {
    if (value !== undefined) entries.push([typeof key === 'string' ? encodeUtf8(key) : key, value])
  }
  entries.sort(([a], [b]) => compareBytes(a, b))
  for (const [index, [key]] of entries.entries()) {
    const previous = entries[index - 1]
    if (previous !== undefined && compareBytes(previous[0], key) === 0) {
      throw new Error(`Cannot happen: the key ${JSON.stringify(latin1(key))} is there twice`)
    }
  }
  return entries
}
