import { ProtocolError } from '@shoal/protocol/errors'
import { formatIp } from '@shoal/protocol/ip-address'
import { isTrackerFailure, type PackedAnnounceReply, type TrackerFailure } from '@shoal/protocol/tracker/announce'
import { encodeAnnounceReply, encodeFailure, encodeScrapeReply } from '@shoal/protocol/tracker/http'
import { parseAnnounceQuery, parseScrapeQuery } from '@shoal/protocol/tracker/http-query'
import type { AnswerLimits, Tracker } from './announce.ts'
import type { TrackerPath } from './tracker-path.ts'

export interface HttpTrackerCounts {
  announces: number
  scrapes: number
  /** Announces and scrapes that were answered with a failure. */
  failures: number
}

/** What stands before a body of so many bytes. */
export type HeadOf = (bodyLength: number) => string

const ANSWER_LIMITS: AnswerLimits = { maxPeers: 200, bothFamilies: true }

const TOO_MANY: TrackerFailure = Object.freeze({
  failureReason: 'Your network asks this hub more often than it can answer: come back later',
  intervalSeconds: 300,
  retryInSeconds: 300,
})

/**
 * What announces and scrapes over HTTP get, whichever way they came in: always a bencoded dictionary, because clients read
 * why they were refused from nothing else.
 */
export class HttpAnswers {
  readonly counts: HttpTrackerCounts = { announces: 0, scrapes: 0, failures: 0 }
  readonly #tracker: Tracker

  constructor(tracker: Tracker) {
    this.#tracker = tracker
  }

  /**
   * @param rawQuery what is behind the `?`, each character one byte
   * @param sender 4 or 16 bytes, behind trusted proxies
   * @returns head and body
   */
  answer(path: TrackerPath, rawQuery: string, sender: Uint8Array, head: HeadOf): Buffer {
    try {
      if (!this.#tracker.maySpend(sender)) return this.#refuse(TOO_MANY, head)
      return path.action === 'announce' ? this.#announce(path, rawQuery, sender, head) : this.#scrape(path, rawQuery, sender, head)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return this.#refuse({ failureReason: error.message }, head)
    }
  }

  #announce(path: TrackerPath, rawQuery: string, sender: Uint8Array, head: HeadOf): Buffer {
    const request = parseAnnounceQuery(rawQuery)
    this.counts.announces++
    const reply = this.#tracker.announce(request, sender, ANSWER_LIMITS, path.announceKey)
    if (isTrackerFailure(reply)) return this.#refuse(reply, head)
    if (request.compact === false)
      return withHead(encodeAnnounceReply({ ...reply, externalIp: formatIp(sender) }, { compact: false }), head)
    return packedReply(reply, sender, head)
  }

  #scrape(path: TrackerPath, rawQuery: string, sender: Uint8Array, head: HeadOf): Buffer {
    const infoHashes = parseScrapeQuery(rawQuery)
    this.counts.scrapes++
    const entries = this.#tracker.scrape(infoHashes, sender, path.announceKey)
    return isTrackerFailure(entries) ? this.#refuse(entries, head) : withHead(encodeScrapeReply(entries), head)
  }

  #refuse(failure: TrackerFailure, head: HeadOf): Buffer {
    this.counts.failures++
    return withHead(encodeFailure(failure), head)
  }
}

function withHead(body: Uint8Array, head: HeadOf): Buffer {
  return Buffer.concat([Buffer.from(head(body.length), 'latin1'), body])
}

/** What `encodeAnnounceReply` makes, written straight into one buffer: 0.5 µs where the general encoder takes 4. */
export function packedReply(reply: PackedAnnounceReply, sender: Uint8Array, head: HeadOf): Buffer {
  const { peers4, peers6 } = reply
  const before = `d8:completei${reply.complete}e10:downloadedi${reply.downloaded}e11:external ip${sender.length}:`
  const between = `10:incompletei${reply.incomplete}e8:intervali${reply.intervalSeconds}e12:min intervali${reply.minIntervalSeconds}e5:peers${peers4.length}:`
  const between6 = peers6.length > 0 ? `6:peers6${peers6.length}:` : ''
  const bodyLength = before.length + sender.length + between.length + peers4.length + between6.length + peers6.length + 1
  const start = head(bodyLength) + before
  const bytes = Buffer.allocUnsafe(start.length - before.length + bodyLength)
  let at = bytes.write(start, 0, 'latin1')
  bytes.set(sender, at)
  at += sender.length
  at += bytes.write(between, at, 'latin1')
  bytes.set(peers4, at)
  at += peers4.length
  if (peers6.length > 0) {
    at += bytes.write(between6, at, 'latin1')
    bytes.set(peers6, at)
    at += peers6.length
  }
  bytes[at] = END
  return bytes
}

/** `e` */
const END = 0x65
