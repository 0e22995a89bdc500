/** Time and chance, as this room needs them: the daemon's system is one. */
export interface HubsSystem {
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since 1970, as people see them. */
  wallClock(): number
  after(delayMs: number, callback: () => void): { cancel(): void }
  /** Unpredictable bytes, for secrets and for jitter. */
  randomBytes(length: number): Uint8Array
}
