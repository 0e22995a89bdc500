/** Something that will happen once (or again and again) unless it is cancelled. */
export interface Timer {
  cancel(): void
}

/**
 * Time and chance. The engine has no other clock and no other dice, so a whole
 * swarm can be run in virtual time from one seed.
 */
export interface System {
  /** Monotonic milliseconds, fractional; never goes back, stands still while the machine sleeps. */
  now(): number
  /** Milliseconds since 1970 as the machine believes; may jump. Only for what people and files see. */
  wallClock(): number
  /** Calls back once after `delayMs` (longer than 2^31-1 ms is cut to that). */
  after(delayMs: number, callback: () => void): Timer
  /** Calls back every `intervalMs` until cancelled. */
  every(intervalMs: number, callback: () => void): Timer
  /** Calls back after the current call stack has ended and before any timer. */
  soon(callback: () => void): void
  /** Unpredictable bytes: ids, tokens, connection ids. */
  randomBytes(length: number): Uint8Array
  /** A whole number in [0, limit). For ties and jitter, not for secrets. */
  randomBelow(limit: number): number
  /** Changes with every boot of the machine; undefined where that cannot be known. */
  bootId(): string | undefined
}
