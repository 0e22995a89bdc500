/** A torrent that is not paused, as the queue sees it. */
export interface QueueCandidate {
  readonly id: string
  /** Which of the two places it takes. */
  readonly aim: 'download' | 'seed'
  readonly isForced: boolean
  readonly isRunning: boolean
  /** It runs, and has moved next to nothing for a while: it takes no place. */
  readonly isSlow: boolean
}

export interface QueueLimits {
  readonly maxActiveDownloads: number
  readonly maxActiveSeeds: number
}

/**
 * Which torrents are to run: places are given in the order of the list. A forced torrent runs without a place, and so does a
 * slow one that runs already, so that a dead swarm never holds up a living one.
 */
export function torrentsToRun(inOrder: readonly QueueCandidate[], limits: QueueLimits): Set<string> {
  const run = new Set<string>()
  const free = { download: limits.maxActiveDownloads, seed: limits.maxActiveSeeds }
  for (const { id, aim, isForced, isRunning, isSlow } of inOrder) {
    if (isForced || (isRunning && isSlow)) run.add(id)
    else if (free[aim] > 0) {
      free[aim]--
      run.add(id)
    }
  }
  return run
}

/** The order after one torrent was put to a place, from 1; beyond the end is the end. */
export function withPlace(order: readonly string[], id: string, place: number): string[] {
  const others = order.filter((each) => each !== id)
  others.splice(Math.min(Math.max(place, 1) - 1, others.length), 0, id)
  return others
}
