import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { after, before, describe, test } from 'node:test'
import { concatBytes, fromLatin1 } from '@shoal/protocol/bytes'
import type { AnnounceRequest } from '@shoal/protocol/tracker/announce'
import { encodeAnnounceRequest, encodeConnectRequest, encodeScrapeRequest, parseUdpReply, type UdpReply } from '@shoal/protocol/tracker/udp'
import fc from 'fast-check'
import { type Hub, startHub } from '../hub.ts'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { MembersOnly } from './access.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker } from './announce.ts'
import { ConnectionIds } from './connection-id.ts'
import { UdpTracker } from './udp.ts'

const HASH = fromLatin1('a'.repeat(20))

function request(more: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return { infoHash: HASH, peerId: fromLatin1('-SH0100-abcdefghijkl'), port: 6881, uploaded: 0, downloaded: 0, left: 1, key: 1, ...more }
}

/** A client's socket that asks and waits for the next datagram. */
class Client {
  readonly #socket: Socket
  readonly #port: number
  readonly #host: string
  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  }

  ask(bytes: Uint8Array): Promise<UdpReply> {
    return new Promise((resolve) => {
      this.#socket.once('message', (reply) => resolve(parseUdpReply(reply, this.#host.includes(':') ? 6 : 4)))
      this.#socket.send(bytes, this.#port, this.#host)
    })
  }

  say(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#port, this.#host)
  }

  async connect(): Promise<Uint8Array> {
    const reply = await this.ask(encodeConnectRequest(1))
    assert.ok(reply.action === 'connect')
    return reply.connectionId
  }

  close(): void {
    this.#socket.close()
  }
}

const bugs: unknown[] = []
let hub: Hub
let client: Client
before(async () => {
  hub = await startHub({ port: 0, onBug: (error) => bugs.push(error) })
  client = new Client('127.0.0.1', hub.udpPort)
})
after(async () => {
  client.close()
  await hub.close()
  assert.deepEqual(bugs, [])
})

describe('UDP tracker', () => {
  test('lets peers find each other, and shares its swarms with the HTTP door', async () => {
    const id = await client.connect()
    const first = await client.ask(encodeAnnounceRequest(id, 2, request({ port: 7001, left: 0, event: 'started' })))
    assert.ok(first.action === 'announce')
    assert.deepEqual([first.transactionId, first.complete, first.incomplete, first.peers.length], [2, 1, 0, 0])
    const second = await client.ask(encodeAnnounceRequest(id, 3, request({ port: 7002 }), '/announce?x=1'))
    assert.ok(second.action === 'announce')
    assert.deepEqual(second.peers, [{ host: '127.0.0.1', port: 7001 }])
    const scrape = await client.ask(encodeScrapeRequest(id, 4, [HASH, new Uint8Array(20)]))
    assert.deepEqual(scrape, {
      action: 'scrape',
      transactionId: 4,
      entries: [
        { complete: 1, downloaded: 0, incomplete: 1 },
        { complete: 0, downloaded: 0, incomplete: 0 },
      ],
    })
    assert.equal(hub.stats().peers, 2)
  })

  test('does not believe an address in the packet', async () => {
    const id = await client.connect()
    const infoHash = fromLatin1('b'.repeat(20))
    const forged = encodeAnnounceRequest(id, 2, request({ infoHash, port: 7001 }))
    forged.set([192, 0, 2, 1], 84)
    await client.ask(forged)
    const reply = await client.ask(encodeAnnounceRequest(id, 3, request({ infoHash, port: 7002 })))
    assert.ok(reply.action === 'announce')
    assert.deepEqual(reply.peers, [{ host: '127.0.0.1', port: 7001 }])
  })

  test('says what is wrong, but only to a proven address', async () => {
    const id = await client.connect()
    const broken = concatBytes([encodeAnnounceRequest(id, 9, request()), Uint8Array.of(2, 200)])
    const reply = await client.ask(broken)
    assert.ok(reply.action === 'error')
    assert.match(reply.failureReason, /option 2/)
  })

  test('does not answer forged connection ids, short datagrams and garbage', async () => {
    const dropped = hub.stats().udpDropped
    const id = await client.connect()
    const forged = id.slice()
    forged[7]! ^= 1
    client.say(encodeAnnounceRequest(forged, 666, request()))
    client.say(encodeScrapeRequest(forged, 666, [HASH]))
    // what some trackers take for a connection id
    client.say(encodeAnnounceRequest(encodeConnectRequest(1).subarray(0, 8), 666, request()))
    client.say(new Uint8Array(0))
    client.say(new Uint8Array(15))
    client.say(new Uint8Array(2000).fill(0xff))
    const reply = await client.ask(encodeScrapeRequest(id, 1, [HASH]))
    assert.equal(reply.transactionId, 1, 'the first answer is to the first honest question')
    assert.equal(hub.stats().udpDropped - dropped, 6)
  })

  test('gives an IPv6 client IPv6 peers', async (context) => {
    const wide = await startHub({ host: '::', port: 0, settings: { visitors: 'member' } }).catch(() => undefined)
    if (wide === undefined) return context.skip('this machine has no IPv6')
    const six = new Client('::1', wide.udpPort)
    const four = new Client('127.0.0.1', wide.udpPort)
    const id6 = await six.connect()
    await six.ask(encodeAnnounceRequest(id6, 1, request({ port: 7001 })))
    const reply6 = await six.ask(encodeAnnounceRequest(id6, 2, request({ port: 7002 })))
    assert.ok(reply6.action === 'announce')
    assert.deepEqual(reply6.peers, [{ host: '::1', port: 7001 }])
    const reply4 = await four.ask(encodeAnnounceRequest(await four.connect(), 3, request({ port: 7003 })))
    assert.ok(reply4.action === 'announce')
    assert.deepEqual([reply4.peers.length, reply4.incomplete], [0, 3])
    six.close()
    four.close()
    await wide.close()
  })
})

describe('UDP answers', () => {
  const door = () => new UdpTracker(new Tracker(DEFAULT_TRACKER_OPTIONS, REAL_HUB_SYSTEM), new ConnectionIds(REAL_HUB_SYSTEM), () => {})
  const victim = Uint8Array.of(192, 0, 2, 1)

  test('are never larger than the question of somebody who has proven nothing', () => {
    const udp = door()
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 100 }).map((tail) => concatBytes([encodeConnectRequest(1), tail])),
      fc.uint8Array({ minLength: 8, maxLength: 8 }).map((id) => encodeAnnounceRequest(id, 1, request(), '/announce')),
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        const answer = udp.answer(bytes, victim)
        assert.ok(answer === undefined || answer.length <= bytes.length)
      }),
    )
  })

  test('come for any datagram without a throw', () => {
    const udp = door()
    const connect = udp.answer(encodeConnectRequest(1), victim)
    assert.ok(connect)
    const id = connect.subarray(8, 16)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 300 }), fc.nat(3), (tail, action) => {
        const bytes = concatBytes([id, tail])
        bytes.set([0, 0, 0, action], 8)
        udp.answer(bytes, victim)
      }),
    )
  })

  test('fit a datagram that no network cuts', () => {
    const options = { ...DEFAULT_TRACKER_OPTIONS, maxPeersPerAddress: 1000 }
    for (const address of [victim, new Uint8Array(16).fill(1)]) {
      const udp = new UdpTracker(new Tracker(options, REAL_HUB_SYSTEM), new ConnectionIds(REAL_HUB_SYSTEM), () => {})
      const id = udp.answer(encodeConnectRequest(1), address)!.subarray(8, 16)
      let longest = 0
      for (let port = 1; port <= 250; port++) {
        const answer = udp.answer(encodeAnnounceRequest(id, port, request({ port, numWant: 1000 })), address)
        longest = Math.max(longest, answer?.length ?? 0)
      }
      assert.ok(longest > 1200 && longest <= 1280, `${longest} bytes`)
    }
  })

  test('come with the key of a member only, which travels in the URL (BEP 41)', () => {
    const members = new MembersOnly({ isGood: (key) => key === 'key-of-a-member' })
    const udp = new UdpTracker(new Tracker(DEFAULT_TRACKER_OPTIONS, REAL_HUB_SYSTEM, members), new ConnectionIds(REAL_HUB_SYSTEM), () => {})
    const id = udp.answer(encodeConnectRequest(1), victim)!.subarray(8, 16)
    const said = (urlData?: string) => {
      const reply = parseUdpReply(udp.answer(encodeAnnounceRequest(id, 1, request(), urlData), victim)!, 4)
      return reply.action === 'error' ? reply.failureReason : reply.action
    }
    assert.equal(said('/a/key-of-a-member/announce?x=1'), 'announce')
    for (const urlData of [undefined, '/announce', '/a/another-key/announce']) assert.match(said(urlData), /^This hub is for members/)
    const scraped = parseUdpReply(udp.answer(encodeScrapeRequest(id, 1, [HASH]), victim)!, 4)
    assert.equal(scraped.action, 'error', 'a scrape has no room for a key')
    assert.deepEqual(udp.counts, { announces: 4, scrapes: 1, connects: 1, failures: 4, dropped: 0 })
  })

  test('stop coming when a network asks too often', () => {
    const options = { ...DEFAULT_TRACKER_OPTIONS, announcesPerSecond: 1, announceBurst: 3 }
    const clock = { now: () => 0, wallClock: () => 0, randomBytes: (length: number) => new Uint8Array(length), randomBelow: () => 0 }
    const udp = new UdpTracker(new Tracker(options, clock), new ConnectionIds(clock), () => {})
    const connects = Array.from({ length: 5 }, () => udp.answer(encodeConnectRequest(1), victim)).filter((answer) => answer !== undefined)
    assert.equal(connects.length, 3)
    const id = connects[0]!.subarray(8, 16)
    const announces = Array.from({ length: 5 }, () => udp.answer(encodeAnnounceRequest(id, 1, request()), victim) !== undefined)
    assert.deepEqual(announces, [true, true, true, false, false])
    assert.equal(udp.counts.dropped, 4)
  })
})
