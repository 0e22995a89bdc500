import { BencodeDictionary, BencodeList, type BencodeValue, decodeBencodePrefix, type EncodableValue, encodeBencode } from '../bencode.ts'
import { fromLatin1, latin1, viewOf } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import { formatIp, parseIp } from '../ip-address.ts'
import {
  type AnnounceReply,
  type AnnounceRequest,
  decodeCompactPeers4,
  decodeCompactPeers6,
  type PackedAnnounceReply,
  type PeerEndpoint,
  REPLY_PEER_LIMIT,
  type ScrapeEntry,
  TRACKER_TEXT_LIMIT,
  type TrackerFailure,
} from './announce.ts'
import { percentEncode } from './query.ts'
import { parseTrackerUrl } from './tracker-url.ts'

/**
 * The tracker protocol over HTTP: a query string there, a bencoded dictionary back (BEP 3, 7, 23, 24, 31,
 * 48). The queries are read in `http-query.ts`.
 *
 * Replies are read with patience, because trackers are old and many: keys in any order, counts missing,
 * numbers as text, peers packed or as dictionaries. Only what cannot be a reply at all is an error.
 */

/** Nobody's reply is larger; who fetches one should stop there. */
export const REPLY_LIMIT_BYTES: number = 1 << 20
/** What is assumed of a tracker that does not say when it wants to hear again. */
export const DEFAULT_INTERVAL_SECONDS = 1_800

const REPLY_LIMITS = { maxDepth: 16, maxTokens: 100_000, maxBytes: REPLY_LIMIT_BYTES, allowUnsortedKeys: true }
const MAX_TRACKER_ID_BYTES = 256

// ── the client's side ───────────────────────────────────────────────────────────────────────────

/**
 * @param announceUrl as the torrent has it, with or without a query of its own
 * @throws {ProtocolError} `TRACKER_URL`
 */
export function buildAnnounceUrl(announceUrl: string, request: AnnounceRequest): string {
  const parameters = [
    `info_hash=${percentEncode(request.infoHash)}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploaded}`,
    `downloaded=${request.downloaded}`,
    `left=${request.left}`,
    `compact=${request.compact === false ? 0 : 1}`,
  ]
  if (request.noPeerId === true) parameters.push('no_peer_id=1')
  if (request.numWant !== undefined) parameters.push(`numwant=${request.numWant}`)
  if (request.key !== undefined) parameters.push(`key=${request.key.toString(16).toUpperCase().padStart(8, '0')}`)
  if (request.event !== undefined) parameters.push(`event=${request.event}`)
  if (request.claimedAddress !== undefined) parameters.push(`ip=${formatIp(request.claimedAddress)}`)
  if (request.trackerId !== undefined) parameters.push(`trackerid=${percentEncode(request.trackerId)}`)
  return withParameters(announceUrl, parameters)
}

/**
 * Where a tracker answers scrapes (BEP 48): the announce URL with `scrape` for `announce` in its last part.
 *
 * @returns undefined when the URL is not of that shape: such a tracker cannot be scraped
 */
export function scrapeUrl(announceUrl: string): string | undefined {
  const pathEnd = announceUrl.search(/[?#]/)
  const path = pathEnd < 0 ? announceUrl : announceUrl.slice(0, pathEnd)
  const lastPart = path.lastIndexOf('/') + 1
  if (!/^https?:\/\/[^/]+\//i.test(path) || !path.startsWith('announce', lastPart)) return undefined
  return `${path.slice(0, lastPart)}scrape${announceUrl.slice(lastPart + 'announce'.length)}`
}

/** @throws {ProtocolError} `TRACKER_URL` */
export function buildScrapeUrl(url: string, infoHashes: readonly Uint8Array[]): string {
  return withParameters(
    url,
    infoHashes.map((infoHash) => `info_hash=${percentEncode(infoHash)}`),
  )
}

/** @throws {ProtocolError} `TRACKER_REPLY` */
export function parseAnnounceReply(bytes: Uint8Array): AnnounceReply | TrackerFailure {
  const dictionary = decodeReply(bytes)
  const failure = failureOf(dictionary)
  if (failure !== undefined) return failure
  const minIntervalSeconds = countOf(dictionary, 'min interval')
  const complete = countOf(dictionary, 'complete')
  const incomplete = countOf(dictionary, 'incomplete')
  const downloaded = countOf(dictionary, 'downloaded')
  const warning = textOf(dictionary, 'warning message')
  const trackerId = dictionary.getBytes('tracker id')
  const externalIp = dictionary.getBytes('external ip')
  return {
    intervalSeconds: countOf(dictionary, 'interval') ?? DEFAULT_INTERVAL_SECONDS,
    ...(minIntervalSeconds === undefined ? {} : { minIntervalSeconds }),
    ...(complete === undefined ? {} : { complete }),
    ...(incomplete === undefined ? {} : { incomplete }),
    ...(downloaded === undefined ? {} : { downloaded }),
    ...(warning === undefined ? {} : { warning }),
    ...(trackerId === undefined || trackerId.length > MAX_TRACKER_ID_BYTES ? {} : { trackerId: trackerId.slice() }),
    ...(externalIp?.length === 4 || externalIp?.length === 16 ? { externalIp: formatIp(externalIp) } : {}),
    peers: [...peersOf(dictionary), ...decodeCompactPeers6(dictionary.getBytes('peers6') ?? NO_BYTES)].slice(0, REPLY_PEER_LIMIT),
  }
}

/** @throws {ProtocolError} `TRACKER_REPLY` */
export function parseScrapeReply(bytes: Uint8Array): readonly ScrapeEntry[] | TrackerFailure {
  const dictionary = decodeReply(bytes)
  const failure = failureOf(dictionary)
  if (failure !== undefined) return failure
  const files = dictionary.getDictionary('files')
  if (files === undefined) throw refuse('Cannot read a scrape reply without a dictionary "files"')
  const entries: ScrapeEntry[] = []
  for (const [infoHash, counts] of files.entries()) {
    if (infoHash.length !== 20 || !(counts instanceof BencodeDictionary)) continue
    const name = textOf(counts, 'name')
    entries.push({
      infoHash: infoHash.slice(),
      complete: countOf(counts, 'complete') ?? 0,
      downloaded: countOf(counts, 'downloaded') ?? 0,
      incomplete: countOf(counts, 'incomplete') ?? 0,
      ...(name === undefined ? {} : { name }),
    })
  }
  return entries
}

// ── the tracker's side ──────────────────────────────────────────────────────────────────────────

/**
 * @param form `compact` packs the peers (BEP 23), otherwise each is a dictionary; peer ids are not kept,
 * so none are sent in either form
 */
export function encodeAnnounceReply(reply: PackedAnnounceReply, form: { readonly compact: boolean }): Uint8Array {
  const externalIp = reply.externalIp === undefined ? undefined : parseIp(reply.externalIp)
  return encodeBencode(
    new Map<string, EncodableValue | undefined>([
      ['complete', reply.complete],
      ['downloaded', reply.downloaded],
      ['external ip', externalIp],
      ['incomplete', reply.incomplete],
      ['interval', reply.intervalSeconds],
      ['min interval', reply.minIntervalSeconds],
      ['peers', form.compact ? reply.peers4 : peerDictionaries(reply)],
      ['peers6', form.compact && reply.peers6.length > 0 ? reply.peers6 : undefined],
      ['tracker id', reply.trackerId],
      ['warning message', reply.warning],
    ]),
  )
}

/** In order of the info hashes, whatever the order of `entries`, whose info hashes are distinct. */
export function encodeScrapeReply(entries: readonly ScrapeEntry[]): Uint8Array {
  const files = new Map<Uint8Array, EncodableValue>()
  for (const entry of entries) {
    files.set(
      entry.infoHash,
      new Map<string, EncodableValue | undefined>([
        ['complete', entry.complete],
        ['downloaded', entry.downloaded],
        ['incomplete', entry.incomplete],
        ['name', entry.name],
      ]),
    )
  }
  return encodeBencode(new Map([['files', files]]))
}

/** BEP 31 counts in minutes: `retryInSeconds` is rounded up. */
export function encodeFailure(failure: TrackerFailure): Uint8Array {
  const { failureReason, intervalSeconds, retryInSeconds } = failure
  const retryIn = typeof retryInSeconds === 'number' ? Math.ceil(retryInSeconds / 60) : retryInSeconds
  return encodeBencode(
    new Map<string, EncodableValue | undefined>([
      ['failure reason', failureReason],
      ['interval', intervalSeconds],
      ['retry in', retryIn],
    ]),
  )
}

// ── reading replies ─────────────────────────────────────────────────────────────────────────────

const NO_BYTES = new Uint8Array(0)
const MAX_HOST_LENGTH = 253
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/

function decodeReply(bytes: Uint8Array): BencodeDictionary {
  let value: BencodeValue
  try {
    // What follows the dictionary (a line break, usually) does no harm.
    value = decodeBencodePrefix(viewOf(bytes), REPLY_LIMITS).value
  } catch (cause) {
    const begins = cleanText(latin1(bytes.subarray(0, 40)), 40)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refuse(`Cannot read a tracker's reply that begins ${JSON.stringify(begins)}: ${reason}`, { cause })
  }
  if (!(value instanceof BencodeDictionary)) throw refuse("Cannot read a tracker's reply that is no dictionary")
  return value
}

function failureOf(dictionary: BencodeDictionary): TrackerFailure | undefined {
  if (dictionary.getBytes('failure reason') === undefined) return undefined
  const failureReason = textOf(dictionary, 'failure reason') ?? ''
  const retryIn = dictionary.getBytes('retry in')
  if (retryIn !== undefined && latin1(retryIn) === 'never') return { failureReason, retryInSeconds: 'never' }
  const minutes = countOf(dictionary, 'retry in')
  if (minutes === undefined || minutes === 0 || minutes > MAX_RETRY_MINUTES) return { failureReason }
  return { failureReason, retryInSeconds: minutes * 60 }
}

/** A year: what is longer is no honest wait. */
const MAX_RETRY_MINUTES = 525_600

/** Zero or more, also when a sloppy tracker wrote it as text. */
function countOf(dictionary: BencodeDictionary, key: string): number | undefined {
  const value = dictionary.get(key)
  if (typeof value === 'number') return value >= 0 ? value : undefined
  if (value instanceof Uint8Array && value.length <= 15 && /^\d+$/.test(latin1(value))) return Number(latin1(value))
  return undefined
}

function textOf(dictionary: BencodeDictionary, key: string): string | undefined {
  const bytes = dictionary.getBytes(key)
  return bytes === undefined ? undefined : cleanText(bytes, TRACKER_TEXT_LIMIT)
}

function peersOf(dictionary: BencodeDictionary): PeerEndpoint[] {
  const peers = dictionary.get('peers')
  if (peers === undefined) return []
  if (peers instanceof Uint8Array) return decodeCompactPeers4(peers)
  if (peers instanceof BencodeList) return listedPeers(peers)
  // PHP writes an empty list as an empty dictionary
  if (peers instanceof BencodeDictionary && peers.isEmpty) return []
  throw refuse('Cannot read a tracker\'s reply whose "peers" are neither bytes nor a list')
}

/** Those entries of the long form that make sense. */
function listedPeers(list: BencodeList): PeerEndpoint[] {
  const peers: PeerEndpoint[] = []
  for (const entry of list) {
    if (peers.length === REPLY_PEER_LIMIT) break
    if (!(entry instanceof BencodeDictionary)) continue
    const host = hostOf(entry.getBytes('ip'))
    const port = countOf(entry, 'port')
    if (host === undefined || port === undefined || port < 1 || port > 65_535) continue
    const peerId = entry.getBytes('peer id')
    peers.push(peerId?.length === 20 ? { host, port, peerId: peerId.slice() } : { host, port })
  }
  return peers
}

/** An IP literal in its short form, or a DNS name. */
function hostOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0 || bytes.length > MAX_HOST_LENGTH) return undefined
  const text = latin1(bytes)
  const address = parseIp(text)
  if (address !== undefined) return formatIp(address)
  // A name that ends in a number would be read as an address by some resolvers ("127.1", "0x7f.1").
  return HOST_NAME.test(text) && !/(^|\.)(\d+|0x[0-9a-f]*)\.?$/i.test(text) ? text.toLowerCase() : undefined
}

function peerDictionaries(reply: PackedAnnounceReply): EncodableValue[] {
  const peers = [...decodeCompactPeers4(reply.peers4), ...decodeCompactPeers6(reply.peers6)]
  return peers.map(
    ({ host, port }) =>
      new Map<string, EncodableValue>([
        ['ip', fromLatin1(host)],
        ['port', port],
      ]),
  )
}

function withParameters(url: string, parameters: readonly string[]): string {
  const { scheme } = parseTrackerUrl(url)
  if (scheme === 'udp') throw new ProtocolError('TRACKER_URL', `Cannot ask ${JSON.stringify(url)} over HTTP: it is a udp URL`)
  const fragment = url.indexOf('#')
  const base = fragment < 0 ? url : url.slice(0, fragment)
  const joint = !base.includes('?') ? '?' : base.endsWith('?') || base.endsWith('&') ? '' : '&'
  return base + joint + parameters.join('&')
}

function refuse(message: string, options?: ErrorOptions): ProtocolError {
  return new ProtocolError('TRACKER_REPLY', message, options)
}
