import {
  type AnnounceReply,
  type AnnounceRequest,
  isTrackerFailure,
  type ScrapeEntry,
  type TrackerFailure,
} from '@shoal/protocol/tracker/announce'
import {
  buildAnnounceUrl,
  buildScrapeUrl,
  parseAnnounceReply,
  parseScrapeReply,
  REPLY_LIMIT_BYTES,
  scrapeUrl,
} from '@shoal/protocol/tracker/http'
import { parseTrackerUrl } from '@shoal/protocol/tracker/tracker-url'
import { EngineError } from '../base/errors.ts'
import type { AbortSignalLike, HttpResponse, Network } from '../ports/network.ts'

/** How one question to a tracker is put. */
export interface TrackerQuestion {
  /** For everything, name resolution and retries included. */
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike
  /** Over which family; undefined where the tracker has only one. */
  readonly family?: 4 | 6
}

/**
 * One announce over HTTP (BEP 3, 7, 23, 31).
 *
 * @returns a failure when the tracker understood and said no
 * @throws {EngineError} `TRACKER_INVALID_RESPONSE` and what `Network.get` throws
 */
export async function announceOverHttp(
  network: Network,
  url: string,
  request: AnnounceRequest,
  question: TrackerQuestion,
): Promise<AnnounceReply | TrackerFailure> {
  const response = await get(network, buildAnnounceUrl(url, request), question)
  return understood(url, response, parseAnnounceReply)
}

/**
 * One scrape over HTTP (BEP 48), of at most 74 torrents.
 *
 * @throws {EngineError} `TRACKER_URL_REFUSED` when the tracker's URL has no scrape form, otherwise as `announceOverHttp`
 */
export async function scrapeOverHttp(
  network: Network,
  url: string,
  infoHashes: readonly Uint8Array[],
  question: TrackerQuestion,
): Promise<readonly ScrapeEntry[] | TrackerFailure> {
  const where = scrapeUrl(url)
  if (where === undefined) {
    throw new EngineError(
      'TRACKER_URL_REFUSED',
      `Cannot scrape the tracker ${hostOf(url)}: its address does not end in "announce" (BEP 48).`,
    )
  }
  const response = await get(network, buildScrapeUrl(where, infoHashes), question)
  return understood(url, response, parseScrapeReply)
}

function get(network: Network, url: string, question: TrackerQuestion): Promise<HttpResponse> {
  const { timeoutMs, signal, family } = question
  return network.get({
    url,
    timeoutMs,
    maxBytes: REPLY_LIMIT_BYTES,
    ...(signal === undefined ? {} : { signal }),
    ...(family === undefined ? {} : { family }),
  })
}

/** Trackers put failures into answers of any status; everything else counts only with a status of success. */
function understood<Answer extends AnnounceReply | readonly ScrapeEntry[]>(
  url: string,
  response: HttpResponse,
  parse: (body: Uint8Array) => Answer | TrackerFailure,
): Answer | TrackerFailure {
  const { status, body } = response
  const isSuccess = status >= 200 && status < 300
  let answer: Answer | TrackerFailure
  try {
    answer = parse(body)
  } catch (cause) {
    const reason = isSuccess ? (cause as Error).message : `it answers with HTTP status ${status}`
    throw new EngineError('TRACKER_INVALID_RESPONSE', `Cannot use the tracker ${hostOf(url)}: ${reason}`, { cause })
  }
  if (!isSuccess && !isTrackerFailure(answer)) {
    throw new EngineError('TRACKER_INVALID_RESPONSE', `Cannot use the tracker ${hostOf(url)}: it answers with HTTP status ${status}`)
  }
  return answer
}

/** Host and port only: path and query may hold a passkey, and messages end up in logs. */
function hostOf(url: string): string {
  const { host, port } = parseTrackerUrl(url)
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
