/** What trackers and their clients say to each other, both sides. */

import { concatBytes, fromLatin1, latin1, uint32 } from '@shoal/protocol/bytes'
import {
  type AnnounceRequest,
  decodeCompactPeers4,
  decodeCompactPeers6,
  encodeCompactPeers4,
  encodeCompactPeers6,
  isTrackerFailure,
  LEFT_UNKNOWN,
  REPLY_PEER_LIMIT,
} from '@shoal/protocol/tracker/announce'
import {
  buildAnnounceUrl,
  buildScrapeUrl,
  encodeAnnounceReply,
  encodeScrapeReply,
  parseAnnounceReply,
  parseScrapeReply,
} from '@shoal/protocol/tracker/http'
import { parseAnnounceQuery, parseScrapeQuery } from '@shoal/protocol/tracker/http-query'
import {
  encodeAnnounceRequest,
  encodeConnectReply,
  encodeConnectRequest,
  encodeScrapeRequest,
  encodeUdpAnnounceReply,
  encodeUdpError,
  encodeUdpScrapeReply,
  parseUdpReply,
  parseUdpRequest,
} from '@shoal/protocol/tracker/udp'
import { badMessages } from '../corpus.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'
import { QUERY_TOKENS, TRACKER_TOKENS } from '../tokens.ts'

const HASH = new Uint8Array(20).fill(0x61)
const PEER_ID = fromLatin1('-SH0100-abcdefghijkl')
const CONNECTION_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
export const ANNOUNCE: AnnounceRequest = {
  infoHash: HASH,
  peerId: PEER_ID,
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  numWant: 50,
  key: 7,
}
const PEERS = [
  { host: '10.0.0.1', port: 6881 },
  { host: '192.0.2.7', port: 1 },
]
const PEERS6 = [{ host: '2001:db8::1', port: 6881 }]
const SWARM = { intervalSeconds: 1_800, complete: 1, incomplete: 2 }

export function announceReplies(): Uint8Array[] {
  const packed = {
    ...SWARM,
    downloaded: 4,
    minIntervalSeconds: 60,
    peers4: encodeCompactPeers4(PEERS),
    peers6: encodeCompactPeers6(PEERS6),
  }
  return [
    encodeAnnounceReply({ ...packed, externalIp: '10.0.0.1', trackerId: HASH, warning: 'late' }, { compact: true }),
    encodeAnnounceReply(packed, { compact: false }),
    fromLatin1('d14:failure reason4:nope8:retry ini5ee'),
    fromLatin1('d14:failure reason4:nope8:retry in5:nevere'),
    fromLatin1('d8:intervali1800e5:peersdee\n'),
    ...badMessages('tracker/bad', 'announce-reply'),
  ]
}

export const announceReply: FuzzTarget = {
  name: 'announce-reply',
  grammar: 'bencode',
  tokens: TRACKER_TOKENS,
  maxBytes: 3_000,
  refusals: 'protocol',
  corpus: announceReplies,
  run(input) {
    const reply = parseAnnounceReply(input)
    if (isTrackerFailure(reply)) {
      checkText(reply.failureReason)
      return reply.retryInSeconds === undefined ? 'failure' : 'failure, with a time'
    }
    expect(reply.peers.length <= REPLY_PEER_LIMIT && reply.intervalSeconds >= 0, 'more peers than anybody wants')
    for (const { host, port, peerId } of reply.peers) {
      expect(
        port >= 1 && port <= 65_535 && /^[a-z0-9.:_-]{1,253}$/.test(host) && (peerId?.length ?? 20) === 20,
        `a peer is ${host} ${port}`,
      )
    }
    if (reply.warning !== undefined) checkText(reply.warning)
    return `fine, ${reply.peers.length === 0 ? 'no peers' : 'peers'}${reply.externalIp === undefined ? '' : ', an address'}`
  },
}

function checkText(text: string): void {
  expect(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}]{0,512}$/u.test(text), `a text for people is ${JSON.stringify(text)}`)
}

export const scrapeReply: FuzzTarget = {
  name: 'scrape-reply',
  grammar: 'bencode',
  tokens: TRACKER_TOKENS,
  maxBytes: 3_000,
  refusals: 'protocol',
  corpus: () => [
    encodeScrapeReply([{ infoHash: HASH, complete: 1, downloaded: 2, incomplete: 3, name: 'x' }]),
    encodeScrapeReply([]),
    ...badMessages('tracker/bad', 'scrape-reply'),
  ],
  run(input) {
    const reply = parseScrapeReply(input)
    if (isTrackerFailure(reply)) return 'failure'
    for (const { infoHash, complete, downloaded, incomplete } of reply) {
      expect(infoHash.length === 20 && Math.min(complete, downloaded, incomplete) >= 0, 'an entry that is none')
    }
    return `fine, ${Math.min(3, reply.length)} torrents`
  },
}

function queryOf(url: string): Uint8Array {
  return fromLatin1(url.slice(url.indexOf('?') + 1))
}

export function announceQueries(): Uint8Array[] {
  return [
    queryOf(buildAnnounceUrl('http://h/a', ANNOUNCE)),
    queryOf(
      buildAnnounceUrl('http://h/a', {
        ...ANNOUNCE,
        event: 'completed',
        compact: false,
        noPeerId: true,
        trackerId: HASH,
        left: LEFT_UNKNOWN,
      }),
    ),
    ...badMessages('tracker/bad', 'announce-query'),
  ]
}

export const announceQuery: FuzzTarget = {
  name: 'announce-query',
  grammar: 'bytes',
  tokens: QUERY_TOKENS,
  maxBytes: 9_000,
  refusals: 'protocol',
  corpus: announceQueries,
  run(input) {
    const request = parseAnnounceQuery(latin1(input))
    // Without `compact` we always say what we want.
    const said = { compact: true, ...request, ...(request.noPeerId === false && { noPeerId: undefined }) }
    expectEqual(
      sortedFields(parseAnnounceQuery(latin1(queryOf(buildAnnounceUrl('http://h/a', request))))),
      sortedFields(said),
      'asked again',
    )
    return `fine, ${Object.keys(request).length} fields`
  },
}

function sortedFields(request: object): unknown {
  return Object.entries(request)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [two]) => (one < two ? -1 : 1))
}

export const scrapeQuery: FuzzTarget = {
  name: 'scrape-query',
  grammar: 'bytes',
  tokens: QUERY_TOKENS,
  maxBytes: 9_000,
  refusals: 'protocol',
  corpus: () => [
    queryOf(buildScrapeUrl('http://h/scrape', [HASH])),
    queryOf(
      buildScrapeUrl(
        'http://h/scrape',
        Array.from({ length: 74 }, (_, at) => new Uint8Array(20).fill(at)),
      ),
    ),
    ...badMessages('tracker/bad', 'scrape-query'),
  ],
  run(input) {
    const infoHashes = parseScrapeQuery(latin1(input))
    expectEqual(parseScrapeQuery(latin1(queryOf(buildScrapeUrl('http://h/s', infoHashes)))), infoHashes, 'asked again')
    return `fine, ${infoHashes.length > 1 ? 'several' : 'one'}`
  },
}

export function udpRequests(): Uint8Array[] {
  return [
    encodeConnectRequest(1),
    encodeAnnounceRequest(CONNECTION_ID, 1, ANNOUNCE),
    encodeAnnounceRequest(CONNECTION_ID, 1, { ...ANNOUNCE, event: 'started', left: LEFT_UNKNOWN }, `/announce?${'k'.repeat(300)}`),
    encodeScrapeRequest(CONNECTION_ID, 1, [HASH, PEER_ID]),
    ...badMessages('tracker/bad', 'udp-request'),
  ]
}

const UDP_TOKENS = [
  Uint8Array.of(0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80),
  ...[0, 1, 2, 3, 4].map((action) => Uint8Array.of(0, 0, 0, action)),
  Uint8Array.of(2, 1, 0x2f),
  Uint8Array.of(2, 255),
  Uint8Array.of(1, 1, 0),
]

export const udpRequest: FuzzTarget = {
  name: 'udp-request',
  grammar: 'bytes',
  tokens: UDP_TOKENS,
  maxBytes: 2_000,
  refusals: 'protocol',
  corpus: udpRequests,
  run(input) {
    const request = parseUdpRequest(input)
    const { transactionId } = request
    expectEqual(transactionId, uint32(input, 12), 'the transaction')
    if (request.action === 'connect') return 'connect'
    if (request.action === 'scrape') {
      expectEqual(parseUdpRequest(encodeScrapeRequest(request.connectionId, transactionId, request.infoHashes)), request, 'asked again')
      return 'scrape'
    }
    const { urlData } = request
    const again = parseUdpRequest(encodeAnnounceRequest(request.connectionId, transactionId, request.announce, urlData))
    expectEqual(again, urlData === '' ? { ...request, urlData: undefined } : request, 'asked again')
    return urlData === undefined ? 'announce' : 'announce, with a path'
  },
}

function udpReply(family: 4 | 6): FuzzTarget {
  return {
    name: `udp-reply-ipv${family}`,
    grammar: 'bytes',
    tokens: UDP_TOKENS,
    maxBytes: 2_000,
    refusals: 'protocol',
    corpus: () => [
      encodeConnectReply(1, CONNECTION_ID),
      encodeUdpAnnounceReply(1, SWARM, family === 4 ? encodeCompactPeers4(PEERS) : encodeCompactPeers6(PEERS6)),
      encodeUdpScrapeReply(
        1,
        [SWARM, SWARM].map((counts) => ({ ...counts, downloaded: 1 })),
      ),
      encodeUdpError(1, 'No such torrent', 100)!,
      ...badMessages('tracker/bad', family === 4 ? 'udp-reply-ipv4' : 'udp-reply-ipv6'),
    ],
    run(input) {
      const reply = parseUdpReply(input, family)
      if (reply.action === 'error') checkText(reply.failureReason)
      if (reply.action !== 'announce') return reply.action
      for (const { host, port } of reply.peers) expect(port > 0 && /^[0-9a-f.:]+$/.test(host), `a peer is ${host} ${port}`)
      return reply.peers.length === 0 ? 'announce, no peers' : 'announce'
    },
  }
}

export const udpReply4: FuzzTarget = udpReply(4)
export const udpReply6: FuzzTarget = udpReply(6)

export const compactPeers: FuzzTarget = {
  name: 'compact-peers',
  grammar: 'bytes',
  tokens: [new Uint8Array(6), concatBytes([new Uint8Array(10), Uint8Array.of(0xff, 0xff, 10, 0, 0, 1, 0x1a, 0xe1)])],
  maxBytes: 400,
  refusals: 'protocol',
  corpus: () => [encodeCompactPeers4(PEERS), encodeCompactPeers6(PEERS6)],
  run(input) {
    const isSix = input.length % 18 === 0
    const peers = isSix ? decodeCompactPeers6(input) : decodeCompactPeers4(input)
    // An IPv4 address inside IPv6 is told as the IPv4 address it is.
    const real = peers.filter(({ host }) => host.includes(':') === isSix)
    const again = isSix ? decodeCompactPeers6(encodeCompactPeers6(real)) : decodeCompactPeers4(encodeCompactPeers4(real))
    expectEqual(again, real, 'packed again')
    return peers.length === 0 ? 'none' : isSix ? 'IPv6' : 'IPv4'
  },
}
