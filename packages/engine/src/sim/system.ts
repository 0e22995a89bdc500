import type { System, Timer } from '../ports/system.ts'
import { EventQueue } from './event-queue.ts'
import { Random } from './random.ts'

const LONGEST_DELAY_MS = 2 ** 31 - 1
/** Node's timers do not fire sooner than this, and a simulated one that did could stop the clock. */
const SHORTEST_DELAY_MS = 1
/** Turns of the promise queue without news after which all promises have said what they had to say. */
const QUIET_TURNS = 32
/** 2026-01-01T00:00:00Z: any date will do, as long as it is always the same. */
const DEFAULT_WALL_CLOCK_MS = 1_767_225_600_000
const DEFAULT_LOG_LENGTH = 10_000

export interface SimSystemOptions {
  /** All chance comes from here; print it when a test fails. */
  readonly seed: string | number
  /** What the clock on the wall shows at the start. */
  readonly wallClockMs?: number
  /** How many of the latest log lines are kept; the digest is over all. */
  readonly logLength?: number
}

/**
 * Virtual time and seeded chance: an hour of a swarm passes in a second, and the same seed gives the same hour.
 *
 * Time stands still while anything runs. Between two events everything that was promised gets its turn: callbacks of `soon`
 * first, then promises, until both are quiet. That uses nothing but `await`, whose order the language fixes, so it is as
 * repeatable as the rest.
 */
export class SimSystem implements System {
  readonly seed: string
  readonly random: Random
  readonly #queue = new EventQueue()
  readonly #soon: (() => void)[] = []
  readonly #portRandom: Random
  readonly #logLength: number
  #log: string[] = []
  #now = 0
  #wallClockMs: number
  #bootCount = 1
  #activity = 0
  #isRunning = false
  #digestHigh = 0x811c9dc5
  #digestLow = 0x01000193

  constructor(options: SimSystemOptions) {
    this.seed = String(options.seed)
    this.random = new Random(this.seed)
    this.#portRandom = this.random.fork('system')
    this.#wallClockMs = options.wallClockMs ?? DEFAULT_WALL_CLOCK_MS
    this.#logLength = options.logLength ?? DEFAULT_LOG_LENGTH
  }

  now(): number {
    return this.#now
  }

  wallClock(): number {
    return this.#wallClockMs + this.#now
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.schedule(clampDelay(delayMs), callback)
  }

  every(intervalMs: number, callback: () => void): Timer {
    const interval = clampDelay(intervalMs)
    let timer: Timer
    const fire = (): void => {
      timer = this.schedule(interval, fire)
      callback()
    }
    timer = this.schedule(interval, fire)
    return { cancel: () => timer.cancel() }
  }

  soon(callback: () => void): void {
    this.#activity++
    this.#soon.push(callback)
  }

  randomBytes(length: number): Uint8Array {
    return this.#portRandom.bytes(length)
  }

  randomBelow(limit: number): number {
    return this.#portRandom.below(limit)
  }

  bootId(): string {
    return `sim-${this.seed}-boot-${this.#bootCount}`
  }

  /** For the simulated world itself: any delay from 0, also fractions of a millisecond. */
  schedule(delayMs: number, callback: () => void): Timer {
    this.#activity++
    const event = this.#queue.add(this.#now + Math.max(delayMs, 0), callback)
    return {
      cancel: () => {
        event.callback = undefined
      },
    }
  }

  /** The clock on the wall is set to another time (NTP, daylight saving, a user); the monotonic one does not notice. */
  jumpWallClock(byMs: number): void {
    this.#wallClockMs += byMs
  }

  /** The machine starts anew: another boot id. */
  reboot(): void {
    this.#bootCount++
  }

  /** Time that passes inside one call, as with a slow synchronous read: what was due meanwhile comes late. */
  spend(ms: number): void {
    this.#now += ms
  }

  /** Lets `ms` of virtual time pass. */
  async run(ms: number): Promise<void> {
    await this.runUntil(() => false, ms)
  }

  /** Runs until `isReached` holds (looked at after each event) or `limitMs` have passed. @returns whether it was reached. */
  async runUntil(isReached: () => boolean, limitMs: number): Promise<boolean> {
    if (this.#isRunning) throw new Error('Cannot happen: the simulation is run from inside itself')
    this.#isRunning = true
    try {
      const end = this.#now + limitMs
      for (;;) {
        await this.#settle()
        if (isReached()) return true
        const next = this.#queue.peek()
        if (next === undefined || next.timeMs > end) {
          this.#now = Math.max(this.#now, end)
          return false
        }
        this.#queue.take()
        this.#now = Math.max(this.#now, next.timeMs)
        const { callback } = next
        next.callback = undefined
        callback?.()
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** Runs until the promise has settled, and gives its value or throws its error. */
  async complete<Value>(promise: Promise<Value>, limitMs = 60_000): Promise<Value> {
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    promise.then(settled, settled)
    if (!(await this.runUntil(() => isSettled, limitMs))) {
      throw new Error(`The promise has not settled within ${limitMs} ms of virtual time (seed ${this.seed})`)
    }
    return promise
  }

  /** What is planned and not cancelled; a world in which everything was closed plans nothing. */
  get pendingEvents(): number {
    return this.#queue.livingCount
  }

  /** Adds a line to the log, with the time in front. */
  log(text: string): void {
    const line = `${this.#now.toFixed(3)} ${text}`
    for (let index = 0; index < line.length; index++) this.note(line.charCodeAt(index))
    this.#log.push(line)
    if (this.#log.length > 2 * this.#logLength) this.#log = this.#log.slice(-this.#logLength)
  }

  /** Adds a number to the digest only: for what happens too often to be written down. */
  note(value: number): void {
    this.#digestHigh = Math.imul(this.#digestHigh ^ value, 0x01000193) >>> 0
    this.#digestLow = Math.imul((this.#digestLow ^ value) + (this.#digestHigh >>> 15), 0x85ebca6b) >>> 0
  }

  /** The latest lines of the log, oldest first. */
  get logLines(): readonly string[] {
    return this.#log.slice(-this.#logLength)
  }

  /** Equal for two runs in which the same things happened at the same times. */
  get digest(): string {
    return (this.#digestHigh.toString(16).padStart(8, '0') + this.#digestLow.toString(16).padStart(8, '0')).toLowerCase()
  }

  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const before = this.#activity
      for (let index = 0; index < this.#soon.length; index++) this.#soon[index]!()
      this.#soon.length = 0
      await Promise.resolve()
      quiet = this.#activity === before ? quiet + 1 : 0
    }
  }
}

function clampDelay(delayMs: number): number {
  return Math.min(Math.max(delayMs, SHORTEST_DELAY_MS), LONGEST_DELAY_MS)
}
