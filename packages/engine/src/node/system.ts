import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { System, Timer } from '../ports/system.ts'

/** The longest delay that Node's timers take; a longer one would fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1
/** 1,024 dice for one call into the operating system. */
const DICE_POOL_LENGTH = 1024
const TWO_TO_32 = 2 ** 32

/** The machine's own clock, timers and randomness. */
export class NodeSystem implements System {
  readonly #dice = new Uint32Array(DICE_POOL_LENGTH)
  #nextDie = DICE_POOL_LENGTH
  #bootId: string | undefined
  #bootIdKnown = false

  now(): number {
    return performance.now()
  }

  wallClock(): number {
    return Date.now()
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = setTimeout(callback, clampDelay(delayMs))
    return { cancel: () => clearTimeout(timer) }
  }

  every(intervalMs: number, callback: () => void): Timer {
    const timer = setInterval(callback, clampDelay(intervalMs))
    return { cancel: () => clearInterval(timer) }
  }

  /**
   * A microtask, not `setImmediate`. One poll of the event loop may hand over up to 32 receive buffers of one socket
   * (8 MiB) before any immediate runs: the next requests would leave only then, and the sender would have run dry.
   * After a microtask they leave with each buffer; that is still one write for 16 blocks. Only a microtask also keeps the
   * promise "before any timer" when the caller is itself a timer, because all due timers run in one go.
   */
  soon(callback: () => void): void {
    queueMicrotask(callback)
  }

  randomBytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length))
  }

  randomBelow(limit: number): number {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new Error(`Cannot happen: a random number below ${limit}`)
    if (limit <= TWO_TO_32) {
      // Numbers at or above the last whole multiple of `limit` are thrown again: taking them would favour small answers.
      const fair = TWO_TO_32 - (TWO_TO_32 % limit)
      for (;;) {
        const die = this.#rollDie()
        if (die < fair) return die % limit
      }
    }
    const fair = Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % limit)
    for (;;) {
      const die = (this.#rollDie() & 0x1f_ffff) * TWO_TO_32 + this.#rollDie()
      if (die < fair) return die % limit
    }
  }

  bootId(): string | undefined {
    if (!this.#bootIdKnown) {
      this.#bootId = readBootId()
      this.#bootIdKnown = true
    }
    return this.#bootId
  }

  #rollDie(): number {
    if (this.#nextDie === DICE_POOL_LENGTH) {
      randomFillSync(this.#dice)
      this.#nextDie = 0
    }
    return this.#dice[this.#nextDie++]!
  }
}

/** Linux gives every boot an id; elsewhere there is none that can be read without a program. */
export function readBootId(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return undefined // a container without /proc: not knowing is an answer
  }
}

function clampDelay(delayMs: number): number {
  return Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS)
}
