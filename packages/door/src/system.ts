/** Time and chance, as a door needs them: a test brings its own. */
export interface DoorSystem {
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since 1970. */
  wallClock(): number
  /** Unpredictable bytes. */
  randomBytes(length: number): Uint8Array
}
