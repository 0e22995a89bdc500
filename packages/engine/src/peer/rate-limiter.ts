import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import type { System, Timer } from '../ports/system.ts'

/** How much of its rate a limiter saves up: what may go at once after a pause. More would be a burst. */
const SAVED_MS = 50
/** Those who wait are served this often, each time with as much as the rate brings meanwhile. */
const SERVED_EVERY_MS = 25
/** While somebody waits, what a late timer has missed is not lost: up to this much of the rate. */
const LATE_MS = 150
/** Waking everybody for every few bytes would cost more than the bytes. */
const SHORTEST_WAIT_MS = 5
const LONGEST_WAIT_MS = 1000

interface Waiter {
  readonly callback: () => void
}

/**
 * A ceiling of bytes a second: a token bucket. Limiters form a tree (a torrent's under the session's), and what goes
 * must be allowed by all of them up to the root.
 *
 * Whoever gets nothing waits in line (`whenAvailable`), and nobody overtakes those who wait: `take` gives 0 as long as
 * there is a line. The waiting are served round robin, each a fair share of what is there; a child with waiters waits
 * at its parent as one of them.
 *
 * At least one block can always be saved up, however low the rate, since a block leaves whole or not at all. A charge
 * larger than what is there makes a debt that is paid off before anything else goes.
 */
export class RateLimiter {
  readonly #system: System
  readonly #parent: RateLimiter | undefined
  #rate: number
  #tokens: number
  #filledAt: number
  /** What the waiter being served may still take. */
  #share = 0
  #isServing = false
  readonly #waiters = new Set<Waiter>()
  #timer: Timer | undefined
  #leaveParentsLine: (() => void) | undefined

  /** `bytesPerSecond`: `Infinity` is no ceiling, 0 lets nothing pass. */
  constructor(options: { readonly bytesPerSecond: number; readonly system: System; readonly parent?: RateLimiter }) {
    this.#system = options.system
    this.#parent = options.parent
    this.#rate = options.bytesPerSecond
    this.#filledAt = options.system.now()
    this.#tokens = this.#rate === Infinity ? 0 : (this.#rate * SAVED_MS) / 1000
  }

  get bytesPerSecond(): number {
    return this.#rate
  }

  /** How many stand in line here. */
  get waiting(): number {
    return this.#waiters.size
  }

  setRate(bytesPerSecond: number): void {
    this.#fill(this.#system.now())
    if (this.#rate === Infinity) this.#tokens = 0
    this.#rate = bytesPerSecond
    // What was saved at another rate is not worth more than a pause at this one.
    this.#tokens = Math.min(this.#tokens, Math.max(BLOCK_LENGTH, (this.#rate * SAVED_MS) / 1000))
    this.#stopWaiting()
    this.#wait()
  }

  /** @returns how many of `bytes` may go now, 0 to all of them; they count as gone. */
  take(bytes: number, now: number): number {
    if (this.#rate === Infinity && this.#parent === undefined) return bytes
    const own = Math.min(bytes, this.#grantable(now))
    if (own <= 0) return 0
    const granted = this.#parent === undefined ? own : this.#parent.take(own, now)
    this.#charge(granted)
    return granted
  }

  /** Notes bytes that have come or gone without asking, all the way up; a debt if there was not enough. */
  spend(bytes: number, now: number): void {
    this.#fill(now)
    this.#charge(bytes)
    this.#parent?.spend(bytes, now)
  }

  /** Gives back what was taken and not used (negative: what went beyond it). */
  refund(bytes: number): void {
    this.#charge(-bytes)
    this.#parent?.refund(bytes)
  }

  /**
   * Gets in line: calls back once, never within this call, when there is something to take. Whoever wants more then
   * gets in line again.
   * @returns a function that leaves the line.
   */
  whenAvailable(callback: () => void): () => void {
    const waiter: Waiter = { callback }
    this.#waiters.add(waiter)
    this.#wait()
    return () => {
      this.#waiters.delete(waiter)
      if (this.#waiters.size === 0) this.#stopWaiting()
    }
  }

  /** Forgets everybody who waits, and its timer. */
  close(): void {
    this.#waiters.clear()
    this.#stopWaiting()
  }

  #mostSaved(): number {
    const isAwaited = this.#waiters.size > 0 || this.#isServing
    return Math.max(BLOCK_LENGTH, (this.#rate * (isAwaited ? LATE_MS : SAVED_MS)) / 1000)
  }

  #fill(now: number): void {
    if (now <= this.#filledAt) return
    if (this.#rate !== Infinity) this.#tokens = Math.min(this.#mostSaved(), this.#tokens + (this.#rate * (now - this.#filledAt)) / 1000)
    this.#filledAt = now
  }

  #charge(bytes: number): void {
    if (this.#rate !== Infinity) this.#tokens = Math.min(this.#mostSaved(), this.#tokens - bytes)
    if (this.#isServing) this.#share -= bytes
  }

  /** Whole bytes that this limiter alone would let the caller take. */
  #grantable(now: number): number {
    if (this.#rate === Infinity) return this.#isServing ? this.#share : Infinity
    if (this.#waiters.size > 0 && !this.#isServing) return 0
    this.#fill(now)
    return Math.floor(this.#isServing ? Math.min(this.#tokens, this.#share) : this.#tokens)
  }

  /** The least that this limiter and those above it would let the caller take. */
  #grantableToRoot(now: number): number {
    const own = this.#grantable(now)
    return this.#parent === undefined ? own : Math.min(own, this.#parent.#grantableToRoot(now))
  }

  /** Sees to it that `#serve` is called when it can do something. */
  #wait(): void {
    if (this.#waiters.size === 0 || this.#isServing || this.#timer !== undefined || this.#leaveParentsLine !== undefined) return
    this.#timer = this.#startTimer()
  }

  #startTimer(): Timer | undefined {
    if (this.#rate <= 0) return undefined
    let delay = 0
    if (this.#rate !== Infinity) {
      this.#fill(this.#system.now())
      const wanted = Math.max(BLOCK_LENGTH, (this.#rate * SERVED_EVERY_MS) / 1000)
      delay = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, ((wanted - this.#tokens) * 1000) / this.#rate))
    }
    return this.#system.after(delay, () => {
      this.#timer = undefined
      this.#onTimer()
    })
  }

  #onTimer(): void {
    const now = this.#system.now()
    this.#fill(now)
    const parent = this.#parent
    if (this.#rate !== Infinity && this.#tokens < BLOCK_LENGTH) this.#wait()
    else if (parent === undefined || parent.#grantableToRoot(now) >= BLOCK_LENGTH) this.#serve()
    else {
      this.#leaveParentsLine = parent.whenAvailable(() => {
        this.#leaveParentsLine = undefined
        this.#serve()
      })
    }
  }

  /** Lets everybody in line take a fair share, one after another, as long as there is a block for the next. */
  #serve(): void {
    const now = this.#system.now()
    this.#isServing = true
    this.#share = Infinity
    // Those who get in line again while we serve are behind everybody who is in it now.
    const waiting = [...this.#waiters]
    const fairShare = Math.max(BLOCK_LENGTH, this.#grantableToRoot(now) / waiting.length)
    try {
      for (const waiter of waiting) {
        this.#share = fairShare
        if (this.#grantableToRoot(now) < BLOCK_LENGTH) break
        if (this.#waiters.delete(waiter)) waiter.callback()
      }
    } finally {
      this.#isServing = false
      this.#wait()
    }
  }

  #stopWaiting(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#leaveParentsLine?.()
    this.#leaveParentsLine = undefined
  }
}
