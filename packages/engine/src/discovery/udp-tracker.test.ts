import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeUtf8, uint32 } from '@shoal/protocol/bytes'
import { type AnnounceRequest, encodeCompactPeers4, encodeCompactPeers6, isTrackerFailure } from '@shoal/protocol/tracker/announce'
import {
  encodeConnectReply,
  encodeUdpAnnounceReply,
  encodeUdpError,
  encodeUdpScrapeReply,
  parseUdpRequest,
  type UdpRequest,
} from '@shoal/protocol/tracker/udp'
import fc from 'fast-check'
import { EngineError } from '../base/errors.ts'
import type { Endpoint, Network } from '../ports/network.ts'
import { SimSystem } from '../sim/system.ts'
import { AbortSwitch } from './abort-switch.ts'
import { UdpTrackerClient } from './udp-tracker.ts'

const TRACKER: Endpoint = { host: '10.0.0.1', port: 6880 }
const PEERS = [{ host: '10.1.2.3', port: 7000 }]
const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(1),
  peerId: encodeUtf8('-SH0100-abcdefghijkl'),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: 'started',
  key: 77,
}

type Answer = (request: UdpRequest, world: World) => Uint8Array | undefined

/** Sockets at whose other end one tracker sits, which answers after 20 ms as it is told to. */
class World {
  readonly system = new SimSystem({ seed: 'udp tracker' })
  readonly asked: { readonly at: number; readonly request: UdpRequest; readonly bytes: number }[] = []
  readonly client: UdpTrackerClient
  openSockets = 0
  connectionNumber = 0
  answer: Answer
  /** What the network does with a reply; by default it arrives from where it was asked. */
  deliver: (reply: Uint8Array, to: (bytes: Uint8Array, from: Endpoint) => void, asked: Endpoint) => void = (reply, to, asked) =>
    to(reply, asked)

  constructor(answer: Answer = politely) {
    this.answer = answer
    const network = {
      openDatagrams: (_: { family: 4 | 6 }, onDatagram: (bytes: Uint8Array, from: Endpoint) => void) => {
        this.openSockets++
        const send = (bytes: Uint8Array, to: Endpoint): void => {
          const request = parseUdpRequest(bytes)
          this.asked.push({ at: this.system.now(), request, bytes: bytes.length })
          const reply = this.answer(request, this)
          if (reply !== undefined) this.system.after(20, () => this.deliver(reply, onDatagram, to))
        }
        return Promise.resolve({ port: 1, send, close: () => this.openSockets-- })
      },
    }
    this.client = new UdpTrackerClient({ system: this.system, network: network as unknown as Network })
  }

  get actions(): string[] {
    return this.asked.map(({ request }) => request.action)
  }

  announce(timeoutMs = 60_000, address = TRACKER, signal?: AbortSwitch): ReturnType<UdpTrackerClient['announce']> {
    return this.client.announce(address, '/announce?k=1', REQUEST, { timeoutMs, ...(signal === undefined ? {} : { signal }) })
  }
}

function politely(request: UdpRequest, world: World): Uint8Array {
  const { transactionId } = request
  if (request.action === 'connect') return encodeConnectReply(transactionId, new Uint8Array(8).fill(++world.connectionNumber))
  if (request.action === 'scrape')
    return encodeUdpScrapeReply(
      transactionId,
      request.infoHashes.map((_, index) => ({ complete: index, downloaded: 5, incomplete: 6 })),
    )
  return encodeUdpAnnounceReply(transactionId, { intervalSeconds: 900, complete: 4, incomplete: 2 }, encodeCompactPeers4(PEERS))
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

describe('UdpTrackerClient', () => {
  test('connects, announces and reads the answer', async () => {
    const world = new World()
    const reply = await world.system.complete(world.announce())
    assert.deepEqual(reply, { intervalSeconds: 900, complete: 4, incomplete: 2, peers: PEERS })
    assert.deepEqual(world.actions, ['connect', 'announce'])
    const announce = world.asked[1]!.request
    assert.ok(announce.action === 'announce')
    assert.equal(announce.urlData, '/announce?k=1', 'BEP 41')
    assert.equal(announce.announce.key, 77)
    assert.equal(announce.announce.event, 'started')
    assert.deepEqual(announce.connectionId, new Uint8Array(8).fill(1))
    assert.notEqual(world.asked[0]!.request.transactionId, announce.transactionId)
  })

  test('uses a connection id for a minute, then asks for another', async () => {
    const world = new World()
    await world.system.complete(world.announce())
    await world.system.run(59_000)
    await world.system.complete(world.announce())
    assert.deepEqual(world.actions, ['connect', 'announce', 'announce'])
    await world.system.run(2_000)
    await world.system.complete(world.announce())
    assert.deepEqual(world.actions.slice(3), ['connect', 'announce'])
  })

  test('connects once for all torrents that ask at the same time', async () => {
    const world = new World()
    await world.system.complete(Promise.all(Array.from({ length: 20 }, () => world.announce())))
    assert.equal(world.actions.filter((action) => action === 'connect').length, 1)
    assert.equal(world.openSockets, 1)
  })

  test('asks again after 3, 6 and 12 seconds when datagrams are lost', async () => {
    const world = new World((request, it) => (it.asked.length > 3 ? politely(request, it) : undefined))
    await world.system.complete(world.announce())
    assert.deepEqual(
      world.asked.map(({ at }) => Math.round(at / 1000)),
      [0, 3, 9, 21, 21],
    )
  })

  test('gives up when its time is over, and says whom it asked', async () => {
    const world = new World(() => undefined)
    await assert.rejects(world.system.complete(world.announce(60_000), 61_000), (error: unknown) => {
      assert.ok(error instanceof EngineError && error.code === 'TRACKER_TIMEOUT')
      assert.match(error.message, /udp:\/\/10\.0\.0\.1:6880 .* 60 s/)
      return true
    })
    assert.equal(world.asked.length, 5)
  })

  test('has little patience when it has little time, as for "stopped"', async () => {
    const world = new World((request, it) => (it.asked.length > 1 ? politely(request, it) : undefined))
    await world.system.complete(world.announce())
    const before = world.asked.length
    world.answer = (request, it) => (it.asked.length > before + 1 ? politely(request, it) : undefined)
    const startedAt = world.system.now()
    await world.system.complete(world.announce(3_000))
    assert.ok(world.system.now() - startedAt < 1_100)
  })

  test('gets through a network that loses half of everything', async () => {
    const world = new World()
    let gone = 0
    world.answer = (request, it) => (it.system.random.below(2) === 0 ? politely(request, it) : undefined)
    for (let round = 0; round < 40; round++) {
      await world.system.complete(world.announce(), 61_000).catch(() => gone++)
      await world.system.run(61_000)
    }
    assert.ok(gone <= 8, `${gone} of 40 lost, seed ${world.system.seed}`)
  })

  test('hears nobody but the tracker', async () => {
    const world = new World()
    world.deliver = (reply, to, asked) => {
      to(reply, { host: asked.host, port: asked.port + 1 })
      to(reply, { host: '10.0.0.2', port: asked.port })
      const forged = reply.slice()
      forged[7]! ^= 1
      to(forged, asked)
      const other = reply.slice()
      other[3] = 2
      to(other, asked)
      for (let length = 0; length < 8; length++) to(reply.subarray(0, length), asked)
    }
    await assert.rejects(world.system.complete(world.announce(10_000)), withCode('TRACKER_TIMEOUT'))
  })

  test('survives whatever arrives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), async (rubbish) => {
        const world = new World()
        world.deliver = (reply, to, asked) => {
          for (const bytes of rubbish) to(bytes, asked)
          to(reply, asked)
        }
        const reply = await world.system.complete(world.announce())
        assert.ok(!isTrackerFailure(reply) && reply.intervalSeconds === 900)
        world.client.close()
      }),
      { numRuns: 50 },
    )
  })

  test('calls an unreadable answer of the tracker itself an invalid response', async () => {
    const world = new World()
    world.deliver = (reply, to, asked) => to(uint32(reply, 0) === 1 ? reply.subarray(0, 19) : reply, asked)
    await assert.rejects(world.system.complete(world.announce()), withCode('TRACKER_INVALID_RESPONSE'))
  })

  test('gives back what the tracker says when it says no', async () => {
    const world = new World()
    world.answer = (request, it) =>
      request.action === 'announce' ? encodeUdpError(request.transactionId, 'not here', 100) : politely(request, it)
    assert.deepEqual(await world.system.complete(world.announce()), { failureReason: 'not here' })
  })

  test('fetches a new connection id when the tracker has forgotten the old one', async () => {
    const world = new World()
    await world.system.complete(world.announce())
    world.answer = (request, it) => {
      const isOld = request.action === 'announce' && request.connectionId[0] === 1
      return isOld ? encodeUdpError(request.transactionId, 'connection id mismatch', 100) : politely(request, it)
    }
    const reply = await world.system.complete(world.announce())
    assert.ok(!isTrackerFailure(reply))
    assert.deepEqual(world.actions.slice(2), ['announce', 'connect', 'announce'])
  })

  test('says so when the tracker refuses to connect', async () => {
    const world = new World((request) => encodeUdpError(request.transactionId, 'go away', 100))
    await assert.rejects(world.system.complete(world.announce()), withCode('TRACKER_FAILURE'))
  })

  test('reads the peers of an IPv6 tracker, however its address is spelled', async () => {
    const world = new World()
    const peers = [{ host: '2001:db8::7', port: 9 }]
    world.answer = (request, it) => {
      if (request.action === 'connect') return politely(request, it)
      return encodeUdpAnnounceReply(request.transactionId, { intervalSeconds: 1, complete: 0, incomplete: 0 }, encodeCompactPeers6(peers))
    }
    const reply = await world.system.complete(world.announce(60_000, { host: '2001:DB8:0::1', port: 5 }))
    assert.ok(!isTrackerFailure(reply))
    assert.deepEqual(reply.peers, peers)
  })

  test('scrapes', async () => {
    const world = new World()
    const hashes = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)]
    assert.deepEqual(await world.system.complete(world.client.scrape(TRACKER, hashes, { timeoutMs: 5_000 })), [
      { infoHash: hashes[0], complete: 0, downloaded: 5, incomplete: 6 },
      { infoHash: hashes[1], complete: 1, downloaded: 5, incomplete: 6 },
    ])
  })

  test('stops at once when it is called off', async () => {
    for (const after of [0, 10, 30]) {
      const world = new World((request, it) => (request.action === 'connect' ? politely(request, it) : undefined))
      const signal = new AbortSwitch()
      const announced = world.announce(60_000, TRACKER, signal)
      world.system.after(after, () => signal.abort())
      await assert.rejects(world.system.complete(announced, 100), withCode('CLOSED'))
    }
  })

  test('leaves nothing behind when it is closed', async () => {
    const world = new World(() => undefined)
    const announced = world.announce()
    await world.system.run(100)
    assert.equal(world.openSockets, 1)
    world.client.close()
    await assert.rejects(world.system.complete(announced, 100), withCode('CLOSED'))
    assert.equal(world.openSockets, 0)
    const asked = world.asked.length
    await world.system.run(120_000)
    assert.equal(world.asked.length, asked)
    await assert.rejects(world.announce(), withCode('CLOSED'))
  })

  test('passes on that a family has no socket, and tries again the next time', async () => {
    const system = new SimSystem({ seed: 1 })
    let tries = 0
    const network = {
      openDatagrams: () => {
        tries++
        return Promise.reject(new EngineError('NETWORK_UNREACHABLE', 'no IPv6 here'))
      },
    }
    const client = new UdpTrackerClient({ system, network: network as unknown as Network })
    for (const expected of [1, 2]) {
      await assert.rejects(system.complete(client.announce(TRACKER, '', REQUEST, { timeoutMs: 5_000 })), withCode('NETWORK_UNREACHABLE'))
      assert.equal(tries, expected)
    }
  })
})
