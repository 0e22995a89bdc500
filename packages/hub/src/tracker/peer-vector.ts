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
  #endpoints: Uint8Array
  #stamps: Uint16Array
  #giverCount = 0
  #partialCount = 0
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
    return (nowTick - this.#stamps[position]!) & TICK_MASK
  }

  /**
   * Adds a peer that is not in here.
   *
   * @param dice draws its place
   */
  add(endpoint: Uint8Array, role: PeerRole, tick: number, dice: Dice): void {
    const isGiver = role !== 'leech'
    if (this.#count === this.#stamps.length) this.#resize(this.#count * 2)
    let free = this.#count
    if (isGiver && free !== this.#giverCount) {
      this.#move(this.#giverCount, free) // the first leecher makes room
      free = this.#giverCount
    }
    const start = isGiver ? 0 : this.#giverCount
    const place = start + dice.randomBelow(free - start + 1)
    if (place !== free) this.#move(place, free)
    this.#endpoints.set(endpoint, place * this.stride)
    this.#stamps[place] = (tick & TICK_MASK) | (role === 'partial' ? PARTIAL : 0)
    this.#count++
    if (isGiver) this.#giverCount++
    if (role === 'partial') this.#partialCount++
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(endpoint, 0)]!++
    this.#enter(endpoint, place)
  }

  removeAt(position: number): void {
    if (this.#index !== NO_INDEX) this.#freeSlot(this.#slotOf(this.#endpoints, position * this.stride))
    if (this.#crowd !== NO_CROWD) this.#crowd[this.#bucketOf(this.#endpoints, position * this.stride)]!--
    let hole = position
    if (hole < this.#giverCount) {
      if (this.#isPartial(hole)) this.#partialCount--
      this.#giverCount--
      if (hole !== this.#giverCount) this.#move(this.#giverCount, hole)
      hole = this.#giverCount
    }
    this.#count--
    if (hole !== this.#count) this.#move(this.#count, hole)
    if (this.#count * 4 < this.#stamps.length && this.#stamps.length > SMALLEST_CAPACITY) this.#resize(this.#stamps.length >> 1)
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
    for (let i = 0, from = position * this.stride; i < this.stride; i++) into[at + i] = this.#endpoints[from + i]!
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

  #isPartial(position: number): boolean {
    return (this.#stamps[position]! & PARTIAL) !== 0
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

/** Ticks are kept modulo 2^15: with ten seconds each that is nearly four days, and no peer lives for half of that. */
const TICK_MASK = 0x7fff
const PARTIAL = 0x8000

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
