/** Our side of a conversation with a tracker that answers anything. */

import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { SimNetwork, SimSystem } from '@shoal/engine/simulation'
import { concatBytes, fromLatin1 } from '@shoal/protocol/bytes'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { encodeConnectReply, encodeUdpAnnounceReply, encodeUdpError, encodeUdpScrapeReply } from '@shoal/protocol/tracker/udp'
import { EngineError } from '../../../packages/engine/src/base/errors.ts'
import { announceOverHttp, scrapeOverHttp } from '../../../packages/engine/src/discovery/http-tracker.ts'
import { UdpTrackerClient } from '../../../packages/engine/src/discovery/udp-tracker.ts'
import { httpGet } from '../../../packages/engine/src/node/http.ts'
import type { Network } from '../../../packages/engine/src/ports/network.ts'
import { crc32 } from '../../../packages/engine/src/storage/crc32.ts'
import { expect, type FuzzTarget } from '../target.ts'
import { TRACKER_TOKENS } from '../tokens.ts'
import { withTransaction } from './hub-doors.ts'
import { ANNOUNCE, announceReplies, udpReply4 } from './tracker-messages.ts'

const STATUSES = [200, 200, 200, 204, 301, 400, 404, 500]

/** The first byte decides the status; the rest is the body. */
export const httpTracker: FuzzTarget = {
  name: 'http-tracker',
  grammar: 'bytes',
  tokens: TRACKER_TOKENS,
  maxBytes: 3_000,
  refusals: 'engine',
  corpus: () => announceReplies().map((reply) => concatBytes([Uint8Array.of(0), reply])),
  async run(input) {
    const answer = { status: STATUSES[(input[0] ?? 0) & 7]!, body: input.subarray(1) }
    const network = { get: async () => answer } as unknown as Network
    const question = { timeoutMs: 1_000 }
    if (((input[0] ?? 0) & 8) !== 0) {
      const scraped = await scrapeOverHttp(network, 'http://h/announce', [ANNOUNCE.infoHash], question)
      return isTrackerFailure(scraped) ? 'failure' : 'scraped'
    }
    const reply = await announceOverHttp(network, 'http://h/announce', ANNOUNCE, question)
    return isTrackerFailure(reply) ? 'failure' : `fine, ${reply.peers.length === 0 ? 'no peers' : 'peers'}`
  },
}

const TRACKER = { host: '10.0.0.1', port: 6880 }

/**
 * Replies, each with its length in two bytes before it: one after the other they answer what the client asks, with the
 * right transaction id. A reply of no bytes is none.
 */
export const udpTracker: FuzzTarget = {
  name: 'udp-tracker',
  grammar: 'bytes',
  tokens: udpReply4.tokens,
  maxBytes: 1_500,
  refusals: 'engine',
  oneIn: 4,
  corpus: () => {
    const swarm = { intervalSeconds: 1_800, complete: 1, incomplete: 1, downloaded: 1 }
    const connected = encodeConnectReply(0, new Uint8Array(8))
    const announced = encodeUdpAnnounceReply(0, swarm, new Uint8Array(12).fill(1))
    return [
      [connected, announced],
      [connected, encodeUdpScrapeReply(0, [swarm])],
      [encodeUdpError(0, 'no', 40)!],
      [connected, encodeUdpError(0, 'no', 40)!, connected, announced],
      [new Uint8Array(0), connected, new Uint8Array(0), announced],
    ].map((replies) => concatBytes(replies.flatMap((reply) => [Uint8Array.of(reply.length >> 8, reply.length), reply])))
  },
  async run(input) {
    const system = new SimSystem({ seed: crc32(input) })
    const network = new SimNetwork(system)
    const client = new UdpTrackerClient({ system, network: network.host('10.0.0.2') })
    const tracker = network.host(TRACKER.host)
    let at = 0
    const socket = await system.complete(
      tracker.openDatagrams({ family: 4, port: TRACKER.port }, (question, from) => {
        if (at + 2 > input.length) return
        const length = (input[at]! << 8) | input[at + 1]!
        const reply = input.subarray(at + 2, at + 2 + length)
        at += 2 + length
        if (reply.length > 0) socket.send(withTransaction(reply, Buffer.from(question).readUInt32BE(12), 4), from)
      }),
    )
    try {
      const question = { timeoutMs: 5_000 }
      const asking =
        input.length % 2 === 0
          ? client.announce(TRACKER, '/announce', ANNOUNCE, question)
          : client.scrape(TRACKER, [ANNOUNCE.infoHash], question)
      const answer: object = await system.complete<object>(asking)
      return isTrackerFailure(answer) ? 'failure' : 'fine'
    } finally {
      client.close()
      socket.close()
      await system.run(61_000)
      expect(system.pendingEvents === 0, `${system.pendingEvents} things are still planned`)
    }
  },
}

let server: Promise<Server> | undefined
let response: Uint8Array = new Uint8Array(0)

function serving(): Promise<Server> {
  server ??= new Promise((resolve) => {
    const made = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(response))
    })
    made.listen(0, '127.0.0.1', () => resolve(made))
  })
  return server
}

/** What a web server may send: the platform reads it, and whatever it says of it must come out as one of our errors. */
export const httpResponse: FuzzTarget = {
  name: 'http-response',
  grammar: 'bytes',
  tokens: [
    ...[
      'HTTP/1.1 200 OK\r\n',
      '\r\n',
      'content-encoding: gzip\r\n',
      'content-encoding: deflate\r\n',
      'content-encoding: br\r\n',
      'location: /announce\r\n',
    ].map(fromLatin1),
    ...[
      'HTTP/1.1 301 M\r\n',
      'location: http://[/\r\n',
      'location: file:///etc/passwd\r\n',
      'transfer-encoding: chunked\r\n',
      'content-length: 99999999\r\n',
    ].map(fromLatin1),
    ...[
      '5\r\nabcde\r\n0\r\n\r\n',
      'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'set-cookie: a\r\n',
    ].map(fromLatin1),
  ],
  maxBytes: 3_000,
  refusals: 'none',
  oneIn: 5,
  corpus: () => {
    const body = fromLatin1('d8:intervali1800e5:peers0:e')
    const packed = new Uint8Array(gzipSync(body))
    const bomb = new Uint8Array(gzipSync(new Uint8Array(300_000)))
    return [
      concatBytes([fromLatin1(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body]),
      concatBytes([fromLatin1(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`), packed]),
      concatBytes([fromLatin1('HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n'), bomb]),
      concatBytes([fromLatin1('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n'), body, fromLatin1('\r\n0\r\n\r\n')]),
      fromLatin1('HTTP/1.1 302 Found\r\nlocation: /announce?x=1\r\ncontent-length: 0\r\n\r\n'),
      fromLatin1('<html>'),
    ]
  },
  async run(input) {
    const { port } = (await serving()).address() as AddressInfo
    response = input
    try {
      const { status, body } = await httpGet(
        { url: `http://127.0.0.1:${port}/announce`, timeoutMs: 900, maxBytes: 100_000 },
        { resolve: async () => ['127.0.0.1'], reachOf: () => 'local' },
      )
      expect(body.length <= 100_000, `${body.length} bytes`)
      return `status ${Math.floor(status / 100)}xx`
    } catch (error) {
      // Its cause is the platform's own error: what counts is that it has become one of ours.
      if (!(error instanceof EngineError)) throw error
      return error.code
    }
  },
  async close() {
    const made = await server
    server = undefined
    await new Promise((resolve) => {
      if (made === undefined) resolve(undefined)
      else made.close(resolve)
    })
  },
}
