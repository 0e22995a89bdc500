import type { Goals } from '@shoal/api/daemon-api'

const MINUTE_MS = 60_000

/** What a finished torrent has shared so far. */
export interface SharingFacts {
  readonly size: number
  readonly uploaded: number
  /** Time of sharing, paused and queued time not counted. */
  readonly seedingMs: number
  /** Time of sharing since somebody last took something. */
  readonly idleMs: number
}

export interface ReachedGoal {
  readonly action: Goals['action']
  /** For people. */
  readonly reason: string
}

/** The first goal that is reached; undefined while none is. */
export function reachedGoal(facts: SharingFacts, goals: Goals): ReachedGoal | undefined {
  const { ratio, seedMinutes, idleMinutes, action } = goals
  if (ratio !== null && facts.uploaded >= ratio * facts.size) return { action, reason: `the ratio of ${ratio} is reached` }
  if (seedMinutes !== null && facts.seedingMs >= seedMinutes * MINUTE_MS) {
    return { action, reason: `it was shared for ${seedMinutes} minutes` }
  }
  if (idleMinutes !== null && facts.idleMs >= idleMinutes * MINUTE_MS) {
    return { action, reason: `nobody wanted anything for ${idleMinutes} minutes` }
  }
  return undefined
}
