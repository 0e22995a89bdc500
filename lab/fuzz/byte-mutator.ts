/** Changes that know nothing of a format: bits, spans, numbers, tokens. */

import type { Random } from '@shoal/engine/simulation'
import { setUint16, setUint32, uint16, uint32 } from '@shoal/protocol/bytes'

export interface ByteMutatorOptions {
  readonly random: Random
  /** What stands in such inputs: key names, numbers, whole messages. */
  readonly tokens: readonly Uint8Array[]
}

const INTERESTING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x20, 0x2e, 0x2f, 0x5c, 0x3a, 0x25, 0x64, 0x65, 0x69, 0x6c, 0x30]
const INTERESTING_NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  8,
  13,
  16,
  19,
  20,
  21,
  32,
  67,
  68,
  69,
  127,
  128,
  255,
  256,
  1023,
  1024,
  16_383,
  16_384,
  16_385,
  32_768,
  65_535,
  65_536,
  131_072,
  131_073,
  1 << 20,
  (1 << 20) + 1,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_fffe,
  0xffff_ffff,
]
/** Around every limit that somebody may have, and beyond what numbers hold. */
export const INTERESTING_DECIMALS: readonly string[] = (
  '0 -0 00 1 -1 2 7 19 20 21 32 255 256 16384 65535 65536 2097152 2097153 2147483647 2147483648 4294967295 4294967296 9007199254740991 ' +
  '9007199254740992 9223372036854775807 -9223372036854775808 18446744073709551615 99999999999999999999 999999999999999999999'
).split(' ')
const MAX_CHANGES = 8
const LONGEST_SPAN = 64

export class ByteMutator {
  readonly #random: Random
  readonly #tokens: readonly Uint8Array[]

  constructor(options: ByteMutatorOptions) {
    this.#random = options.random
    this.#tokens = options.tokens
  }

  /** One to eight changes, mostly few. */
  change(bytes: Uint8Array): Uint8Array {
    let changed = bytes
    for (let count = 1; count <= MAX_CHANGES; count++) {
      changed = this.#changeOnce(changed)
      if (this.#random.chance(1 / 2)) break
    }
    return changed
  }

  #changeOnce(bytes: Uint8Array): Uint8Array {
    const random = this.#random
    const at = random.below(bytes.length + 1)
    const end = Math.min(bytes.length, at + 1 + random.below(LONGEST_SPAN))
    switch (random.below(16)) {
      case 0:
        return withBytes(bytes, at, (copy) => {
          copy[at]! ^= 1 << random.below(8)
        })
      case 1:
        return withBytes(bytes, at, (copy) => {
          copy[at] = random.below(256)
        })
      case 2:
        return withBytes(bytes, at, (copy) => {
          copy[at] = pick(random, INTERESTING_BYTES)
        })
      case 3:
        return replaced(bytes, at, at, random.bytes(1 + random.below(8)))
      case 4:
        return replaced(bytes, at, end, NOTHING)
      case 5:
        return replaced(bytes, at, at, bytes.subarray(at, end))
      case 6: {
        const from = random.below(bytes.length + 1)
        return replaced(bytes, at, end, bytes.subarray(from, from + random.below(LONGEST_SPAN)))
      }
      case 7:
      case 8:
        return this.#withNumber(bytes, at)
      case 9:
      case 10:
        return this.#tokens.length === 0 ? bytes : replaced(bytes, at, at, pick(random, this.#tokens))
      case 11: {
        if (this.#tokens.length === 0) return bytes
        const token = pick(random, this.#tokens)
        return replaced(bytes, at, at + token.length, token)
      }
      case 12:
        return bytes.slice(0, at)
      case 13:
      case 14:
        return this.#withDecimal(bytes, at)
      default:
        return replaced(bytes, at, at, repeated(bytes.subarray(at, Math.min(end, at + 8)), 1 + random.below(200)))
    }
  }

  /** A length or an index, if chance will have it: set to something telling, or moved by a little. */
  #withNumber(bytes: Uint8Array, at: number): Uint8Array {
    const random = this.#random
    const value = pick(random, INTERESTING_NUMBERS)
    const delta = random.below(9) - 4
    const isDelta = random.chance(1 / 2)
    if (random.chance(2 / 3) && at + 4 <= bytes.length) {
      return withBytes(bytes, at, (copy) => setUint32(copy, at, isDelta ? uint32(copy, at) + delta : value))
    }
    if (at + 2 > bytes.length) return bytes
    return withBytes(bytes, at, (copy) => setUint16(copy, at, isDelta ? uint16(copy, at) + delta : value))
  }

  /** The digits at or after `at` become others: the lengths and integers of bencode, the numbers of a query. */
  #withDecimal(bytes: Uint8Array, at: number): Uint8Array {
    let begin = at
    while (begin < bytes.length && !isDigit(bytes[begin])) begin++
    let end = begin
    while (end < bytes.length && isDigit(bytes[end]) && end - begin < 20) end++
    if (begin === end) return bytes
    const old = Number(String.fromCharCode(...bytes.subarray(begin, end)))
    const isNear = this.#random.chance(1 / 2) && Number.isSafeInteger(old)
    const text = isNear ? String(Math.max(0, old + this.#random.below(5) - 2)) : pick(this.#random, INTERESTING_DECIMALS)
    return replaced(bytes, begin, end, asciiBytes(text))
  }
}

const NOTHING = new Uint8Array(0)

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)]!
}

/** `bytes` with what lies from `begin` to before `end` replaced; both may lie behind the last byte. */
export function replaced(bytes: Uint8Array, begin: number, end: number, by: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(end, bytes.length))
  const result = new Uint8Array(begin + by.length + tail.length)
  result.set(bytes.subarray(0, begin))
  result.set(by, begin)
  result.set(tail, begin + by.length)
  return result
}

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function withBytes(bytes: Uint8Array, at: number, change: (copy: Uint8Array) => void): Uint8Array {
  if (at >= bytes.length) return bytes
  const copy = bytes.slice()
  change(copy)
  return copy
}

function repeated(bytes: Uint8Array, count: number): Uint8Array {
  const result = new Uint8Array(bytes.length * count)
  for (let copy = 0; copy < count; copy++) result.set(bytes, copy * bytes.length)
  return result
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
