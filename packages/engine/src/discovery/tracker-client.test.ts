import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { type AnnounceReply, type AnnounceRequest, isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { encodeConnectReply, encodeUdpAnnounceReply, parseUdpRequest } from '@shoal/protocol/tracker/udp'
import { EngineError } from '../base/errors.ts'
import type { Endpoint, HttpRequest, HttpResponse, Network } from '../ports/network.ts'
import { SimSystem } from '../sim/system.ts'
import { checkedTrackerUrl, TrackerClient } from './tracker-client.ts'
import { UdpTrackerClient } from './udp-tracker.ts'

const REQUEST: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(1),
  peerId: encodeUtf8('-SH0100-abcdefghijkl'),
  port: 6881,
  uploaded: 0,
  downloaded: 0,
  left: 1,
}

const never = new Promise<never>(() => undefined)

function said(text: string): HttpResponse {
  return { status: 200, body: encodeUtf8(text) }
}

class World {
  readonly system = new SimSystem({ seed: 'tracker client' })
  readonly names: Record<string, Promise<readonly string[]>> = {}
  readonly gets: HttpRequest[] = []
  readonly datagramsTo: string[] = []
  readonly others: AnnounceReply[] = []
  answer: (request: HttpRequest) => Promise<HttpResponse> = () => Promise.resolve(said('d8:intervali60e5:peers0:e'))
  readonly client: TrackerClient

  constructor() {
    const network = {
      resolve: (name: string) => this.names[name] ?? Promise.reject(new EngineError('NETWORK_NAME_UNKNOWN', `no ${name}`)),
      get: (request: HttpRequest) => {
        this.gets.push(request)
        return this.answer(request)
      },
      openDatagrams: (_: unknown, onDatagram: (bytes: Uint8Array, from: Endpoint) => void) => {
        const send = (bytes: Uint8Array, to: Endpoint): void => {
          this.datagramsTo.push(to.host)
          const request = parseUdpRequest(bytes)
          const { transactionId } = request
          const swarm = { intervalSeconds: 60, complete: 1, incomplete: 1 }
          const isConnect = request.action === 'connect'
          const reply = isConnect
            ? encodeConnectReply(transactionId, new Uint8Array(8))
            : encodeUdpAnnounceReply(transactionId, swarm, new Uint8Array(0))
          this.system.after(5, () => onDatagram(reply, to))
        }
        return Promise.resolve({ port: 1, send, close: () => undefined })
      },
    } as unknown as Network
    const { system } = this
    this.client = new TrackerClient({ system, network, udp: new UdpTrackerClient({ system, network }) })
  }

  announce(url: string): ReturnType<TrackerClient['announce']> {
    return this.system.complete(this.client.announce(url, REQUEST, { timeoutMs: 10_000 }, (reply) => this.others.push(reply)))
  }
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

describe('TrackerClient', () => {
  test('announces over both families where the name has both', async () => {
    const world = new World()
    world.names['t.test'] = Promise.resolve(['2001:db8::1', '10.0.0.1', '10.0.0.2'])
    const reply = await world.announce('http://t.test/announce')
    assert.ok(!isTrackerFailure(reply))
    assert.deepEqual(
      world.gets.map((request) => request.family),
      [4, 6],
    )
    await world.system.run(1)
    assert.equal(world.others.length, 1)
    await world.announce('udp://t.test:80')
    assert.deepEqual(
      [...new Set(world.datagramsTo)].sort((a, b) => a.localeCompare(b)),
      ['10.0.0.1', '2001:db8::1'],
    )
  })

  test('names no family where there is only one', async () => {
    const world = new World()
    world.names['t.test'] = Promise.resolve(['10.0.0.1'])
    await world.announce('http://t.test/announce')
    await world.announce('http://[2001:db8::1]:8080/announce')
    assert.deepEqual(
      world.gets.map((request) => request.family),
      [undefined, undefined],
    )
  })

  test('is content with one of the families', async () => {
    for (const bad of [4, 6]) {
      const world = new World()
      world.names['t.test'] = Promise.resolve(['10.0.0.1', '2001:db8::1'])
      const good = said('d8:intervali60e5:peers0:e')
      world.answer = (request) =>
        request.family === bad ? Promise.reject(new EngineError('TRACKER_UNREACHABLE', 'no')) : Promise.resolve(good)
      assert.ok(!isTrackerFailure(await world.announce('http://t.test/announce')))
      await world.system.run(1)
      assert.equal(world.others.length, 0)
      world.answer = (request) => (request.family === bad ? never : Promise.resolve(good))
      assert.ok(!isTrackerFailure(await world.announce('http://t.test/announce')), 'and does not wait for the other')
    }
  })

  test('says what the tracker said rather than what the network said', async () => {
    const world = new World()
    world.names['t.test'] = Promise.resolve(['10.0.0.1', '2001:db8::1'])
    world.answer = (request) =>
      request.family === 4
        ? Promise.reject(new EngineError('TRACKER_UNREACHABLE', 'no'))
        : Promise.resolve(said('d14:failure reason4:nopee'))
    assert.deepEqual(await world.announce('http://t.test/announce'), { failureReason: 'nope' })
    world.answer = () => Promise.reject(new EngineError('TRACKER_UNREACHABLE', 'no'))
    await assert.rejects(world.announce('http://t.test/announce'), withCode('TRACKER_UNREACHABLE'))
  })

  test('does not wait for a name server for ever', async () => {
    const world = new World()
    world.names['slow.test'] = never
    await assert.rejects(world.announce('http://slow.test/announce'), withCode('TRACKER_TIMEOUT'))
    assert.ok(world.system.now() <= 10_001)
    await assert.rejects(world.announce('udp://unknown.test:1'), withCode('NETWORK_NAME_UNKNOWN'))
  })

  test('sends no datagram to everybody or nobody', async () => {
    const world = new World()
    for (const host of ['255.255.255.255', '224.0.0.1', '0.0.0.0', '[ff02::1]', '[::]']) {
      await assert.rejects(world.announce(`udp://${host}:80`), withCode('TRACKER_URL_REFUSED'))
    }
    assert.equal(world.datagramsTo.length, 0)
  })

  test('refuses URLs that are none of a tracker, before it asks anybody', async () => {
    const world = new World()
    for (const url of [
      'ftp://t.test/announce',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'udp://t.test',
      'http://user:secret@t.test/announce',
      'http://t.test/x?info_hash=abc',
      'http://t.test/x?a=1&peer_id=abc',
      'http://xn--pypal-4ve.test/announce',
      'http://p\u0430ypal.test/announce',
      'http://t.test/announce\r\nHost: x',
      '',
    ]) {
      assert.throws(() => checkedTrackerUrl(url), withCode('TRACKER_URL_REFUSED'), url)
      await assert.rejects(world.announce(url), withCode('TRACKER_URL_REFUSED'))
    }
    assert.equal(world.gets.length, 0)
    assert.equal(checkedTrackerUrl('http://t.test/announce?passkey=1&uploaded_by=x').port, 80)
  })
})
