import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import { RateMeter } from './rate-meter.ts'

/*
 * The blocks that we have asked of one peer, and how many should be out at a time.
 *
 * Too few and the line runs dry while our next request travels; too many and blocks queue up at the peer, where they
 * cannot be asked of somebody faster, and cold memory slows both ends. What keeps a line full is rate x round trip,
 * and twice that absorbs jitter:
 *
 *     target = 2 x rate x base round trip          never below what keeps a usual peer busy (64 blocks, or 2 s worth)
 *
 * The *base* round trip is the shortest that a request took lately: every longer one contains waiting that our own depth
 * caused, and feeding that back would make the depth grow without end. To see it again later, the depth is cut to a
 * quarter for one round trip every ten seconds (the idea of BBR's ProbeRTT).
 *
 * A new peer begins with 16 blocks, doubled each round trip while the rate follows (slow start). After that the factor
 * two does the growing: while the line is not full, twice the measured rate asks for more than is out.
 *
 *   ask ─► slow start ─ rate no longer follows ─► steady ─ silence ─► snubbed (depth 1) ─ next block ─► slow start, from 4
 */

const START_DEPTH = 16
const SMALLEST_DEPTH = 4
const BUSY_DEPTH = 64
/** On a line without length it is not the round trip that must be covered but the turns of both programs: 10 ms, up to this. */
const FASTEST_DEPTH = 160
const TURN_MS = 10
const DEEPEST = 4096
/** What may queue at the peer, beyond what travels, where memory is short. */
const LEAN_QUEUE_MS = 100
/** What a peer surely takes when it did not say (`reqq`, BEP 10): the default of many clients. */
const DEFAULT_REMOTE_LIMIT = 250
/** A round has to be this much faster than the best one before, or doubling did not pay. */
const GROWTH = 1.2
/** The rate meter's window: so long after slow start it has not seen the new rate yet. */
const METER_WINDOW_MS = 2000
/** The base round trip is the least of this period and the one before. */
const BASE_PERIOD_MS = 10_000
/** After so long without anything asked, what we knew about the line is old. */
const IDLE_MS = 2000
const SNUBBED_AFTER_MS = 2000
const SNUBBED_AT_MOST_MS = 10_000
/** Before the first block nothing is known of the round trip: a disk may have to wake up. */
const FIRST_BLOCK_PATIENCE_MS = 3000

const NONE = -1
const FIRST_CAPACITY = 32
const NO_NUMBERS = new Uint32Array(0)
const NO_TIMES = new Float64Array(0)
const NO_ENTRIES = new Int32Array(0)

/** One request: what was asked, in the words of BEP 3. */
export type RequestCallback = (pieceIndex: number, begin: number, length: number) => void

export class RequestPipeline {
  // Requests lie in parallel arrays: linked from oldest to newest, and chained by hash. Nothing is allocated per block, and
  // nothing at all for a peer that is never asked.
  #pieceIndexes = NO_NUMBERS
  #begins = NO_NUMBERS
  #lengths = NO_NUMBERS
  #askedAt = NO_TIMES
  #older = NO_ENTRIES
  /** Towards the newest; of an unused entry: the next unused one. */
  #newer = NO_ENTRIES
  #chain = NO_ENTRIES
  #heads = NO_ENTRIES
  #hashShift = 0
  #oldest = NONE
  #newest = NONE
  #unused = NONE
  #size = 0
  #forgottenCount = 0

  readonly #meter: RateMeter
  #remoteLimit = DEFAULT_REMOTE_LIMIT
  #smoothedRoundTripMs = Number.NaN
  #baseNow = Infinity
  #baseBefore = Infinity
  #basePeriodBeganAt: number
  /** When the depth was cut to see the base round trip again; NaN while it is not. */
  #drainingSince = Number.NaN
  /** The depth of slow start; kept as a minimum until the meter has caught up. */
  #startDepth = START_DEPTH
  #isStarting = true
  #startDepthUntil = Infinity
  #roundBeganAt: number
  #roundBytes = 0
  #roundCount = 0
  #lastRoundDepth = START_DEPTH
  #roundBeforeDepth = START_DEPTH
  /** The most requests that were out in this round, and in the one before. */
  #roundPeak = 0
  #lastRoundPeak = 0
  #bestRoundRate = 0
  /** The later of the last block and of the first request after none was out: silence is counted from here. */
  #quietSince: number
  /** Noted when first seen, and kept until the next block: cancelling what a silent peer owes does not make it a good one. */
  #isSnubbed = false

  constructor(options: { readonly now: number }) {
    this.#meter = new RateMeter(options.now, METER_WINDOW_MS)
    this.#basePeriodBeganAt = options.now
    this.#roundBeganAt = options.now
    this.#quietSince = options.now
  }

  /** How many requests are out. */
  get outstanding(): number {
    return this.#size
  }

  /** Requests that were taken back, or given up, since the beginning: their blocks may come all the same. */
  get forgottenCount(): number {
    return this.#forgottenCount
  }

  /** The smoothed time from a request to its block, waiting included; NaN before the first block. */
  get roundTripMs(): number {
    return this.#smoothedRoundTripMs
  }

  /** The shortest such time lately; NaN before the first block. */
  get baseRoundTripMs(): number {
    const base = Math.min(this.#baseNow, this.#baseBefore)
    return base === Infinity ? Number.NaN : base
  }

  /** Bytes of asked-for blocks a second. */
  rate(now: number): number {
    return this.#meter.bytesPerSecond(now)
  }

  /** How many requests the peer says it queues (`reqq` of the extension handshake); nonsense is not believed. */
  setRemoteLimit(requestCount: number): void {
    this.#remoteLimit = requestCount >= 1 ? Math.floor(requestCount) : DEFAULT_REMOTE_LIMIT
  }

  /** How many requests should be out now. `isLean`: no more than the line holds, because what is out takes scarce memory. */
  depth(now: number, isLean = false): number {
    if (this.isSnubbed(now)) return 1
    const limit = Math.min(DEEPEST, this.#remoteLimit)
    if (this.#isStarting) return Math.min(this.#startDepth, limit)
    const rate = this.#meter.bytesPerSecond(now)
    const base = Math.min(this.#baseNow, this.#baseBefore)
    let depth = Math.max(SMALLEST_DEPTH, Math.min(BUSY_DEPTH, Math.ceil((2 * rate) / BLOCK_LENGTH)))
    depth = Math.max(depth, Math.min(FASTEST_DEPTH, blocksFor(rate, TURN_MS / 2)))
    if (base !== Infinity) depth = Math.max(depth, blocksFor(rate, base))
    if (now < this.#startDepthUntil) depth = Math.max(depth, this.#startDepth)
    if (isLean && base !== Infinity) {
      depth = Math.min(depth, Math.max(SMALLEST_DEPTH, Math.ceil((rate * (base + LEAN_QUEUE_MS)) / (1000 * BLOCK_LENGTH))))
    }
    if (!Number.isNaN(this.#drainingSince)) depth = Math.max(SMALLEST_DEPTH, depth >> 2)
    return Math.min(depth, limit)
  }

  /** Notes a request that goes out now. The caller never asks for the same block twice. */
  add(pieceIndex: number, begin: number, length: number, now: number): void {
    if (this.#size === 0) {
      if (now - this.#quietSince > IDLE_MS) this.#startAgain(START_DEPTH, now)
      this.#quietSince = now
      this.#roundBeganAt = now
      this.#roundBytes = 0
    }
    if (this.#unused === NONE) this.#grow()
    const entry = this.#unused
    this.#unused = this.#newer[entry]!
    this.#pieceIndexes[entry] = pieceIndex
    this.#begins[entry] = begin
    this.#lengths[entry] = length
    this.#askedAt[entry] = now
    this.#older[entry] = this.#newest
    this.#newer[entry] = NONE
    if (this.#newest === NONE) this.#oldest = entry
    else this.#newer[this.#newest] = entry
    this.#newest = entry
    const bucket = this.#bucket(pieceIndex, begin)
    this.#chain[entry] = this.#heads[bucket]!
    this.#heads[bucket] = entry
    this.#size++
    if (this.#size > this.#roundPeak) this.#roundPeak = this.#size
  }

  /** A block came. @returns whether exactly this one was asked for and had not come yet. */
  onBlock(pieceIndex: number, begin: number, length: number, now: number): boolean {
    const entry = this.#find(pieceIndex, begin)
    if (entry === NONE || this.#lengths[entry] !== length) return false
    const askedAt = this.#askedAt[entry]!
    if (this.isSnubbed(now)) {
      this.#isSnubbed = false
      this.#startAgain(SMALLEST_DEPTH, now)
    }
    this.#take(entry)
    this.#quietSince = now
    this.#meter.add(length, now)
    this.#roundBytes += length
    this.#onRoundTrip(now - askedAt, askedAt, now)
    if (askedAt >= this.#roundBeganAt) this.#onRoundEnd(now)
    return true
  }

  /** Forgets a request (rejected, or cancelled by us). @returns whether it was out. */
  remove(pieceIndex: number, begin: number): boolean {
    const entry = this.#find(pieceIndex, begin)
    if (entry === NONE) return false
    this.#take(entry)
    this.#forgottenCount++
    return true
  }

  has(pieceIndex: number, begin: number): boolean {
    return this.#find(pieceIndex, begin) !== NONE
  }

  /** Forgets everything that is out (the peer choked us or left), telling each, oldest first. */
  clear(callback: RequestCallback): void {
    for (let left = this.#size; left > 0 && this.#oldest !== NONE; left--) {
      const entry = this.#oldest
      const pieceIndex = this.#pieceIndexes[entry]!
      const begin = this.#begins[entry]!
      const length = this.#lengths[entry]!
      this.#take(entry)
      this.#forgottenCount++
      callback(pieceIndex, begin, length)
    }
  }

  /** Each request that is out, oldest first. The callback must not change the pipeline. */
  forEach(callback: RequestCallback): void {
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry]!) {
      callback(this.#pieceIndexes[entry]!, this.#begins[entry]!, this.#lengths[entry]!)
    }
  }

  /** Whether the peer owed us blocks and sent none for longer than its round trip explains; true until it sends one. */
  isSnubbed(now: number): boolean {
    if (this.#isSnubbed) return true
    if (this.#size === 0) return false
    const quietMs = now - this.#quietSince
    if (quietMs < SNUBBED_AFTER_MS) return false
    const roundTrip = this.#smoothedRoundTripMs
    const patience = Number.isNaN(roundTrip)
      ? FIRST_BLOCK_PATIENCE_MS
      : Math.min(SNUBBED_AT_MOST_MS, Math.max(SNUBBED_AFTER_MS, 4 * roundTrip))
    this.#isSnubbed = quietMs >= patience
    return this.#isSnubbed
  }

  /** How long the oldest request has been out; 0 when none is. */
  oldestAgeMs(now: number): number {
    return this.#oldest === NONE ? 0 : now - this.#askedAt[this.#oldest]!
  }

  #onRoundTrip(roundTripMs: number, askedAt: number, now: number): void {
    const smoothed = this.#smoothedRoundTripMs
    this.#smoothedRoundTripMs = Number.isNaN(smoothed) ? roundTripMs : smoothed + (roundTripMs - smoothed) / 8
    if (roundTripMs < this.#baseNow) this.#baseNow = roundTripMs
    // The first request after the cut went out when the queue at the peer had run down: it has seen the bare line.
    if (askedAt >= this.#drainingSince) this.#drainingSince = Number.NaN
    if (now - this.#basePeriodBeganAt < BASE_PERIOD_MS) return
    this.#basePeriodBeganAt = now
    this.#baseBefore = this.#baseNow
    this.#baseNow = Infinity
    this.#drainingSince = now
  }

  /** A block that was asked for in this round is here: the round is over, and slow start judges it. */
  #onRoundEnd(now: number): void {
    const roundMs = now - this.#roundBeganAt
    if (this.#isStarting && roundMs > 0) {
      // Nobody had so much to ask for (a newcomer may have one piece in work): that says nothing about the line.
      if (4 * this.#lastRoundPeak < 3 * this.#lastRoundDepth) this.#lastRoundDepth = this.#roundBeforeDepth = this.#startDepth
      else this.#judgeRound((this.#roundBytes * 1000) / roundMs, now)
    }
    this.#roundBeganAt = now
    this.#roundBytes = 0
    this.#lastRoundPeak = this.#roundPeak
    this.#roundPeak = this.#size
  }

  /** What came in this round was asked for in the round before: it says whether *that* round's depth paid. */
  #judgeRound(rate: number, now: number): void {
    const depth = this.#startDepth
    const hadGrown = this.#lastRoundDepth > this.#roundBeforeDepth
    const isFollowing = rate > this.#bestRoundRate * GROWTH
    this.#bestRoundRate = Math.max(rate, this.#bestRoundRate)
    this.#roundCount++
    // Never more than about three seconds of what the peer has shown: a slow one would sit on blocks that others could send.
    const worth = Math.max(depth, Math.ceil((3 * rate) / BLOCK_LENGTH))
    // Nor beyond four times what the line holds: on a loopback the rate also grows because code gets warm, not because of us.
    const useful = Math.max(BUSY_DEPTH, depth, 2 * blocksFor(rate, this.baseRoundTripMs))
    const next = Math.min(DEEPEST, this.#remoteLimit, depth * 2, worth, useful)
    const isOver = hadGrown ? !isFollowing : next <= depth && this.#roundCount > 1
    if (isOver) {
      this.#isStarting = false
      this.#startDepth = Math.min(depth, blocksFor(this.#bestRoundRate, Math.min(this.#baseNow, this.#baseBefore)))
      this.#startDepthUntil = now + METER_WINDOW_MS
      return
    }
    this.#roundBeforeDepth = this.#lastRoundDepth
    this.#lastRoundDepth = depth
    this.#startDepth = next
  }

  #startAgain(depth: number, now: number): void {
    this.#isStarting = true
    this.#startDepth = depth
    this.#lastRoundDepth = depth
    this.#roundBeforeDepth = depth
    this.#roundCount = 0
    this.#startDepthUntil = Infinity
    this.#bestRoundRate = 0
    this.#roundBeganAt = now
    this.#roundBytes = 0
    this.#drainingSince = Number.NaN
  }

  #bucket(pieceIndex: number, begin: number): number {
    return (Math.imul(pieceIndex, 0x9e3779b1) + Math.imul(begin >>> 14, 0x85ebca6b)) >>> this.#hashShift
  }

  #find(pieceIndex: number, begin: number): number {
    if (this.#size === 0) return NONE
    let entry = this.#heads[this.#bucket(pieceIndex, begin)]!
    while (entry !== NONE && (this.#begins[entry] !== begin || this.#pieceIndexes[entry] !== pieceIndex)) entry = this.#chain[entry]!
    return entry
  }

  /** Takes an entry out of its chain and of the order, and makes it unused. */
  #take(entry: number): void {
    const bucket = this.#bucket(this.#pieceIndexes[entry]!, this.#begins[entry]!)
    if (this.#heads[bucket] === entry) this.#heads[bucket] = this.#chain[entry]!
    else {
      let before = this.#heads[bucket]!
      while (this.#chain[before] !== entry) before = this.#chain[before]!
      this.#chain[before] = this.#chain[entry]!
    }
    const older = this.#older[entry]!
    const newer = this.#newer[entry]!
    if (older === NONE) this.#oldest = newer
    else this.#newer[older] = newer
    if (newer === NONE) this.#newest = older
    else this.#older[newer] = older
    this.#newer[entry] = this.#unused
    this.#unused = entry
    this.#size--
  }

  /** Strings the entries from `first` on together as unused ones. */
  #freeFrom(first: number): void {
    const capacity = this.#newer.length
    for (let entry = first; entry < capacity; entry++) this.#newer[entry] = entry + 1 < capacity ? entry + 1 : NONE
    this.#unused = first
  }

  #grow(): void {
    const size = this.#pieceIndexes.length
    const capacity = Math.max(FIRST_CAPACITY, size * 2)
    this.#pieceIndexes = grown(this.#pieceIndexes, new Uint32Array(capacity))
    this.#begins = grown(this.#begins, new Uint32Array(capacity))
    this.#lengths = grown(this.#lengths, new Uint32Array(capacity))
    this.#askedAt = grown(this.#askedAt, new Float64Array(capacity))
    this.#older = grown(this.#older, new Int32Array(capacity))
    this.#newer = grown(this.#newer, new Int32Array(capacity))
    this.#chain = new Int32Array(capacity)
    this.#heads = new Int32Array(capacity * 2).fill(NONE)
    this.#hashShift = 32 - Math.log2(capacity * 2)
    this.#freeFrom(size)
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry]!) {
      const bucket = this.#bucket(this.#pieceIndexes[entry]!, this.#begins[entry]!)
      this.#chain[entry] = this.#heads[bucket]!
      this.#heads[bucket] = entry
    }
  }
}

/** Twice what is on its way at `rate` within `roundTripMs`. */
function blocksFor(rate: number, roundTripMs: number): number {
  return Math.ceil((2 * rate * roundTripMs) / (1000 * BLOCK_LENGTH))
}

function grown<A extends Uint32Array | Int32Array | Float64Array>(from: A, into: A): A {
  into.set(from)
  return into
}
