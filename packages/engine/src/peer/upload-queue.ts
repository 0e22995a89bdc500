import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'

/** Other clients may ask for up to this much at once; more is refused by everybody (BEP 3 and what all clients do). */
export const LONGEST_REQUEST = 131_072

const FIRST_CAPACITY = 16
const DEFAULT_MOST_WAITING = 500

/**
 * The blocks that one peer has asked of us and not got yet: first come, first served.
 *
 * They leave in *runs*, neighbouring blocks of one piece, because a run is one read and one write (docs: hot path).
 * `nextRun` leaves its answer in the `run…` fields, so nothing is allocated for a block.
 * Whether the peer may have the blocks at all is the caller's matter.
 */
export class UploadQueue {
  runPieceIndex = 0
  runBegin = 0
  /** Blocks in the run: all of 16 KiB but the last, which has `runLastLength` bytes. */
  runBlockCount = 0
  /** Of a run of one also odd, and longer than a block, as the peer wanted. */
  runLastLength = 0

  readonly #mostWaiting: number
  // A ring in parallel arrays; its capacity is a power of two that grows up to the bound.
  #pieceIndexes: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_CAPACITY)
  #begins: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_CAPACITY)
  #lengths: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_CAPACITY)
  #mask = FIRST_CAPACITY - 1
  #first = 0
  #size = 0
  #waitingBytes = 0

  constructor(mostWaiting: number = DEFAULT_MOST_WAITING) {
    this.#mostWaiting = mostWaiting
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Bytes of the request that is served next; 0 when none waits. */
  get nextLength(): number {
    return this.#size === 0 ? 0 : this.#lengths[this.#first]!
  }

  /** The piece of the request that is served next; meaningless when none waits. */
  get nextPieceIndex(): number {
    return this.#pieceIndexes[this.#first]!
  }

  /** @returns false, with nothing changed, when too many wait or the length is none that may be asked for: reject it. */
  push(pieceIndex: number, begin: number, length: number): boolean {
    if (this.#size >= this.#mostWaiting || length < 1 || length > LONGEST_REQUEST) return false
    if (this.#size > this.#mask) this.#grow()
    const at = (this.#first + this.#size) & this.#mask
    this.#pieceIndexes[at] = pieceIndex
    this.#begins[at] = begin
    this.#lengths[at] = length
    this.#size++
    this.#waitingBytes += length
    return true
  }

  /** Forgets one request. @returns whether it was waiting (it may have left already). */
  cancel(pieceIndex: number, begin: number, length: number): boolean {
    const mask = this.#mask
    for (let place = 0; place < this.#size; place++) {
      const at = (this.#first + place) & mask
      if (this.#begins[at] !== begin || this.#pieceIndexes[at] !== pieceIndex || this.#lengths[at] !== length) continue
      for (let hole = place; hole + 1 < this.#size; hole++) this.#move((this.#first + hole + 1) & mask, (this.#first + hole) & mask)
      this.#size--
      this.#waitingBytes -= length
      return true
    }
    return false
  }

  /** Takes the next run, of at most `maxBlocks` blocks, out of the queue. @returns false when nothing waits. */
  nextRun(maxBlocks: number): boolean {
    if (this.#size === 0) return false
    const pieceIndex = this.#pieceIndexes[this.#first]!
    const begin = this.#begins[this.#first]!
    let length = this.#lengths[this.#first]!
    let count = 1
    if (begin % BLOCK_LENGTH === 0) {
      const most = Math.min(maxBlocks, this.#size)
      while (count < most && length === BLOCK_LENGTH) {
        const at = (this.#first + count) & this.#mask
        const nextLength = this.#lengths[at]!
        if (this.#pieceIndexes[at] !== pieceIndex || this.#begins[at] !== begin + count * BLOCK_LENGTH || nextLength > BLOCK_LENGTH) break
        length = nextLength
        count++
      }
    }
    this.runPieceIndex = pieceIndex
    this.runBegin = begin
    this.runBlockCount = count
    this.runLastLength = length
    this.#first = (this.#first + count) & this.#mask
    this.#size -= count
    this.#waitingBytes -= (count - 1) * BLOCK_LENGTH + length
    return true
  }

  /** Forgets everything (we choke the peer, or it left), telling each, in order, so that it can be rejected. */
  clear(callback: (pieceIndex: number, begin: number, length: number) => void): void {
    for (let left = this.#size; left > 0; left--) {
      const at = this.#first
      const length = this.#lengths[at]!
      const pieceIndex = this.#pieceIndexes[at]!
      const begin = this.#begins[at]!
      this.#first = (at + 1) & this.#mask
      this.#size--
      this.#waitingBytes -= length
      callback(pieceIndex, begin, length)
    }
  }

  #move(from: number, to: number): void {
    this.#pieceIndexes[to] = this.#pieceIndexes[from]!
    this.#begins[to] = this.#begins[from]!
    this.#lengths[to] = this.#lengths[from]!
  }

  #grow(): void {
    this.#pieceIndexes = this.#unrolled(this.#pieceIndexes)
    this.#begins = this.#unrolled(this.#begins)
    this.#lengths = this.#unrolled(this.#lengths)
    this.#mask = this.#mask * 2 + 1
    this.#first = 0
  }

  /** Twice as long, with the first request at index 0. */
  #unrolled(ring: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    const longer = new Uint32Array(ring.length * 2)
    longer.set(ring.subarray(this.#first))
    longer.set(ring.subarray(0, this.#first), ring.length - this.#first)
    return longer
  }
}
