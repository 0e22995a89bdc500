import type { System, Timer } from '../src/ports/system.ts'
import type { Random } from '../src/sim/random.ts'
import type { SimSystem } from '../src/sim/system.ts'

/**
 * The clock as one simulated program sees it, with dice of its own: what other programs do does not change what it
 * throws. It counts its timers, so that a test sees whether one was left behind, and it can be killed, after which
 * nothing of it ever runs again.
 */
export class SimProcess implements System {
  readonly #system: SimSystem
  readonly #random: Random
  readonly #bootId: string
  readonly #timers = new Set<Timer>()
  #isDead = false

  constructor(system: SimSystem, options: { readonly name: string; readonly bootId: string }) {
    this.#system = system
    this.#bootId = options.bootId
    this.#random = system.random.fork(options.name)
  }

  /** Timers that have not fired and were not cancelled. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** As `kill -9` does: no callback comes any more. */
  kill(): void {
    this.#isDead = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  now(): number {
    return this.#system.now()
  }

  wallClock(): number {
    return this.#system.wallClock()
  }

  after(delayMs: number, callback: () => void): Timer {
    const inner = this.#system.after(delayMs, () => {
      this.#timers.delete(timer)
      if (!this.#isDead) callback()
    })
    const timer = this.#kept(inner)
    return timer
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#kept(
      this.#system.every(intervalMs, () => {
        if (!this.#isDead) callback()
      }),
    )
  }

  soon(callback: () => void): void {
    this.#system.soon(() => {
      if (!this.#isDead) callback()
    })
  }

  randomBytes(length: number): Uint8Array {
    return this.#random.bytes(length)
  }

  randomBelow(limit: number): number {
    return this.#random.below(limit)
  }

  bootId(): string {
    return this.#bootId
  }

  #kept(inner: Timer): Timer {
    const timer: Timer = {
      cancel: () => {
        this.#timers.delete(timer)
        inner.cancel()
      },
    }
    this.#timers.add(timer)
    return timer
  }
}
