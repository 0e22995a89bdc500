import { ProtocolError } from './errors.ts'

const BITS_OF_BYTE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  return count
})

/**
 * Which of a torrent's pieces someone has, in the order of the wire: bit 7 of byte 0 is piece 0 (BEP 3, "bitfield").
 *
 * Invariants: the spare bits after the last piece are zero, and `count` is the number of bits set.
 */
export class Bitfield {
  readonly size: number
  /** The live bytes, to read or send. Whoever wants to change a bit calls `set` or `clear`, or the count goes wrong. */
  readonly bytes: Uint8Array
  /** The same bytes four at a time (and up to three zeros after them): for comparing, where byte order does not matter. */
  readonly #words: Uint32Array
  #count = 0

  private constructor(size: number) {
    const words = new Uint32Array(Math.ceil(size / 32))
    this.size = size
    this.bytes = new Uint8Array(words.buffer, 0, byteLength(size))
    this.#words = words
  }

  static empty(size: number): Bitfield {
    return new Bitfield(size)
  }

  static full(size: number): Bitfield {
    const field = Bitfield.empty(size)
    field.setAll()
    return field
  }

  /**
   * Copies `bytes`, so they may be a view that is about to go away.
   * @throws {ProtocolError} `BITFIELD_LENGTH`, `BITFIELD_SPARE_BITS`
   */
  static fromBytes(bytes: Uint8Array, size: number): Bitfield {
    if (bytes.length !== byteLength(size)) {
      const wanted = byteLength(size)
      throw new ProtocolError('BITFIELD_LENGTH', `Cannot read a bitfield of ${bytes.length} bytes: ${size} pieces take ${wanted}`)
    }
    if (bytes.length > 0 && (bytes[bytes.length - 1]! & ~lastByteMask(size) & 0xff) !== 0) {
      throw new ProtocolError('BITFIELD_SPARE_BITS', `Cannot read a bitfield of ${size} pieces: a bit after the last piece is set`)
    }
    const field = new Bitfield(size)
    field.bytes.set(bytes)
    for (const byte of bytes) field.#count += BITS_OF_BYTE[byte]!
    return field
  }

  get count(): number {
    return this.#count
  }

  get isComplete(): boolean {
    return this.#count === this.size
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** False for an index that is no piece. */
  has(index: number): boolean {
    return index >= 0 && index < this.size && (this.bytes[index >>> 3]! & (0x80 >>> (index & 7))) !== 0
  }

  /** @returns whether the bit was clear before */
  set(index: number): boolean {
    const mask = this.#mask(index)
    const at = index >>> 3
    if ((this.bytes[at]! & mask) !== 0) return false
    this.bytes[at]! |= mask
    this.#count++
    return true
  }

  /** @returns whether the bit was set before */
  clear(index: number): boolean {
    const mask = this.#mask(index)
    const at = index >>> 3
    if ((this.bytes[at]! & mask) === 0) return false
    this.bytes[at]! &= ~mask
    this.#count--
    return true
  }

  setAll(): void {
    this.bytes.fill(0xff)
    if (this.bytes.length > 0) this.bytes[this.bytes.length - 1] = lastByteMask(this.size)
    this.#count = this.size
  }

  clearAll(): void {
    this.bytes.fill(0)
    this.#count = 0
  }

  clone(): Bitfield {
    const copy = new Bitfield(this.size)
    copy.bytes.set(this.bytes)
    copy.#count = this.#count
    return copy
  }

  /** A copy, for whoever keeps it. */
  toBytes(): Uint8Array {
    return this.bytes.slice()
  }

  /** Does `other` have a piece that this one lacks? Both are of one torrent. */
  intersectsMissing(other: Bitfield): boolean {
    if (this.isComplete || other.isEmpty) return false
    if (other.#count > this.#count) return true
    const mine = this.#words
    const theirs = other.#words
    for (let at = 0; at < mine.length; at++) {
      if ((theirs[at]! & ~mine[at]!) !== 0) return true
    }
    return false
  }

  /** Calls back with each index set, in rising order. */
  forEachSet(callback: (index: number) => void): void {
    for (let at = 0; at < this.bytes.length; at++) {
      let rest = this.bytes[at]!
      while (rest !== 0) {
        const bit = Math.clz32(rest) - 24
        callback(at * 8 + bit)
        rest &= ~(0x80 >>> bit)
      }
    }
  }

  /** A piece that does not exist is our own mistake: indices of strangers are checked against the geometry first. */
  #mask(index: number): number {
    if (!(index >= 0 && index < this.size)) throw new RangeError(`Cannot happen: no piece ${index} among ${this.size}`)
    return 0x80 >>> (index & 7)
  }
}

function byteLength(size: number): number {
  return Math.ceil(size / 8)
}

/** The bits of the last byte that stand for pieces. */
function lastByteMask(size: number): number {
  const used = size % 8
  return used === 0 ? 0xff : (0xff00 >>> used) & 0xff
}
