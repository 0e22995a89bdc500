/** What draws the places; `HubSystem` is one. */
export interface Dice {
  /** A whole number in [0, limit). */
  randomBelow(limit: number): number
}

/**
 * The peers of one swarm and one address family, packed as the tracker protocol sends them (BEP 23, BEP 7):
 *
 *     #endpoints  | seed | seed | leech | leech | leech |  free …     6 or 18 bytes each
 *     #stamps     |  9   |  11  |  11   |  10   |  9    |             minute of the last announce, modulo 2^16
 *                 0             seedCount               count
 *
 * Seeds stand first, leechers behind them, and within each part the order is always a random one: whoever is
 * added changes places with a random peer of its part. So any window of neighbours is a fair sample, and an
 * answer is one or two copies.
 *
 * A small vector is searched from the front. A large one keeps `#index`, an open-addressed table from
 * endpoint to position, so that every operation costs the same however large the swarm is.
 */
export class PeerVector {
  /** Bytes an endpoint has: 6 or 18. */
  readonly stride: number
  #endpoints: Uint8Array
  #stamps: Uint16Array
  #seedCount = 0
  #count = 0
  /** Positions + 1, 0 is free; `NO_INDEX` while the vector is small. At most half full. */
  #index: Uint32Array = NO_INDEX
  /** How many peers have an address in each bucket of addresses; `NO_CROWD` while the vector is small. */
  #crowd: Uint16Array = NO_CROWD

  /** @param stride bytes an endpoint has: 6 or 18 */
  constructor(stride: number) {
    this.stride = stride
    this.#endpoints = new Uint8Array(SMALLEST_CAPACITY * stride)
    this.#stamps = new Uint16Array(SMALLEST_CAPACITY)
  }

  get count(): number {
    return this.#count
  }

  get seedCount(): number {
    return this.#seedCount
  }

  get leecherCount(): number {
    return this.#count - this.#seedCount
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

  isSeed(position: number): boolean {
    return position < this.#seedCount
  }

  /**
   * Adds a peer that is not in here.
   *
   * @param dice draws its place
   */
  add(endpoint: Uint8Array, isSeed: boolean, minute: number, dice: Dice): void {
    if (this.#count === this.#stamps.length) this.#resize(this.#count * 2)
    let free = this.#count
    if (isSeed && free !== this.#seedCount) {
      this.#move(this.#seedCount, free) // the first leecher makes room
      free = this.#seedCount
    }
    const start = isSeed ? 0 : this.#seedCount
    const place = start + dice.randomBelow(free - start + 1)
    if (place !== free) this.#move(place, free)
    this.#endpoints.set(endpoint, place * this.stride)
    this.#stamps[place] = minute
    this.#count++
    if (isSeed) this.#seedCount++
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(endpoint, 0)]!++
    this.#enter(endpoint, place)
  }

  removeAt(position: number): void {
    if (this.#index !== NO_INDEX) this.#freeSlot(this.#slotOf(this.#endpoints, position * this.stride))
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(this.#endpoints, position * this.stride)]!--
    let hole = position
    if (hole < this.#seedCount) {
      this.#seedCount--
      if (hole !== this.#seedCount) this.#move(this.#seedCount, hole)
      hole = this.#seedCount
    }
    this.#count--
    if (hole !== this.#count) this.#move(this.#count, hole)
    if (this.#count * 4 < this.#stamps.length && this.#stamps.length > SMALLEST_CAPACITY) this.#resize(this.#stamps.length >> 1)
    if (this.#index !== NO_INDEX && this.#count <= SMALLEST_WITH_INDEX) this.#index = NO_INDEX
  }

  /** Copies `wanted` seeds (at most `seedCount`) to `into`, neighbours from a random place on. */
  copySeeds(wanted: number, into: Uint8Array, at: number, dice: Dice): void {
    this.#copyWindow(0, this.#seedCount, wanted, into, at, dice)
  }

  /** The same for leechers. */
  copyLeechers(wanted: number, into: Uint8Array, at: number, dice: Dice): void {
    this.#copyWindow(this.#seedCount, this.#count, wanted, into, at, dice)
  }

  /** Removes whoever has not announced for `lifetimeMinutes`. @returns how many those were */
  expire(nowMinute: number, lifetimeMinutes: number): number {
    const before = this.#count
    // Backwards, so that what moves into a hole has been looked at.
    for (let position = this.#count - 1; position >= 0; position--) {
      if (((nowMinute - this.#stamps[position]!) & 0xffff) >= lifetimeMinutes) this.removeAt(position)
    }
    return before - this.#count
  }

  /**
   * How many peers have the IPv4 address, or the IPv6 /64, of this endpoint. In a large swarm a few more: those
   * whose addresses fall into the same bucket. Counting them all would take a tenth of a millisecond there.
   */
  countSharing(endpoint: Uint8Array): number {
    if (this.#crowd !== NO_CROWD) return this.#crowd[this.#bucketOf(endpoint, 0)]!
    const endpoints = this.#endpoints
    const addressBytes = this.#addressBytes
    const end = this.#count * this.stride
    let sharing = 0
    for (let at = 0; at < end; at += this.stride) {
      let same = 0
      while (same < addressBytes && endpoints[at + same] === endpoint[same]) same++
      if (same === addressBytes) sharing++
    }
    return sharing
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
    const stride = this.stride
    const start = from + dice.randomBelow(to - from)
    const first = Math.min(wanted, to - start)
    into.set(this.#endpoints.subarray(start * stride, (start + first) * stride), at)
    const rest = wanted - first
    if (rest > 0) into.set(this.#endpoints.subarray(from * stride, (from + rest) * stride), at + first * stride)
  }

  #move(from: number, to: number): void {
    const stride = this.stride
    if (this.#index !== NO_INDEX) this.#index[this.#slotOf(this.#endpoints, from * stride)] = to + 1
    const endpoints = this.#endpoints
    // a loop: for so few bytes it is faster than copyWithin
    for (let i = 0, source = from * stride, target = to * stride; i < stride; i++) endpoints[target + i] = endpoints[source + i]!
    this.#stamps[to] = this.#stamps[from]!
  }

  #resize(capacity: number): void {
    const endpoints = new Uint8Array(capacity * this.stride)
    endpoints.set(this.#endpoints.subarray(0, this.#count * this.stride))
    const stamps = new Uint16Array(capacity)
    stamps.set(this.#stamps.subarray(0, this.#count))
    this.#endpoints = endpoints
    this.#stamps = stamps
    this.#crowd = capacity < SMALLEST_WITH_CROWD ? NO_CROWD : new Uint16Array(capacity * 2)
    if (this.#crowd === NO_CROWD) return
    for (let position = 0; position < this.#count; position++) this.#crowd[this.#bucketOf(endpoints, position * this.stride)]!++
  }

  #isAt(position: number, endpoint: Uint8Array, at: number): boolean {
    const start = position * this.stride
    for (let i = this.stride - 1; i >= 0; i--) if (this.#endpoints[start + i] !== endpoint[at + i]) return false
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
      const home = hashOf(this.#endpoints, (index[next]! - 1) * this.stride, this.stride) & mask
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
      for (let each = 0; each < this.#count; each++) this.#index[this.#slotOf(this.#endpoints, each * this.stride)] = each + 1
    } else if (this.#index !== NO_INDEX) {
      this.#index[this.#slotOf(endpoint, 0)] = position + 1
    }
  }
}

const NO_INDEX = new Uint32Array(0)
const NO_CROWD = new Uint16Array(0)
/** Capacities are powers of two, and so is the number of buckets. */
const SMALLEST_CAPACITY = 4
/** From this capacity on addresses are counted in buckets, at most half as many peers as buckets. */
const SMALLEST_WITH_CROWD = 1_024
/** With more peers than this a search from the front takes longer than one in the index. */
const LARGEST_WITHOUT_INDEX = 32
/** Lower, so that a swarm at the border does not build its index again and again. */
const SMALLEST_WITH_INDEX = 16

/** A power of two, between a quarter and half full. */
function indexSize(count: number): number {
  let size = 2
  while (size < count * 2) size *= 2
  return size * 2
}

/** FNV-1a with a final mix. Swarms are capped an address, so nobody can fill one with colliding endpoints of their own. */
function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[at + i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
