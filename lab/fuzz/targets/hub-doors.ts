/** The hub's tracker, at its three doors. */

import { connect } from 'node:net'
import { Random } from '@shoal/engine/simulation'
import { concatBytes, fromLatin1, latin1, setUint32, uint32 } from '@shoal/protocol/bytes'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { encodeAnnounceReply, parseAnnounceReply } from '@shoal/protocol/tracker/http'
import { parseAnnounceQuery } from '@shoal/protocol/tracker/http-query'
import { parseUdpReply } from '@shoal/protocol/tracker/udp'
import { type Hub, startHub } from '../../../packages/hub/src/hub.ts'
import type { HubSystem } from '../../../packages/hub/src/system.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker } from '../../../packages/hub/src/tracker/announce.ts'
import { ConnectionIds } from '../../../packages/hub/src/tracker/connection-id.ts'
import { UdpTracker } from '../../../packages/hub/src/tracker/udp.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'
import { QUERY_TOKENS } from '../tokens.ts'
import { announceQueries, udpRequests } from './tracker-messages.ts'

const OPTIONS = { ...DEFAULT_TRACKER_OPTIONS, maxSwarms: 5, maxPeers: 40, maxPeersPerAddress: 6 }

function seededSystem(): HubSystem {
  const random = new Random('hub')
  return {
    now: () => 1_000_000,
    wallClock: () => 0,
    randomBytes: (length) => random.bytes(length),
    randomBelow: (limit) => random.below(limit),
  }
}

/** IPv4 for the most part; the first byte of an input decides. */
function addressOf(flags: number): Uint8Array {
  return (flags & 0x10) === 0
    ? Uint8Array.of(10, 0, 0, flags & 7)
    : Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags & 7)
}

const HAS_ID = 0x20

/** The first byte says from where; if it says so, the connection id is the one that the address has been given. */
export const hubUdp: FuzzTarget = {
  name: 'hub-udp',
  grammar: 'bytes',
  tokens: [0, 1, 2, 3].map((action) => Uint8Array.of(0, 0, 0, action)),
  maxBytes: 2_000,
  refusals: 'none',
  corpus: () => udpRequests().flatMap((request) => [0, HAS_ID, HAS_ID | 0x10].map((flags) => concatBytes([Uint8Array.of(flags), request]))),
  run(input) {
    const flags = input[0] ?? 0
    const address = addressOf(flags)
    const system = seededSystem()
    const connectionIds = new ConnectionIds(system)
    const door = new UdpTracker(new Tracker(OPTIONS, system), connectionIds, (error) => {
      throw error
    })
    let seen = ''
    // The same datagram a few times: the swarm has somebody in it then.
    for (let round = 0; round < 3; round++) {
      const datagram = input.slice(1)
      const hasId = (flags & HAS_ID) !== 0 && datagram.length >= 8
      if (hasId) datagram.set(connectionIds.issue(address))
      if (datagram.length >= 98) datagram[97] = datagram[97]! ^ round
      const reply = door.answer(datagram, address)
      if (reply === undefined) return 'dropped'
      expect(hasId || reply.length <= datagram.length, `${datagram.length} bytes from nobody known got ${reply.length}`)
      const { action, transactionId } = parseUdpReply(reply, address.length === 4 ? 4 : 6)
      expectEqual(transactionId, uint32(datagram, 12), 'the transaction')
      seen = action
    }
    return seen
  },
}

/** An announce from the query to the bytes of the answer, as our own client reads it. */
export const hubAnnounce: FuzzTarget = {
  name: 'hub-announce',
  grammar: 'bytes',
  tokens: QUERY_TOKENS,
  maxBytes: 3_000,
  refusals: 'protocol',
  corpus: announceQueries,
  run(input) {
    const tracker = new Tracker(OPTIONS, seededSystem())
    const request = parseAnnounceQuery(latin1(input))
    for (let number = 0; number < 12; number++) {
      const answer = tracker.announce(
        { ...request, port: (request.port + number) & 0xffff, left: number % 3 },
        addressOf(number % 2 === 0 ? number : number | 0x10),
        { maxPeers: 200, bothFamilies: true },
      )
      if (isTrackerFailure(answer)) continue
      for (const compact of [true, false]) {
        const reply = parseAnnounceReply(encodeAnnounceReply(answer, { compact }))
        expect(!isTrackerFailure(reply), 'a failure where there was none')
        expectEqual(reply.peers.length, answer.peers4.length / 6 + answer.peers6.length / 18, 'peers that arrive')
      }
    }
    const { peerCount } = tracker.store
    expect(peerCount <= OPTIONS.maxPeers && tracker.store.swarmCount <= OPTIONS.maxSwarms, 'more than there may be')
    return request.event ?? 'announce'
  },
}

let opened: Promise<Hub> | undefined
const bugs: unknown[] = []

function hub(): Promise<Hub> {
  opened ??= startHub({ port: 0, onBug: (error) => bugs.push(error) })
  return opened
}

/** Any bytes at the HTTP port: there is an answer or a closed door, and never a bug. */
export const hubHttp: FuzzTarget = {
  name: 'hub-http',
  grammar: 'bytes',
  tokens: [
    ...QUERY_TOKENS,
    ...[
      ' HTTP/1.1\r\n',
      'HTTP/1.0\r\n\r\n',
      '\r\n',
      'GET ',
      'HEAD ',
      'POST ',
      '/announce?',
      '/scrape?',
      'host: h\r\n',
      'content-length: 5\r\n',
    ].map(fromLatin1),
    ...[
      'transfer-encoding: chunked\r\n',
      'expect: 100-continue\r\n',
      'connection: upgrade\r\nupgrade: x\r\n',
      'http://h/announce?',
      '//announce',
      '/%61nnounce?',
    ].map(fromLatin1),
  ],
  maxBytes: 3_000,
  refusals: 'none',
  oneIn: 5,
  corpus: () => [
    ...announceQueries().map((query) => concatBytes([fromLatin1('GET /announce?'), query, fromLatin1(' HTTP/1.1\r\nhost: h\r\n\r\n')])),
    fromLatin1(`GET /scrape?info_hash=${'a'.repeat(20)} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`),
    fromLatin1('GET / HTTP/1.1\r\nhost: h\r\naccept: text/html\r\n\r\nHEAD /healthz HTTP/1.1\r\nhost: h\r\n\r\n'),
    fromLatin1('POST /announce HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc'),
  ],
  async run(input) {
    const { httpPort } = await hub()
    const answer = await exchange(httpPort, input)
    if (bugs.length > 0) throw bugs.splice(0)[0]
    if (answer === '') return 'closed'
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    expect(status !== undefined && status !== '500', `the answer begins ${JSON.stringify(answer.slice(0, 80))}`)
    return `${status}${answer.includes('d8:complete') ? ', an answer to an announce' : ''}`
  },
  async close() {
    await (await opened)?.close()
    opened = undefined
  },
}

/** Everything that comes back until the other side has ended, which it does because we have. */
function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(bytes))
    socket.setTimeout(5_000, () => {
      socket.destroy()
      reject(new Error('Not as it must be: no answer and no end within 5 s'))
    })
    socket.on('data', (chunk) => {
      received += latin1(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
  })
}

export function withTransaction(bytes: Uint8Array, transactionId: number, at: number): Uint8Array {
  const copy = bytes.slice()
  if (copy.length >= at + 4) setUint32(copy, at, transactionId)
  return copy
}
