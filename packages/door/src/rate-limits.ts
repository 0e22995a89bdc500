import { ProblemError } from '@shoal/api/problem'
import type { Route } from './route.ts'
import type { DoorSystem } from './system.ts'

export type LimitName = NonNullable<Route['limit']>

export interface Limit {
  /** Calls that may come at once. */
  readonly burst: number
  /** Calls that come back in a minute. */
  readonly perMinute: number
}

/** Of one caller. All callers of a network together get `NETWORK_FACTOR` times as much: a class sits behind one address. */
export const DEFAULT_LIMITS: Readonly<Record<LimitName, Limit>> = Object.freeze({
  read: { burst: 600, perMinute: 1_200 },
  write: { burst: 120, perMinute: 120 },
  'sign-in': { burst: 20, perMinute: 20 },
  register: { burst: 10, perMinute: 6 },
  ping: { burst: 30, perMinute: 60 },
  upload: { burst: 60, perMinute: 30 },
})
export const NETWORK_FACTOR = 30
/** Callers and networks that are remembered; the one seen least recently goes. */
const MAX_BUCKETS = 20_000

export interface Drawn {
  readonly name: LimitName
  readonly limit: Limit
  readonly remaining: number
  /** Until there is all of it again. */
  readonly resetSeconds: number
}

interface Bucket {
  level: number
  at: number
}

/** Token buckets, one for each caller (or network) and kind of call. */
export class RateLimits {
  readonly #limits: Readonly<Record<LimitName, Limit>>
  readonly #system: DoorSystem
  /** The least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(system: DoorSystem, limits: Partial<Record<LimitName, Limit>> = {}) {
    this.#system = system
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /** @throws {ProblemError} `RATE_LIMITED` */
  draw(name: LimitName, who: string, factor: number = 1): Drawn {
    const { burst, perMinute } = this.#limits[name]
    const limit = { burst: burst * factor, perMinute: perMinute * factor }
    const key = `${name} ${who}`
    const now = this.#system.now()
    const known = this.#buckets.get(key)
    const perMs = limit.perMinute / 60_000
    const level = known === undefined ? limit.burst : Math.min(limit.burst, known.level + (now - known.at) * perMs)
    if (level < 1) {
      const retryAfterSeconds = Math.max(1, Math.ceil((1 - level) / perMs / 1_000))
      throw new ProblemError(
        'RATE_LIMITED',
        `Too many calls of this kind: at most ${limit.burst} at once and ${limit.perMinute} in a minute. Try again in ${retryAfterSeconds} s`,
        { retryAfterSeconds },
      )
    }
    this.#buckets.delete(key)
    this.#buckets.set(key, { level: level - 1, at: now })
    if (this.#buckets.size > MAX_BUCKETS)
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    return { name, limit, remaining: Math.floor(level - 1), resetSeconds: Math.ceil((limit.burst - level + 1) / perMs / 1_000) }
  }
}
