import type { AnnounceReply } from '@shoal/protocol/tracker/announce'

export interface AnnounceOptions {
  /** No tracker is asked more often in the normal course, whatever interval it names. */
  readonly shortestIntervalMs: number
  /** No tracker can send us away for longer, whatever interval it names. */
  readonly longestIntervalMs: number
  /** While we miss data and know no peer at all: when to ask again, drawn between this and twice this. */
  readonly hungryIntervalMs: number
  /** After so many hungry announces in a row the swarm is probably empty: asked a quarter as often from then on. */
  readonly hungryPatience: number
  /** After a round in which no tracker of a tier answered; doubled with each further one. */
  readonly firstRetryMs: number
  readonly longestRetryMs: number
  /** For one question over HTTP. */
  readonly httpTimeoutMs: number
  /** For one question over UDP, with its retries: after 3 and 9 s. */
  readonly udpTimeoutMs: number
  /** How long `stop` waits for the trackers. */
  readonly stopTimeoutMs: number
  /** Peers that one announce asks for at most. */
  readonly mostPeersWanted: number
}

export const DEFAULT_ANNOUNCE_OPTIONS: Readonly<AnnounceOptions> = Object.freeze({
  shortestIntervalMs: 60_000,
  longestIntervalMs: 3_600_000,
  hungryIntervalMs: 15_000,
  hungryPatience: 20,
  firstRetryMs: 15_000,
  longestRetryMs: 1_800_000,
  httpTimeoutMs: 15_000,
  udpTimeoutMs: 21_000,
  stopTimeoutMs: 3_000,
  mostPeersWanted: 200,
})

/** How long to wait after a good answer. Whatever a tracker says, it stays within our bounds. */
export function intervalMs(reply: AnnounceReply, options: AnnounceOptions): number {
  const wanted = Math.max(sane(reply.intervalSeconds), sane(reply.minIntervalSeconds)) * 1000
  return Math.min(Math.max(wanted, options.shortestIntervalMs), options.longestIntervalMs)
}

/** How long to wait at least, even in need. */
export function leastIntervalMs(reply: AnnounceReply, options: AnnounceOptions): number {
  return Math.min(sane(reply.minIntervalSeconds) * 1000, options.longestIntervalMs)
}

/** How long to wait after a good answer when nobody is there. `chance` is in [0, 1). */
export function hungryDelayMs(hungryAnnounces: number, chance: number, options: AnnounceOptions): number {
  const delay = options.hungryIntervalMs * (1 + chance)
  return hungryAnnounces < options.hungryPatience ? delay : 4 * delay
}

/**
 * How long to wait after the `failedRounds`-th round without an answer, from 1: doubling, and 10 % earlier or later by
 * chance, so that those who lost a tracker together do not come back together. `chance` is in [0, 1).
 */
export function retryDelayMs(failedRounds: number, chance: number, options: AnnounceOptions): number {
  const delay = Math.min(options.firstRetryMs * 2 ** Math.min(failedRounds - 1, 30), options.longestRetryMs)
  return delay * (0.9 + 0.2 * chance)
}

/** Trackers lie; what is no time counts as nothing said. */
function sane(seconds: number | undefined): number {
  return seconds !== undefined && seconds > 0 ? seconds : 0
}
