import type { Bitfield } from '@shoal/protocol/bitfield'

/** Tries inside a large bucket before it is walked: a peer that has one piece in twenty is served by these. */
const RANDOM_TRIES = 32
/** Steps of a walk before the bits are compared instead. Either costs a few microseconds. */
const WALK_STEPS = 512

/**
 * A set of pieces, kept sorted by how many peers have each.
 *
 * ```
 * order    | 17  4  9 | 2  30  11  8 | 5  1 |      pieces that 0, 1, 2 peers have
 * begins     0          3              7           where each bucket begins
 * ```
 *
 * A piece moves to the next bucket by a swap with the last of its bucket and a shift of the boundary: no sorting, ever.
 * Finding the rarest piece of one peer walks the buckets. A peer that has next to nothing of them would make that walk
 * long, so it is cut short and the two bit sets are compared instead, eight pieces a step: 13 KB for 100,000 pieces.
 */
export class RarityOrder {
  readonly #pieceCount: number
  readonly #counts: Uint16Array
  /** Where each piece is in `#order`. Shared by all orders of a torrent: a piece is in one of them at most. */
  readonly #places: Int32Array
  readonly #order: Int32Array
  readonly #begins: number[] = [0]
  #length = 0
  /** The same set as bits, in the order of the wire. */
  readonly #members: Uint8Array
  /** No byte of `#members` before this one has a bit. */
  #firstByte = 0

  constructor(counts: Uint16Array, places: Int32Array) {
    this.#pieceCount = counts.length
    this.#counts = counts
    this.#places = places
    this.#order = new Int32Array(counts.length)
    this.#members = new Uint8Array(Math.ceil(counts.length / 8))
  }

  get length(): number {
    return this.#length
  }

  /** How many of the pieces no counted peer has. */
  get unseenLength(): number {
    return this.#end(0)
  }

  has(pieceIndex: number): boolean {
    return (this.#members[pieceIndex >>> 3]! & (0x80 >>> (pieceIndex & 7))) !== 0
  }

  add(pieceIndex: number): void {
    const count = this.#counts[pieceIndex]!
    this.#growTo(count)
    // Each bucket above gives its first place to the one below and takes a new one at its end.
    let place = this.#length++
    for (let bucket = this.#begins.length - 1; bucket > count; bucket--) {
      const begin = this.#begins[bucket]!
      if (begin !== place) this.#put(this.#order[begin]!, place)
      place = begin
      this.#begins[bucket] = begin + 1
    }
    this.#put(pieceIndex, place)
    const at = pieceIndex >>> 3
    this.#members[at]! |= 0x80 >>> (pieceIndex & 7)
    if (at < this.#firstByte) this.#firstByte = at
  }

  remove(pieceIndex: number): void {
    let hole = this.#places[pieceIndex]!
    for (let bucket = this.#counts[pieceIndex]!; bucket < this.#begins.length; bucket++) {
      const last = this.#end(bucket) - 1
      if (last !== hole) this.#put(this.#order[last]!, hole)
      hole = last
      if (bucket + 1 < this.#begins.length) this.#begins[bucket + 1] = last
    }
    this.#length--
    this.#members[pieceIndex >>> 3]! &= ~(0x80 >>> (pieceIndex & 7))
  }

  /** One more peer has the piece; its count still says the old number. */
  rise(pieceIndex: number): void {
    const count = this.#counts[pieceIndex]!
    this.#growTo(count + 1)
    const last = this.#end(count) - 1
    this.#swap(this.#places[pieceIndex]!, last)
    this.#begins[count + 1] = last
  }

  /** One peer less has the piece; its count still says the old number. */
  fall(pieceIndex: number): void {
    const count = this.#counts[pieceIndex]!
    const first = this.#begins[count]!
    this.#swap(this.#places[pieceIndex]!, first)
    this.#begins[count] = first + 1
  }

  /**
   * The piece with the lowest count that is set in `bits`, chance among equals; -1 when there is none.
   * @param fromCount the caller knows that `bits` has none with a lower count
   */
  rarest(bits: Bitfield, fromCount: number, randomBelow: (limit: number) => number): number {
    let steps = WALK_STEPS
    for (let bucket = fromCount; bucket < this.#begins.length; bucket++) {
      const begin = this.#begins[bucket]!
      const end = this.#end(bucket)
      const found = this.#walk(bits, begin, end, Math.min(steps, end - begin), randomBelow)
      if (found !== -1) return found
      steps -= end - begin
      if (steps < 0) return this.#compareForRarest(bits, randomBelow)
    }
    return -1
  }

  /** Any piece that is set in `bits`, by chance; -1 when there is none. */
  random(bits: Bitfield, randomBelow: (limit: number) => number): number {
    const found = this.#walk(bits, 0, this.#length, Math.min(WALK_STEPS, this.#length), randomBelow)
    if (found !== -1 || this.#length <= WALK_STEPS) return found
    const middle = randomBelow(this.#pieceCount)
    const after = this.first(bits, middle, this.#pieceCount)
    return after !== -1 ? after : this.first(bits, 0, middle)
  }

  /** The lowest piece in [begin, end) that is set in `bits`; -1 when there is none. */
  first(bits: Bitfield, begin: number, end: number): number {
    const members = this.#members
    while (this.#firstByte < members.length && members[this.#firstByte] === 0) this.#firstByte++
    const theirs = bits.bytes
    const endByte = (end + 7) >>> 3
    let at = begin >>> 3
    let mask = 0xff >>> (begin & 7)
    if (at < this.#firstByte) {
      at = this.#firstByte
      mask = 0xff
    }
    for (; at < endByte; at++) {
      const both = members[at]! & theirs[at]! & mask
      mask = 0xff
      if (both === 0) continue
      const pieceIndex = at * 8 + Math.clz32(both) - 24
      return pieceIndex < end ? pieceIndex : -1
    }
    return -1
  }

  /** For tests and the simulator. */
  checkInvariants(): void {
    let previous = 0
    for (let place = 0; place < this.#length; place++) {
      const pieceIndex = this.#order[place]!
      const count = this.#counts[pieceIndex]!
      if (this.#places[pieceIndex] !== place) throw new Error(`Rarity order: piece ${pieceIndex} does not know its place ${place}`)
      if (!this.has(pieceIndex)) throw new Error(`Rarity order: piece ${pieceIndex} is in the order but not among its bits`)
      if (count < previous) throw new Error(`Rarity order: piece ${pieceIndex} with count ${count} comes after one with ${previous}`)
      if (place < this.#begins[count]! || place >= this.#end(count))
        throw new Error(`Rarity order: bucket ${count} misses piece ${pieceIndex}`)
      previous = count
    }
    let bits = 0
    for (let pieceIndex = 0; pieceIndex < this.#pieceCount; pieceIndex++) if (this.has(pieceIndex)) bits++
    if (bits !== this.#length) throw new Error(`Rarity order: ${this.#length} pieces in order but ${bits} bits`)
  }

  /** Looks at up to `steps` neighbours from a random place in [begin, end), around the end; a large span is first tried here and there. */
  #walk(bits: Bitfield, begin: number, end: number, steps: number, randomBelow: (limit: number) => number): number {
    const length = end - begin
    if (length === 0) return -1
    const order = this.#order
    // Neighbours have a history in common (pieces that came by one bitfield move together), so separate tries find what a walk misses.
    if (length > 2 * RANDOM_TRIES) {
      for (let tries = 0; tries < RANDOM_TRIES; tries++) {
        const pieceIndex = order[begin + randomBelow(length)]!
        if (bits.has(pieceIndex)) return pieceIndex
      }
    }
    let place = begin + randomBelow(length)
    for (let step = 0; step < steps; step++) {
      const pieceIndex = order[place]!
      if (bits.has(pieceIndex)) return pieceIndex
      if (++place === end) place = begin
    }
    return -1
  }

  /** The same answer as the walk without its order: all that both have, from a random byte on, so that ties fall by chance. */
  #compareForRarest(bits: Bitfield, randomBelow: (limit: number) => number): number {
    const members = this.#members
    const theirs = bits.bytes
    const counts = this.#counts
    let rarest = -1
    let lowest = 0x10000
    let at = randomBelow(members.length)
    for (let seen = 0; seen < members.length; seen++) {
      let both = members[at]! & theirs[at]!
      while (both !== 0) {
        const bit = Math.clz32(both) - 24
        const pieceIndex = at * 8 + bit
        if (counts[pieceIndex]! < lowest) {
          lowest = counts[pieceIndex]!
          rarest = pieceIndex
        }
        both &= ~(0x80 >>> bit)
      }
      if (++at === members.length) at = 0
    }
    return rarest
  }

  #end(bucket: number): number {
    return bucket + 1 < this.#begins.length ? this.#begins[bucket + 1]! : this.#length
  }

  #growTo(count: number): void {
    while (this.#begins.length <= count) this.#begins.push(this.#length)
  }

  #put(pieceIndex: number, place: number): void {
    this.#order[place] = pieceIndex
    this.#places[pieceIndex] = place
  }

  #swap(place: number, other: number): void {
    if (place === other) return
    const pieceIndex = this.#order[place]!
    this.#put(this.#order[other]!, place)
    this.#put(pieceIndex, other)
  }
}
