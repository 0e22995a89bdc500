import { randomBytes, randomInt } from 'node:crypto'

/** Time and chance, the only ones that the hub has: a test brings its own. */
export interface HubSystem {
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since 1970, as people see them. */
  wallClock(): number
  /** Unpredictable bytes, for secrets. */
  randomBytes(length: number): Uint8Array
  /** A whole number in [0, limit). For drawing peers and for jitter, not for secrets. */
  randomBelow(limit: number): number
}

export const REAL_HUB_SYSTEM: HubSystem = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  randomBelow: (limit) => (limit <= 1 ? 0 : drawBelow(limit)),
}

/** A generator that is seeded once (xorshift128): an announce draws four numbers, and each costs 5 ns instead of 300. */
const drawBelow: (limit: number) => number = ((): ((limit: number) => number) => {
  let [x, y, z, w] = Array.from({ length: 4 }, () => randomInt(1, 0x7fffffff)) as [number, number, number, number]
  return (limit) => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return Math.floor(((w >>> 0) / 0x1_0000_0000) * limit)
  }
})()
