const BUCKET_COUNT = 20
const NO_BUCKETS = new Float64Array(0)

/** A rate over less time than this would be noise: the first bytes of a connection come in one burst. */
const SHORTEST_SPAN_MS = 100

/**
 * Bytes a second, for one peer or a whole torrent: what came within a sliding window, over the length of that window.
 *
 * Twenty buckets in a ring with a running sum, so that `add` is a few additions and allocates nothing. It tells the
 * truth after a second as well as after an hour: a young meter divides by its age, not by a window that it has not lived.
 */
export class RateMeter {
  readonly #bucketMs: number
  /** Made with the first byte: most connections never carry a block. */
  #buckets: Float64Array = NO_BUCKETS
  readonly #startedAt: number
  /** Number of the newest bucket, counted from time zero of the clock. */
  #newest: number
  #sum = 0
  #total = 0

  constructor(now: number, windowMs = 2000) {
    this.#bucketMs = windowMs / BUCKET_COUNT
    this.#startedAt = now
    this.#newest = Math.floor(now / this.#bucketMs)
  }

  /** Everything ever added, bytes. */
  get total(): number {
    return this.#total
  }

  add(bytes: number, now: number): void {
    const bucket = Math.floor(now / this.#bucketMs)
    if (this.#buckets === NO_BUCKETS) this.#buckets = new Float64Array(BUCKET_COUNT)
    if (bucket > this.#newest) this.#roll(bucket)
    this.#buckets[this.#newest % BUCKET_COUNT]! += bytes
    this.#sum += bytes
    this.#total += bytes
  }

  bytesPerSecond(now: number): number {
    if (this.#sum === 0) return 0
    const bucket = Math.floor(now / this.#bucketMs)
    if (bucket > this.#newest) this.#roll(bucket)
    if (this.#sum === 0) return 0
    const windowBegin = (this.#newest - BUCKET_COUNT + 1) * this.#bucketMs
    const span = now - Math.max(windowBegin, this.#startedAt)
    return (this.#sum * 1000) / Math.max(span, SHORTEST_SPAN_MS)
  }

  /** Makes `bucket` the newest: what falls out of the window leaves the sum. */
  #roll(bucket: number): void {
    if (bucket - this.#newest >= BUCKET_COUNT) {
      this.#buckets.fill(0)
      this.#sum = 0
    } else {
      for (let old = this.#newest + 1; old <= bucket; old++) {
        const slot = old % BUCKET_COUNT
        this.#sum -= this.#buckets[slot]!
        this.#buckets[slot] = 0
      }
    }
    this.#newest = bucket
  }
}
