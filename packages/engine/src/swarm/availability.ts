import type { Bitfield } from '@shoal/protocol/bitfield'
import { RarityOrder } from './rarity-order.ts'

/** The highest urgency of a piece; 0 is none. */
export const MAX_LEVEL = 7

/**
 * How many connected peers have each piece, and the pieces to choose from in that order.
 *
 * Everything is counted; only pieces that somebody put on a level (1 to 7, one order each) are kept in order. The
 * picker puts there what it may begin, so nothing that we have or do not want is ever walked over.
 *
 * A peer that has everything counts once for all pieces: seeds come and go without touching a piece. A peer that gets
 * its last piece becomes such a peer, which is why every call takes its bits.
 */
export class Availability {
  readonly pieceCount: number
  /** Peers that have the piece, those with everything left out. */
  readonly #counts: Uint16Array
  readonly #levels: Uint8Array
  readonly #places: Int32Array
  /** Made when the first piece comes to that level: most torrents use one. */
  readonly #orders: (RarityOrder | undefined)[] = []
  #seedCount = 0
  #easings = 0

  constructor(pieceCount: number) {
    this.pieceCount = pieceCount
    this.#counts = new Uint16Array(pieceCount)
    this.#levels = new Uint8Array(pieceCount)
    this.#places = new Int32Array(pieceCount)
  }

  /** Connected peers that have everything. */
  get seedCount(): number {
    return this.#seedCount
  }

  /**
   * Grows with every change after which a peer may find a piece where it found none, or a rarer one than before: a piece
   * came to an order, or lost a copy. (What the peer itself gains, it knows by its own count.)
   */
  get easings(): number {
    return this.#easings
  }

  /** How many connected peers have the piece. */
  countOf(pieceIndex: number): number {
    return this.#counts[pieceIndex]! + this.#seedCount
  }

  /** Copies of the rarest piece: so many times the connected peers have everything between them. */
  get wholeCopies(): number {
    if (this.pieceCount === 0) return 0
    let lowest = 0x10000
    for (const count of this.#counts) if (count < lowest) lowest = count
    return this.#seedCount + lowest
  }

  /** Copies of the rarest piece, and the share of pieces with one more than that: 3.25 is three whole copies and a quarter. */
  get distributedCopies(): number {
    if (this.pieceCount === 0) return 0
    const lowest = this.wholeCopies - this.#seedCount
    let more = 0
    for (const count of this.#counts) if (count > lowest) more++
    return this.#seedCount + lowest + more / this.pieceCount
  }

  /** A peer came with these pieces. O(pieces), O(1) for one that has all or none. */
  addPeer(bits: Bitfield): void {
    if (bits.isComplete) this.#seedCount++
    else if (!bits.isEmpty) bits.forEachSet((pieceIndex) => this.#rise(pieceIndex))
  }

  /** A peer went that had these pieces. O(pieces), O(1) for one that had all or none. */
  removePeer(bits: Bitfield): void {
    this.#easings++
    if (bits.isComplete) this.#seedCount--
    else if (!bits.isEmpty) bits.forEachSet((pieceIndex) => this.#fall(pieceIndex))
  }

  /** A peer got a piece that it had not: `bits` has it already. */
  addHave(bits: Bitfield, pieceIndex: number): void {
    if (!bits.isComplete) {
      this.#rise(pieceIndex)
      return
    }
    for (let other = 0; other < this.pieceCount; other++) if (other !== pieceIndex) this.#fall(other)
    this.#seedCount++
  }

  /** A peer lost a piece that it had (BEP 54): `bits` has it no more. */
  removeHave(bits: Bitfield, pieceIndex: number): void {
    this.#easings++
    if (bits.count < this.pieceCount - 1) {
      this.#fall(pieceIndex)
      return
    }
    this.#seedCount--
    for (let other = 0; other < this.pieceCount; other++) if (other !== pieceIndex) this.#rise(other)
  }

  /** The level whose order the piece is in; 0: in none. */
  levelOf(pieceIndex: number): number {
    return this.#levels[pieceIndex]!
  }

  /** Puts the piece into the order of that level, and out of the one it was in. 0: into none. */
  setLevel(pieceIndex: number, level: number): void {
    const before = this.#levels[pieceIndex]!
    if (before === level) return
    if (before !== 0) this.#orders[before]!.remove(pieceIndex)
    this.#levels[pieceIndex] = level
    if (level === 0) return
    let order = this.#orders[level]
    if (order === undefined) {
      order = new RarityOrder(this.#counts, this.#places)
      this.#orders[level] = order
    }
    order.add(pieceIndex)
    this.#easings++
  }

  /** Pieces in the order of that level. */
  lengthOf(level: number): number {
    return this.#orders[level]?.length ?? 0
  }

  /** Pieces in any order that some connected peer has. */
  get obtainableCount(): number {
    let count = 0
    for (let level = 1; level <= MAX_LEVEL; level++) {
      const order = this.#orders[level]
      if (order !== undefined) count += this.#seedCount > 0 ? order.length : order.length - order.unseenLength
    }
    return count
  }

  /**
   * The piece of that level that the fewest peers have, among those in `bits`, by chance among equals; -1 when there is none.
   * @param fromCount the caller knows of no piece in `bits` that fewer peers have; 0 when it knows nothing
   */
  rarest(level: number, bits: Bitfield, fromCount: number, randomBelow: (limit: number) => number): number {
    const order = this.#orders[level]
    if (order === undefined || order.length === 0) return -1
    // Whoever is counted piece by piece is one of those that have it.
    const lowest = bits.isComplete ? 0 : 1
    return order.rarest(bits, Math.max(lowest, fromCount - this.#seedCount), randomBelow)
  }

  /** Any piece of that level among those in `bits`, by chance; -1 when there is none. */
  random(level: number, bits: Bitfield, randomBelow: (limit: number) => number): number {
    const order = this.#orders[level]
    return order === undefined || order.length === 0 ? -1 : order.random(bits, randomBelow)
  }

  /** The lowest piece in [begin, end) of that level among those in `bits`; -1 when there is none. */
  first(level: number, bits: Bitfield, begin: number, end: number): number {
    const order = this.#orders[level]
    return order === undefined || order.length === 0 ? -1 : order.first(bits, begin, end)
  }

  /** For tests and the simulator: throws what is wrong, in words. */
  checkInvariants(): void {
    for (const order of this.#orders) order?.checkInvariants()
    for (let pieceIndex = 0; pieceIndex < this.pieceCount; pieceIndex++) {
      for (let level = 1; level <= MAX_LEVEL; level++) {
        const isThere = this.#orders[level]?.has(pieceIndex) ?? false
        if (isThere !== (this.#levels[pieceIndex] === level)) {
          throw new Error(`Availability: piece ${pieceIndex} is on level ${this.#levels[pieceIndex]}, but the order of ${level} disagrees`)
        }
      }
    }
  }

  #rise(pieceIndex: number): void {
    this.#orders[this.#levels[pieceIndex]!]?.rise(pieceIndex)
    this.#counts[pieceIndex]!++
  }

  #fall(pieceIndex: number): void {
    this.#orders[this.#levels[pieceIndex]!]?.fall(pieceIndex)
    this.#counts[pieceIndex]!--
  }
}
