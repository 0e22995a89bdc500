import { setUint16, uint16 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { formatIpv4, formatIpv6, parseIp } from '../ip-address.ts'

/**
 * What happened at the client; absent in the regular announces between. `paused` (BEP 21) is said in every announce of a
 * partial seed: it misses something and does not want it.
 */
export type AnnounceEvent = 'started' | 'completed' | 'stopped' | 'paused'

/** A client tells a tracker where it stands (BEP 3), the same over HTTP and UDP. */
export interface AnnounceRequest {
  /** 20 bytes: the v1 hash, or the first 20 bytes of the v2 hash. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where the client takes connections. 0: nowhere. */
  readonly port: number
  /** Bytes since `started`. What is above 2^53-1 on the wire is read as that. */
  readonly uploaded: number
  readonly downloaded: number
  /** Bytes still missing; 0 makes a seed. `LEFT_UNKNOWN` while the size is not known yet. */
  readonly left: number
  readonly event?: AnnounceEvent
  /** How many peers are wanted; absent: as the tracker likes. */
  readonly numWant?: number
  /** 32 bits that tell the tracker that two addresses are one client (BEP 7). */
  readonly key?: number
  /** The address that the client says it has, 4 or 16 bytes. Anybody can say anything: it is for senders that are trusted. */
  readonly claimedAddress?: Uint8Array
  /** HTTP: peers as packed bytes (BEP 23). Absent: the tracker chooses, ours packs. */
  readonly compact?: boolean
  /** HTTP, only without `compact`: the peer ids may be left out of the answer. */
  readonly noPeerId?: boolean
  /** HTTP: what the tracker gave as `tracker id` before, at most 256 bytes. */
  readonly trackerId?: Uint8Array
}

/** A client that has only a magnet link is no seed, whatever it has downloaded. */
export const LEFT_UNKNOWN: number = Number.MAX_SAFE_INTEGER

export interface PeerEndpoint {
  /** IP literal (never `::ffff:…`); from an HTTP tracker that does not pack also a host name. */
  readonly host: string
  /** 1..65535 */
  readonly port: number
  /** 20 bytes, known only from HTTP trackers that do not pack. */
  readonly peerId?: Uint8Array
}

/** A tracker's answer to an announce, as a client sees it. */
export interface AnnounceReply {
  /** When to announce again. As the tracker said it: whoever obeys sets a floor. */
  readonly intervalSeconds: number
  readonly minIntervalSeconds?: number
  /** Seeds. */
  readonly complete?: number
  /** Peers that still miss something. */
  readonly incomplete?: number
  /** How often the torrent was completed. */
  readonly downloaded?: number
  readonly peers: readonly PeerEndpoint[]
  /** A text for people, already clean and short. */
  readonly warning?: string
  readonly trackerId?: Uint8Array
  /** BEP 24: the address that the tracker sees. */
  readonly externalIp?: string
}

/** The same answer as a tracker has it: peers stay packed, because they are stored so and mostly sent so. */
export interface PackedAnnounceReply extends Omit<AnnounceReply, 'peers'> {
  /** 6 bytes each (BEP 23). */
  readonly peers4: Uint8Array
  /** 18 bytes each (BEP 7). */
  readonly peers6: Uint8Array
}

/** A tracker's answer to a scrape (BEP 48), one torrent. */
export interface ScrapeEntry {
  readonly infoHash: Uint8Array
  readonly complete: number
  readonly downloaded: number
  readonly incomplete: number
  readonly name?: string
}

/** The tracker has understood and says no. */
export interface TrackerFailure {
  /** A text for people, already clean and short. */
  readonly failureReason: string
  /** When to announce again, for clients that do not know BEP 31. */
  readonly intervalSeconds?: number
  /** BEP 31: when asking again makes sense. */
  readonly retryInSeconds?: number | 'never'
}

export function isTrackerFailure(answer: object): answer is TrackerFailure {
  return 'failureReason' in answer
}

/** Texts of trackers are cut to this many characters. */
export const TRACKER_TEXT_LIMIT = 512
/** More peers than this in one answer are not read: nobody dials so many at once. */
export const REPLY_PEER_LIMIT = 5_000
/** BEP 15: as many as fit a packet. We keep to it over HTTP too. */
export const SCRAPE_TORRENT_LIMIT = 74

/** The size of a packed peer: address and port (BEP 23, BEP 7). */
export const COMPACT_PEER4_BYTES = 6
export const COMPACT_PEER6_BYTES = 18

/**
 * Peers packed as 4 bytes address and 2 bytes port. Peers with port 0 are left out: nobody can reach them.
 *
 * @throws {ProtocolError} `TRACKER_REPLY` when the length is no multiple of 6
 */
export function decodeCompactPeers4(bytes: Uint8Array): PeerEndpoint[] {
  return decodeCompactPeers(bytes, COMPACT_PEER4_BYTES, formatIpv4)
}

/**
 * Peers packed as 16 bytes address and 2 bytes port, otherwise as `decodeCompactPeers4`.
 *
 * @throws {ProtocolError} `TRACKER_REPLY` when the length is no multiple of 18
 */
export function decodeCompactPeers6(bytes: Uint8Array): PeerEndpoint[] {
  return decodeCompactPeers(bytes, COMPACT_PEER6_BYTES, formatIpv6)
}

/** Packs those of `peers` that have an IPv4 address. */
export function encodeCompactPeers4(peers: readonly PeerEndpoint[]): Uint8Array {
  return encodeCompactPeers(peers, COMPACT_PEER4_BYTES)
}

/** Packs those of `peers` that have an IPv6 address. */
export function encodeCompactPeers6(peers: readonly PeerEndpoint[]): Uint8Array {
  return encodeCompactPeers(peers, COMPACT_PEER6_BYTES)
}

function decodeCompactPeers(bytes: Uint8Array, size: number, format: (bytes: Uint8Array, at: number) => string): PeerEndpoint[] {
  if (bytes.length % size !== 0) {
    throw new ProtocolError('TRACKER_REPLY', `Cannot read packed peers of ${bytes.length} bytes: ${size} bytes make one`)
  }
  const peers: PeerEndpoint[] = []
  const end = Math.min(bytes.length, REPLY_PEER_LIMIT * size)
  for (let at = 0; at < end; at += size) {
    const port = uint16(bytes, at + size - 2)
    if (port !== 0) peers.push({ host: format(bytes, at), port })
  }
  return peers
}

function encodeCompactPeers(peers: readonly PeerEndpoint[], size: number): Uint8Array {
  const bytes = new Uint8Array(peers.length * size)
  let at = 0
  for (const { host, port } of peers) {
    const address = parseIp(host)
    if (address?.length !== size - 2) continue
    bytes.set(address, at)
    setUint16(bytes, at + size - 2, port)
    at += size
  }
  return bytes.slice(0, at)
}
