import { encodeUtf8, setUint16, setUint32, setUint64, uint16, uint32, viewOf } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import {
  type AnnounceEvent,
  type AnnounceRequest,
  COMPACT_PEER4_BYTES,
  COMPACT_PEER6_BYTES,
  decodeCompactPeers4,
  decodeCompactPeers6,
  type PeerEndpoint,
  SCRAPE_TORRENT_LIMIT,
  TRACKER_TEXT_LIMIT,
} from './announce.ts'

/**
 * The datagrams between client and tracker (BEP 15) with the options behind an announce (BEP 41), both
 * sides.
 *
 *     connect   client ─ "here I am" ────────────► tracker      16 bytes → 16 bytes
 *               client ◄──────────── connection id ─ tracker    proves that the client's address is its own
 *     announce  client ─ id, what and where I am ─► tracker     98 bytes and more → 20 + 6 or 18 a peer
 *     scrape    client ─ id, up to 74 hashes ─────► tracker     16 + 20 a torrent → 8 + 12 a torrent
 *     error     client ◄──────────────────── text ─ tracker
 *
 * Nothing here keeps state. A connection id is opaque to the client: 8 bytes, given back as they came.
 * Byte fields of a parsed datagram are views into it.
 */
export const UDP_ACTION = { connect: 0, announce: 1, scrape: 2, error: 3 } as const

export const CONNECTION_ID_BYTES = 8
export const CONNECT_REQUEST_BYTES = 16
export const CONNECT_REPLY_BYTES = 16
/** Without options. */
export const ANNOUNCE_REQUEST_BYTES = 98
/** Without peers. */
export const ANNOUNCE_REPLY_BYTES = 20
/** Path and query of a tracker's URL (BEP 41) may be this long together. */
export const URL_DATA_LIMIT = 1_024

const REQUEST_HEADER_BYTES = 16
const REPLY_HEADER_BYTES = 8
const INFO_HASH_BYTES = 20
const SCRAPE_ENTRY_BYTES = 12
const NUM_WANT_DEFAULT = 0xffffffff
/** `0x41727101980`: what stands in place of the connection id while there is none. */
const PROTOCOL_ID = Uint8Array.of(0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80)
const EVENT_NUMBERS: Readonly<Record<AnnounceEvent, number>> = { completed: 1, started: 2, stopped: 3, paused: 4 }
/** BEP 15 names three; clients send 4 for BEP 21's "paused". */
const EVENTS: readonly (AnnounceEvent | undefined)[] = [undefined, 'completed', 'started', 'stopped', 'paused']
const OPTION = { end: 0, nop: 1, urlData: 2 } as const

// ── from client to tracker ──────────────────────────────────────────────────────────────────────

export type UdpRequest =
  | { readonly action: 'connect'; readonly transactionId: number }
  | {
      readonly action: 'announce'
      readonly transactionId: number
      readonly connectionId: Uint8Array
      readonly announce: AnnounceRequest
      /** Path and query of the URL that the client has (BEP 41), bytes as characters; absent when it sent none. */
      readonly urlData?: string
    }
  | {
      readonly action: 'scrape'
      readonly transactionId: number
      readonly connectionId: Uint8Array
      readonly infoHashes: readonly Uint8Array[]
    }

export function encodeConnectRequest(transactionId: number): Uint8Array {
  return requestHeader(CONNECT_REQUEST_BYTES, PROTOCOL_ID, UDP_ACTION.connect, transactionId)
}

/** @param urlData path and query of the tracker's URL as latin1, sent as BEP 41 options when it is not empty. */
export function encodeAnnounceRequest(connectionId: Uint8Array, transactionId: number, request: AnnounceRequest, urlData = ''): Uint8Array {
  const bytes = requestHeader(ANNOUNCE_REQUEST_BYTES + urlDataBytes(urlData), connectionId, UDP_ACTION.announce, transactionId)
  bytes.set(request.infoHash, 16)
  bytes.set(request.peerId, 36)
  setUint64(bytes, 56, BigInt(request.downloaded))
  setUint64(bytes, 64, BigInt(request.left))
  setUint64(bytes, 72, BigInt(request.uploaded))
  setUint32(bytes, 80, request.event === undefined ? 0 : EVENT_NUMBERS[request.event])
  // The address, which the tracker sees, and believes no other unless it is told to.
  if (request.claimedAddress?.length === 4) bytes.set(request.claimedAddress, 84)
  setUint32(bytes, 88, request.key ?? 0)
  setUint32(bytes, 92, request.numWant ?? NUM_WANT_DEFAULT)
  setUint16(bytes, 96, request.port)
  writeUrlData(bytes, ANNOUNCE_REQUEST_BYTES, urlData)
  return bytes
}

/** For 1 to 74 torrents. */
export function encodeScrapeRequest(connectionId: Uint8Array, transactionId: number, infoHashes: readonly Uint8Array[]): Uint8Array {
  const size = REQUEST_HEADER_BYTES + infoHashes.length * INFO_HASH_BYTES
  const bytes = requestHeader(size, connectionId, UDP_ACTION.scrape, transactionId)
  infoHashes.forEach((infoHash, i) => {
    bytes.set(infoHash, REQUEST_HEADER_BYTES + i * INFO_HASH_BYTES)
  })
  return bytes
}

/**
 * What a client asks. A datagram may be longer than its BEP says: what is behind is left alone.
 *
 * @throws {ProtocolError} `TRACKER_DATAGRAM_LENGTH`, `TRACKER_DATAGRAM_ACTION`, `TRACKER_DATAGRAM_FIELD`,
 * `TRACKER_DATAGRAM_OPTIONS`
 */
export function parseUdpRequest(bytes: Uint8Array): UdpRequest {
  if (bytes.length < REQUEST_HEADER_BYTES) throw tooShort('a request', bytes.length, REQUEST_HEADER_BYTES)
  const action = uint32(bytes, 8)
  const transactionId = uint32(bytes, 12)
  const connectionId = viewOf(bytes, 0, CONNECTION_ID_BYTES)
  switch (action) {
    case UDP_ACTION.connect:
      for (let i = 0; i < CONNECTION_ID_BYTES; i++) {
        if (bytes[i] !== PROTOCOL_ID[i]) throw badField('Cannot read a connect request that does not begin with the protocol id')
      }
      return { action: 'connect', transactionId }
    case UDP_ACTION.announce: {
      if (bytes.length < ANNOUNCE_REQUEST_BYTES) throw tooShort('an announce', bytes.length, ANNOUNCE_REQUEST_BYTES)
      const announce = parseAnnounce(bytes)
      const urlData = bytes.length > ANNOUNCE_REQUEST_BYTES ? parseUrlData(bytes, ANNOUNCE_REQUEST_BYTES) : undefined
      return { action: 'announce', transactionId, connectionId, announce, ...(urlData === undefined ? {} : { urlData }) }
    }
    case UDP_ACTION.scrape: {
      const count = Math.floor((bytes.length - REQUEST_HEADER_BYTES) / INFO_HASH_BYTES)
      if (count === 0) throw tooShort('a scrape', bytes.length, REQUEST_HEADER_BYTES + INFO_HASH_BYTES)
      if (count > SCRAPE_TORRENT_LIMIT) throw badField(`Cannot scrape ${count} torrents at once: the limit is ${SCRAPE_TORRENT_LIMIT}`)
      const infoHashes = Array.from({ length: count }, (_, i) => {
        const at = REQUEST_HEADER_BYTES + i * INFO_HASH_BYTES
        return viewOf(bytes, at, at + INFO_HASH_BYTES)
      })
      return { action: 'scrape', transactionId, connectionId, infoHashes }
    }
    default:
      throw new ProtocolError('TRACKER_DATAGRAM_ACTION', `Cannot answer action ${action}: 0 is connect, 1 announce, 2 scrape`)
  }
}

/** Fields are set and not spread in: it is read for every datagram. */
function parseAnnounce(bytes: Uint8Array): AnnounceRequest {
  const announce: { -readonly [name in keyof AnnounceRequest]: AnnounceRequest[name] } = {
    infoHash: viewOf(bytes, 16, 36),
    peerId: viewOf(bytes, 36, 56),
    downloaded: safeUint64(bytes, 56),
    left: safeUint64(bytes, 64),
    uploaded: safeUint64(bytes, 72),
    key: uint32(bytes, 88),
    port: uint16(bytes, 96),
  }
  // Numbers that nobody knows are no event.
  const event = EVENTS[uint32(bytes, 80)]
  if (event !== undefined) announce.event = event
  if (uint32(bytes, 84) !== 0) announce.claimedAddress = viewOf(bytes, 84, 88)
  // -1 and everything else below zero is "as you like"
  const numWant = uint32(bytes, 92)
  if (numWant <= 0x7fffffff) announce.numWant = numWant
  return announce
}

/** A 64-bit count as a number, at most 2^53-1. */
function safeUint64(bytes: Uint8Array, at: number): number {
  const high = uint32(bytes, at)
  return high < 0x20_0000 ? high * 0x1_0000_0000 + uint32(bytes, at + 4) : Number.MAX_SAFE_INTEGER
}

// ── from tracker to client ──────────────────────────────────────────────────────────────────────

export type UdpReply =
  | { readonly action: 'connect'; readonly transactionId: number; readonly connectionId: Uint8Array }
  | {
      readonly action: 'announce'
      readonly transactionId: number
      readonly intervalSeconds: number
      readonly incomplete: number
      readonly complete: number
      readonly peers: readonly PeerEndpoint[]
    }
  | { readonly action: 'scrape'; readonly transactionId: number; readonly entries: readonly UdpScrapeEntry[] }
  | { readonly action: 'error'; readonly transactionId: number; readonly failureReason: string }

/** In the order in which the torrents were asked for. */
export interface UdpScrapeEntry {
  readonly complete: number
  readonly downloaded: number
  readonly incomplete: number
}

export function encodeConnectReply(transactionId: number, connectionId: Uint8Array): Uint8Array {
  const bytes = replyHeader(CONNECT_REPLY_BYTES, UDP_ACTION.connect, transactionId)
  bytes.set(connectionId, REPLY_HEADER_BYTES)
  return bytes
}

/** @param peers packed: 6 bytes each to an IPv4 address, 18 each to an IPv6 address. */
export function encodeUdpAnnounceReply(transactionId: number, swarm: UdpSwarmState, peers: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ANNOUNCE_REPLY_BYTES + peers.length)
  writeUdpAnnounceReply(bytes, transactionId, swarm, peers)
  return bytes
}

/** What an announce is told besides peers. */
export interface UdpSwarmState {
  readonly intervalSeconds: number
  readonly incomplete?: number
  readonly complete?: number
}

/** The same into memory that is there: 20 bytes (`ANNOUNCE_REPLY_BYTES`) and the peers. */
export function writeUdpAnnounceReply(into: Uint8Array, transactionId: number, swarm: UdpSwarmState, peers: Uint8Array): void {
  setUint32(into, 0, UDP_ACTION.announce)
  setUint32(into, 4, transactionId)
  setUint32(into, 8, swarm.intervalSeconds)
  setUint32(into, 12, swarm.incomplete ?? 0)
  setUint32(into, 16, swarm.complete ?? 0)
  into.set(peers, ANNOUNCE_REPLY_BYTES)
}

export function encodeUdpScrapeReply(transactionId: number, entries: readonly UdpScrapeEntry[]): Uint8Array {
  const bytes = replyHeader(REPLY_HEADER_BYTES + entries.length * SCRAPE_ENTRY_BYTES, UDP_ACTION.scrape, transactionId)
  entries.forEach((entry, i) => {
    const at = REPLY_HEADER_BYTES + i * SCRAPE_ENTRY_BYTES
    setUint32(bytes, at, entry.complete)
    setUint32(bytes, at + 4, entry.downloaded)
    setUint32(bytes, at + 8, entry.incomplete)
  })
  return bytes
}

/**
 * An error never larger than `maxBytes`. Before the sender's address is proven that is the size of its
 * own datagram, so that nobody can use a tracker to multiply what they throw at somebody else; the text is
 * cut to what fits.
 */
export function encodeUdpError(transactionId: number, text: string, maxBytes: number): Uint8Array | undefined {
  if (maxBytes < REPLY_HEADER_BYTES) return undefined
  const message = encodeUtf8(text).subarray(0, maxBytes - REPLY_HEADER_BYTES)
  const bytes = replyHeader(REPLY_HEADER_BYTES + message.length, UDP_ACTION.error, transactionId)
  bytes.set(message, REPLY_HEADER_BYTES)
  return bytes
}

/**
 * What a tracker answers. The caller compares the transaction id and the action with what it asked.
 *
 * @param family of the tracker's address: it decides how large a packed peer is.
 * @throws {ProtocolError} `TRACKER_DATAGRAM_LENGTH`, `TRACKER_DATAGRAM_ACTION`
 */
export function parseUdpReply(bytes: Uint8Array, family: 4 | 6): UdpReply {
  if (bytes.length < REPLY_HEADER_BYTES) throw tooShort('a reply', bytes.length, REPLY_HEADER_BYTES)
  const action = uint32(bytes, 0)
  const transactionId = uint32(bytes, 4)
  switch (action) {
    case UDP_ACTION.connect:
      if (bytes.length < CONNECT_REPLY_BYTES) throw tooShort('a connect reply', bytes.length, CONNECT_REPLY_BYTES)
      return { action: 'connect', transactionId, connectionId: viewOf(bytes, 8, 16) }
    case UDP_ACTION.announce:
      if (bytes.length < ANNOUNCE_REPLY_BYTES) throw tooShort('an announce reply', bytes.length, ANNOUNCE_REPLY_BYTES)
      return {
        action: 'announce',
        transactionId,
        intervalSeconds: uint32(bytes, 8),
        incomplete: uint32(bytes, 12),
        complete: uint32(bytes, 16),
        peers: decodeReplyPeers(bytes, family),
      }
    case UDP_ACTION.scrape:
      return { action: 'scrape', transactionId, entries: decodeScrapeEntries(bytes) }
    case UDP_ACTION.error:
      return { action: 'error', transactionId, failureReason: cleanText(bytes.subarray(REPLY_HEADER_BYTES), TRACKER_TEXT_LIMIT) }
    default:
      throw new ProtocolError('TRACKER_DATAGRAM_ACTION', `Cannot read a reply with action ${action}: 0 to 3 are known`)
  }
}

function decodeReplyPeers(bytes: Uint8Array, family: 4 | 6): PeerEndpoint[] {
  const size = family === 4 ? COMPACT_PEER4_BYTES : COMPACT_PEER6_BYTES
  const packed = bytes.subarray(ANNOUNCE_REPLY_BYTES)
  if (packed.length % size !== 0) {
    throw new ProtocolError(
      'TRACKER_DATAGRAM_LENGTH',
      `Cannot read ${packed.length} bytes of peers in an announce reply: over IPv${family} ${size} bytes make one`,
    )
  }
  return family === 4 ? decodeCompactPeers4(packed) : decodeCompactPeers6(packed)
}

function decodeScrapeEntries(bytes: Uint8Array): UdpScrapeEntry[] {
  const length = bytes.length - REPLY_HEADER_BYTES
  if (length % SCRAPE_ENTRY_BYTES !== 0) {
    throw new ProtocolError('TRACKER_DATAGRAM_LENGTH', `Cannot read ${length} bytes of a scrape reply: ${SCRAPE_ENTRY_BYTES} make an entry`)
  }
  return Array.from({ length: length / SCRAPE_ENTRY_BYTES }, (_, i) => {
    const at = REPLY_HEADER_BYTES + i * SCRAPE_ENTRY_BYTES
    return { complete: uint32(bytes, at), downloaded: uint32(bytes, at + 4), incomplete: uint32(bytes, at + 8) }
  })
}

// ── BEP 41 ──────────────────────────────────────────────────────────────────────────────────────

/** Each option holds 255 bytes of the URL at most; a URL with nothing behind the port needs none. */
function urlDataBytes(urlData: string): number {
  return urlData.length + Math.ceil(urlData.length / 255) * 2
}

function writeUrlData(into: Uint8Array, start: number, urlData: string): void {
  let at = start
  for (let from = 0; from < urlData.length; from += 255) {
    const part = urlData.slice(from, from + 255)
    into[at++] = OPTION.urlData
    into[at++] = part.length
    for (let i = 0; i < part.length; i++) into[at++] = part.charCodeAt(i)
  }
}

/** All URL data options together, or undefined when there is none. */
function parseUrlData(bytes: Uint8Array, start: number): string | undefined {
  let urlData: string | undefined
  let at = start
  while (at < bytes.length) {
    const option = bytes[at++]!
    if (option === OPTION.end) break
    if (option === OPTION.nop) continue
    const length = bytes[at++]
    if (length === undefined || at + length > bytes.length) {
      throw new ProtocolError('TRACKER_DATAGRAM_OPTIONS', `Cannot read option ${option} of an announce: it goes beyond the datagram`)
    }
    if (option === OPTION.urlData) {
      urlData = (urlData ?? '') + String.fromCharCode(...bytes.subarray(at, at + length))
      if (urlData.length > URL_DATA_LIMIT) {
        throw new ProtocolError('TRACKER_DATAGRAM_OPTIONS', `Cannot read URL data of more than ${URL_DATA_LIMIT} bytes`)
      }
    }
    at += length
  }
  return urlData
}

function requestHeader(size: number, connectionId: Uint8Array, action: number, transactionId: number): Uint8Array {
  const bytes = new Uint8Array(size)
  bytes.set(connectionId, 0)
  setUint32(bytes, 8, action)
  setUint32(bytes, 12, transactionId)
  return bytes
}

function replyHeader(size: number, action: number, transactionId: number): Uint8Array {
  const bytes = new Uint8Array(size)
  setUint32(bytes, 0, action)
  setUint32(bytes, 4, transactionId)
  return bytes
}

function tooShort(what: string, length: number, least: number): ProtocolError {
  return new ProtocolError('TRACKER_DATAGRAM_LENGTH', `Cannot read ${what} of ${length} bytes: it has at least ${least}`)
}

function badField(message: string): ProtocolError {
  return new ProtocolError('TRACKER_DATAGRAM_FIELD', message)
}
