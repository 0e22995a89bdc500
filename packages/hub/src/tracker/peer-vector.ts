import { setUint16, uint16 } from '@shoal/protocol/bytes'
import { LARGEST_BLOCK, type PeerMemory } from './peer-memory.ts'

/** What draws the places; `HubSystem` is one. */
export interface Dice {
  /** A whole number in [0, limit). */
  randomBelow(limit: number): number
}

/** A partial seed (BEP 21) misses something that it does not want. */
export type PeerRole = 'seed' | 'partial' | 'leech'

/**
 * The peers of one swarm and one address family, packed as the tracker protocol sends them (BEP 23, BEP 7):
 *
 *     #endpoints  | seed | seed | leech | leech | leech |  free …     6 or 18 bytes each
 *     #stamps     |  9   |  11  |  11   |  10   |  9    |             tick of the last announce, and who is a partial seed
 *                 0             giverCount              count
 *
 * Those who only give stand first (seeds, and the partial seeds of BEP 21), leechers behind them, and within each part the
 * order is always a random one: whoever is added changes places with a random peer of its part. So any window of neighbours is a fair sample, and an
 * answer is one or two copies.
 *
 * A small vector is searched from the front. A large one keeps `#index`, an open-addressed table from
 * endpoint to position, so that every operation costs the same however large the swarm is.
 */
export class PeerVector {
  /** Bytes an endpoint has: 6 or 18. */
  readonly stride: number
  readonly #memory: PeerMemory
  /** Endpoints from `#base` on, and behind them two bytes of stamp for each; `NO_BYTES` while there is nobody. */
  #bytes: Uint8Array = NO_BYTES
  #base = 0
  #capacity = 0
  /** What `#memory` calls it; `OWN` for an array of its own, or none. */
  #block = OWN
  #giverCount = 0
  #partialCount = 0
  #count = 0
  /** Positions + 1, 0 is free; `NO_INDEX` while the vector is small. At most half full. */
  #index: Uint32Array = NO_INDEX
  /** How many peers have an address in each bucket of addresses; `NO_CROWD` while the vector is small. */
  #crowd: Uint16Array = NO_CROWD

  /** @param stride bytes an endpoint has: 6 or 18 */
  constructor(stride: number, memory: PeerMemory) {
    this.stride = stride
    this.#memory = memory
  }

  get count(): number {
    return this.#count
  }

  /** Seeds and partial seeds. */
  get giverCount(): number {
    return this.#giverCount
  }

  get seedCount(): number {
    return this.#giverCount - this.#partialCount
  }

  get leecherCount(): number {
    return this.#count - this.#giverCount
  }

  /** Where a peer stands, or -1. Good only until the next change. */
  find(endpoint: Uint8Array): number {
    if (this.#index !== NO_INDEX) {
      const slot = this.#slotOf(endpoint, 0)
      return this.#index[slot]! - 1
    }
    for (let position = 0; position < this.#count; position++) if (this.#isAt(position, endpoint, 0)) return position
    return -1
  }

  roleAt(position: number): PeerRole {
    if (position >= this.#giverCount) return 'leech'
    return this.#isPartial(position) ? 'partial' : 'seed'
  }

  /** Ticks since the peer there has announced. */
  ageAt(position: number, nowTick: number): number {
    return (nowTick - uint16(this.#bytes, this.#stampAt(position))) & TICK_MASK
  }

  /**
   * Adds a peer that is not in here.
   *
   * @param dice draws its place
   */
  add(endpoint: Uint8Array, role: PeerRole, tick: number, dice: Dice): void {
    const isGiver = role !== 'leech'
    if (this.#count === this.#capacity) this.#resize(Math.max(this.#count * 2, SMALLEST_CAPACITY))
    let free = this.#count
    if (isGiver && free !== this.#giverCount) {
      this.#move(this.#giverCount, free) // the first leecher makes room
      free = this.#giverCount
    }
    const start = isGiver ? 0 : this.#giverCount
    const place = start + dice.randomBelow(free - start + 1)
    if (place !== free) this.#move(place, free)
    for (let i = 0, at = this.#endpointAt(place); i < this.stride; i++) this.#bytes[at + i] = endpoint[i]!
    setUint16(this.#bytes, this.#stampAt(place), (tick & TICK_MASK) | (role === 'partial' ? PARTIAL : 0))
    this.#count++
    if (isGiver) this.#giverCount++
    if (role === 'partial') this.#partialCount++
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(endpoint, 0)]!++
    this.#enter(endpoint, place)
  }

  removeAt(position: number): void {
    if (this.#index !== NO_INDEX) this.#freeSlot(this.#slotOf(this.#bytes, this.#endpointAt(position)))
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(this.#bytes, this.#endpointAt(position))]!--
    let hole = position
    if (hole < this.#giverCount) {
      if (this.#isPartial(hole)) this.#partialCount--
      this.#giverCount--
      if (hole !== this.#giverCount) this.#move(this.#giverCount, hole)
      hole = this.#giverCount
    }
    this.#count--
    if (hole !== this.#count) this.#move(this.#count, hole)
    if (this.#count === 0) this.#resize(0)
    else if (this.#count * 4 < this.#capacity && this.#capacity > SMALLEST_CAPACITY) this.#resize(this.#capacity >> 1)
    if (this.#index !== NO_INDEX && this.#count <= SMALLEST_WITH_INDEX) this.#index = NO_INDEX
  }

  /** Copies `wanted` seeds and partial seeds (at most `giverCount`) to `into`, neighbours from a random place on. */
  copyGivers(wanted: number, into: Uint8Array, at: number, dice: Dice): void {
    this.#copyWindow(0, this.#giverCount, wanted, into, at, dice)
  }

  /** The same for leechers. */
  copyLeechers(wanted: number, into: Uint8Array, at: number, dice: Dice): void {
    this.#copyWindow(this.#giverCount, this.#count, wanted, into, at, dice)
  }

  /** The peer there: its endpoint goes to `into`. */
  copyAt(position: number, into: Uint8Array, at: number): void {
    for (let i = 0, from = this.#endpointAt(position); i < this.stride; i++) into[at + i] = this.#bytes[from + i]!
  }

  /** Removes whoever has not announced for `lifetimeTicks`. @returns how many those were */
  expire(nowTick: number, lifetimeTicks: number): number {
    const before = this.#count
    // Backwards, so that what moves into a hole has been looked at.
    for (let position = this.#count - 1; position >= 0; position--) {
      if (this.ageAt(position, nowTick) >= lifetimeTicks) this.removeAt(position)
    }
    return before - this.#count
  }

  /**
   * How many peers have the IPv4 address, or the IPv6 /64, of this endpoint. In a large swarm a few more: those
   * whose addresses fall into the same bucket. Counting them all would take a tenth of a millisecond there.
   */
  countSharing(endpoint: Uint8Array): number {
    if (this.#crowd !== NO_CROWD) return this.#crowd[this.#bucketOf(endpoint, 0)]!
    const bytes = this.#bytes
    const addressBytes = this.#addressBytes
    const end = this.#endpointAt(this.#count)
    let sharing = 0
    for (let at = this.#base; at < end; at += this.stride) {
      let same = 0
      while (same < addressBytes && bytes[at + same] === endpoint[same]) same++
      if (same === addressBytes) sharing++
    }
    return sharing
  }

  #endpointAt(position: number): number {
    return this.#base + position * this.stride
  }

  #stampAt(position: number): number {
    return this.#base + this.#capacity * this.stride + 2 * position
  }

  #isPartial(position: number): boolean {
    return (this.#bytes[this.#stampAt(position)]! & (PARTIAL >> 8)) !== 0
  }

  /** What one household or laboratory has: an IPv4 address or an IPv6 /64. */
  get #addressBytes(): number {
    return this.stride === 6 ? 4 : 8
  }

  #bucketOf(bytes: Uint8Array, at: number): number {
    return hashOf(bytes, at, this.#addressBytes) & (this.#crowd.length - 1)
  }

  #copyWindow(from: number, to: number, wanted: number, into: Uint8Array, at: number, dice: Dice): void {
    if (wanted === 0) return
    const start = from + dice.randomBelow(to - from)
    const first = Math.min(wanted, to - start)
    into.set(this.#bytes.subarray(this.#endpointAt(start), this.#endpointAt(start + first)), at)
    const rest = wanted - first
    if (rest > 0) into.set(this.#bytes.subarray(this.#endpointAt(from), this.#endpointAt(from + rest)), at + first * this.stride)
  }

  #move(from: number, to: number): void {
    const bytes = this.#bytes
    const source = this.#endpointAt(from)
    const target = this.#endpointAt(to)
    if (this.#index !== NO_INDEX) this.#index[this.#slotOf(bytes, source)] = to + 1
    // a loop: for so few bytes it is faster than copyWithin
    for (let i = 0; i < this.stride; i++) bytes[target + i] = bytes[source + i]!
    setUint16(bytes, this.#stampAt(to), uint16(bytes, this.#stampAt(from)))
  }

  #resize(capacity: number): void {
    const [old, oldBase, oldStamps, oldBlock, oldSize] = [this.#bytes, this.#base, this.#stampAt(0), this.#block, this.#size]
    this.#capacity = capacity
    const size = this.#size
    const isShared = size > 0 && size <= LARGEST_BLOCK
    this.#block = isShared ? this.#memory.take(size) : OWN
    this.#bytes = isShared ? this.#memory.pieceOf(this.#block) : size > 0 ? new Uint8Array(size) : NO_BYTES
    this.#base = isShared ? this.#memory.startOf(this.#block) : 0
    this.#bytes.set(old.subarray(oldBase, oldBase + this.#count * this.stride), this.#base)
    this.#bytes.set(old.subarray(oldStamps, oldStamps + this.#count * 2), this.#stampAt(0))
    if (oldBlock !== OWN) this.#memory.giveBack(oldBlock, oldSize)
    this.#crowd = capacity < SMALLEST_WITH_CROWD ? NO_CROWD : new Uint16Array(capacity * 2)
    if (this.#crowd === NO_CROWD) return
    for (let position = 0; position < this.#count; position++) this.#crowd[this.#bucketOf(this.#bytes, this.#endpointAt(position))]!++
  }

  get #size(): number {
    return this.#capacity * (this.stride + 2)
  }

  #isAt(position: number, endpoint: Uint8Array, at: number): boolean {
    const start = this.#endpointAt(position)
    for (let i = this.stride - 1; i >= 0; i--) if (this.#bytes[start + i] !== endpoint[at + i]) return false
    return true
  }

  /** The slot that names the endpoint at `at` of `bytes`, or the free one where it would be entered. */
  #slotOf(bytes: Uint8Array, at: number): number {
    const mask = this.#index.length - 1
    let slot = hashOf(bytes, at, this.stride) & mask
    for (let entry = this.#index[slot]!; entry !== 0; entry = this.#index[slot]!) {
      if (this.#isAt(entry - 1, bytes, at)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  /** Frees a slot and closes the gap, so that no search ends too early. */
  #freeSlot(slot: number): void {
    const index = this.#index
    const mask = index.length - 1
    let hole = slot
    for (let next = (slot + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const home = hashOf(this.#bytes, this.#endpointAt(index[next]! - 1), this.stride) & mask
      // It may move up unless its home lies behind the hole.
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        index[hole] = index[next]!
        hole = next
      }
    }
    index[hole] = 0
  }

  /** Notes where a new peer stands, in an index that is large enough. */
  #enter(endpoint: Uint8Array, position: number): void {
    if (this.#index === NO_INDEX ? this.#count > LARGEST_WITHOUT_INDEX : this.#count * 2 > this.#index.length) {
      this.#index = new Uint32Array(indexSize(this.#count))
      for (let each = 0; each < this.#count; each++) this.#index[this.#slotOf(this.#bytes, this.#endpointAt(each))] = each + 1
    } else if (this.#index !== NO_INDEX) {
      this.#index[this.#slotOf(endpoint, 0)] = position + 1
    }
  }
}

/** Ticks are kept modulo 2^15: with ten seconds each that is nearly four days, and no peer lives for half of that. */
const TICK_MASK = 0x7fff
const PARTIAL = 0x8000

const NO_BYTES = new Uint8Array(0)
const OWN = -1
const NO_INDEX = new Uint32Array(0)
const NO_CROWD = new Uint16Array(0)
/** Capacities are powers of two, and so is the number of buckets. */
const SMALLEST_CAPACITY = 4
/** From this capacity on addresses are counted in buckets, at most half as many peers as buckets. */
const SMALLEST_WITH_CROWD = 1_024
/** With more peers than this a search from the front takes longer than one in the index. */
const LARGEST_WITHOUT_INDEX = 128
/** Lower, so that a swarm at the border does not build its index again and again. */
const SMALLEST_WITH_INDEX = 64

/** A power of two, between a quarter and half full. */
function indexSize(count: number): number {
  let size = 2
  while (size < count * 2) size *= 2
  return size
}

/** FNV-1a with a final mix. Swarms are capped an address, so nobody can fill one with colliding endpoints of their own. */
function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[at + i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
