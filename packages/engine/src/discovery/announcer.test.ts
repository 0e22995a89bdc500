import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeUtf8, latin1 } from '@shoal/protocol/bytes'
import type { PeerEndpoint } from '@shoal/protocol/tracker/announce'
import { parseAnnounceQuery } from '@shoal/protocol/tracker/http-query'
import fc from 'fast-check'
import { EngineError } from '../base/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '../ports/network.ts'
import { SimSystem } from '../sim/system.ts'
import type { AnnounceOptions } from './announce-schedule.ts'
import { Announcer } from './announcer.ts'
import { TrackerClient } from './tracker-client.ts'
import type { TrackerStatus } from './tracker-tier.ts'
import { UdpTrackerClient } from './udp-tracker.ts'

const MINUTE = 60_000
const PEER = '\u0005\u0006\u0007\u0008\u001a\u0001'

/** 'down', 'silent', or the body of the answer; a function gets the event. */
type Behaviour = string | ((event: string) => string)

/** Trackers by name, which answer after 10 ms with what they are told, and one torrent that announces to them. */
class World {
  readonly system: SimSystem
  readonly trackers: Record<string, Behaviour> = {}
  readonly asked: {
    readonly at: number
    readonly tracker: string
    readonly event: string
    readonly numWant: number | undefined
    readonly trackerId: string
  }[] = []
  readonly statuses: TrackerStatus[] = []
  readonly peers: { readonly peers: readonly PeerEndpoint[]; readonly url: string }[] = []
  readonly state = { uploaded: 1, downloaded: 2, left: 100, peersWanted: 30, peerCount: 5 }
  readonly announcer: Announcer
  firstRounds = 0
  abortedCount = 0

  constructor(tiers: readonly (readonly string[])[], options: Partial<AnnounceOptions> = {}, seed: string | number = 1) {
    const system = new SimSystem({ seed })
    this.system = system
    const network = {
      resolve: () => Promise.resolve(['10.0.0.1']),
      get: (request: HttpRequest) => this.#get(request),
    } as unknown as Network
    this.announcer = new Announcer({
      system,
      client: new TrackerClient({ system, network, udp: new UdpTrackerClient({ system, network }) }),
      identity: { infoHash: new Uint8Array(20).fill(3), peerId: encodeUtf8('-SH0100-abcdefghijkl'), port: 6881, key: 0xabcdef01 },
      tiers: tiers.map((tier) => tier.map((name) => (name.includes(':') ? name : `http://${name}/announce`))),
      state: this.state,
      owner: {
        onPeers: (peers, url) => this.peers.push({ peers, url }),
        onTrackerStatus: (status) => this.statuses.push(status),
        onFirstRound: () => this.firstRounds++,
      },
      options,
    })
  }

  /** What was asked since the last look, as `tracker event`. */
  news(): string[] {
    return this.asked.splice(0).map(({ tracker, event }) => `${tracker} ${event}`)
  }

  async run(ms: number): Promise<string[]> {
    await this.system.run(ms)
    return this.news()
  }

  #get(request: HttpRequest): Promise<HttpResponse> {
    const tracker = /\/\/([^/:]+)/.exec(request.url)![1]!
    const query = parseAnnounceQuery(request.url.split('?')[1]!)
    assert.equal(query.key, 0xabcdef01)
    this.asked.push({
      at: this.system.now(),
      tracker,
      event: query.event ?? '-',
      numWant: query.numWant,
      trackerId: latin1(query.trackerId ?? new Uint8Array(0)),
    })
    return new Promise((resolve, reject) => {
      const timer = this.system.after(request.timeoutMs, () => reject(new EngineError('TRACKER_TIMEOUT', 'no answer')))
      request.signal?.addEventListener('abort', () => {
        this.abortedCount++
        timer.cancel()
        reject(new EngineError('CLOSED', 'called off'))
      })
      const behaviour = this.trackers[tracker] ?? good(1800)
      if (behaviour === 'silent') return
      this.system.after(10, () => {
        timer.cancel()
        if (behaviour === 'down') reject(new EngineError('TRACKER_UNREACHABLE', `Cannot reach ${tracker}`))
        else resolve({ status: 200, body: encodeUtf8(typeof behaviour === 'string' ? behaviour : behaviour(query.event ?? '-')) })
      })
    })
  }
}

function good(interval: number | string, more = ''): string {
  return `d8:completei4e10:incompletei6e8:intervali${interval}e${more}5:peers6:${PEER}e`
}

describe('Announcer', () => {
  test('says "started" first and brings back peers', async () => {
    const world = new World([['a']])
    world.announcer.start()
    assert.deepEqual(await world.run(100), ['a started'])
    assert.deepEqual(world.peers, [{ peers: [{ host: '5.6.7.8', port: 6657 }], url: 'http://a/announce' }])
    assert.equal(world.firstRounds, 1)
    const [status] = world.announcer.trackers
    assert.deepEqual(
      { ...status, nextAnnounceAt: Math.round(status!.nextAnnounceAt!) },
      {
        url: 'http://a/announce',
        status: 'working',
        message: undefined,
        error: undefined,
        seeds: 4,
        leechers: 6,
        nextAnnounceAt: 1_800_010,
      },
    )
  })

  test('comes back after the interval, without an event', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(100)
    assert.deepEqual(await world.run(30 * MINUTE - 1000), [])
    assert.deepEqual(await world.run(1000), ['a -'])
    assert.deepEqual(await world.run(60 * MINUTE), ['a -', 'a -'])
  })

  test('asks the first tracker of every tier', async () => {
    const world = new World([['a'], ['b'], ['c']])
    world.announcer.start()
    assert.deepEqual(
      (await world.run(100)).sort((x, y) => x.localeCompare(y)),
      ['a started', 'b started', 'c started'],
    )
    assert.equal(world.firstRounds, 1)
  })

  test('shuffles a tier', () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 60; seed++) orders.add(new World([['a', 'b', 'c']], {}, seed).announcer.trackers.map((one) => one.url).join())
    assert.equal(orders.size, 6)
  })

  test('asks the next tracker of the tier at once, and keeps to the one that answered', async () => {
    const world = new World([['a', 'b', 'c']])
    const [first, second, third] = world.announcer.trackers.map((one) => /\/\/(.)/.exec(one.url)![1]!)
    world.trackers[first!] = 'down'
    world.trackers[second!] = 'down'
    world.announcer.start()
    assert.deepEqual(await world.run(100), [`${first} started`, `${second} started`, `${third} started`])
    assert.equal(world.firstRounds, 1)
    assert.deepEqual(await world.run(30 * MINUTE), [`${third} -`])
    assert.deepEqual(
      world.announcer.trackers.map((one) => one.status),
      ['working', 'failing', 'failing'],
    )
  })

  test('backs off when a whole tier is down: 15 seconds, doubling to 30 minutes, 10 % up or down', async () => {
    const world = new World([['a']])
    world.trackers.a = 'down'
    world.announcer.start()
    await world.system.run(10 * 60 * MINUTE)
    const waits = world.asked.slice(1).map(({ at }, index) => at - world.asked[index]!.at - 10)
    waits.forEach((wait, index) => {
      const middle = Math.min(15_000 * 2 ** index, 30 * MINUTE)
      assert.ok(wait >= 0.9 * middle - 1 && wait <= 1.1 * middle + 1, `wait ${index}: ${wait}`)
    })
    assert.ok(waits.length > 15)
    assert.equal(world.firstRounds, 1)
  })

  test('says a failure once, and again only when it changes or has ended', async () => {
    const world = new World([['a']])
    world.trackers.a = 'down'
    world.announcer.start()
    await world.system.run(5 * MINUTE)
    assert.equal(world.statuses.length, 1)
    assert.equal(world.statuses[0]!.status, 'failing')
    assert.equal(world.statuses[0]!.error?.code, 'TRACKER_UNREACHABLE')
    assert.ok(world.statuses[0]!.nextAnnounceAt! > 0)
    world.trackers.a = 'd14:failure reason4:nopee'
    await world.system.run(20 * MINUTE)
    assert.equal(world.statuses.length, 2)
    assert.match(world.statuses[1]!.message!, /http:\/\/a refuses: nope/)
    world.trackers.a = good(1800)
    await world.system.run(40 * MINUTE)
    assert.equal(world.statuses[2]?.status, 'working')
    assert.equal(world.statuses[2]?.message, undefined)
    world.trackers.a = 'down'
    await world.system.run(120 * MINUTE)
    assert.equal(world.statuses.at(-1)!.status, 'failing')
  })

  test('passes on warnings of a working tracker', async () => {
    const world = new World([['a']])
    world.trackers.a = good(1800, '')
      .replace('e5:peers', 'e15:warning message4:hush5:peers')
      .replace('15:warning message4:hush5:peers', '5:peers')
    world.trackers.a = `d8:intervali1800e5:peers0:15:warning message4:hushe`
    world.announcer.start()
    await world.system.run(100)
    assert.equal(world.statuses[0]!.status, 'working')
    assert.equal(world.statuses[0]!.message, 'hush')
  })

  test('says "completed" exactly once, whatever goes wrong in between', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(MINUTE)
    world.trackers.a = 'down'
    world.announcer.complete()
    world.announcer.complete()
    assert.deepEqual(await world.run(1000), ['a completed'])
    assert.deepEqual(await world.run(MINUTE), ['a completed', 'a completed'], 'again while it is not heard')
    world.trackers.a = good(1800)
    assert.deepEqual(await world.run(2 * MINUTE), ['a completed'])
    assert.deepEqual(await world.run(60 * MINUTE), ['a -', 'a -'])
  })

  test('says "completed" after "started" when the download finishes before that is through', async () => {
    const world = new World([['a']])
    world.announcer.start()
    world.announcer.complete()
    assert.deepEqual(await world.run(1000), ['a started', 'a completed'])
  })

  test('does not say "completed" before it has started or after it has stopped', async () => {
    const world = new World([['a']])
    world.announcer.complete()
    assert.deepEqual(await world.run(1000), [])
    world.announcer.start()
    await world.run(1000)
    await world.system.complete(world.announcer.stop())
    world.announcer.complete()
    assert.deepEqual(await world.run(MINUTE), ['a stopped'])
  })

  test('says "stopped" to everyone that heard "started", and to nobody else', async () => {
    const world = new World([['a', 'b'], ['c']])
    const [first, second] = world.announcer.trackers.map((one) => /\/\/(.)/.exec(one.url)![1]!)
    world.trackers.c = 'down'
    world.announcer.start()
    await world.run(MINUTE)
    world.trackers[first!] = 'down'
    await world.run(40 * MINUTE)
    world.trackers[first!] = good(1800)
    world.asked.length = 0
    await world.system.complete(world.announcer.stop())
    assert.deepEqual(
      world.news().sort((x, y) => x.localeCompare(y)),
      [`${first} stopped`, `${second} stopped`].sort((x, y) => x.localeCompare(y)),
    )
    assert.deepEqual(await world.run(120 * MINUTE), [], 'and is silent from then on')
  })

  test('asks for no peers when it stops', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.system.run(100)
    await world.system.complete(world.announcer.stop())
    assert.deepEqual(
      world.asked.map((one) => one.numWant),
      [30, 0],
    )
  })

  test('stops while it announces: calls that off, tells the tracker, hears nothing more', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.system.run(5)
    await world.system.complete(world.announcer.stop())
    assert.equal(world.abortedCount, 1)
    assert.deepEqual(world.news(), ['a started', 'a stopped'])
    await world.system.run(MINUTE)
    assert.equal(world.peers.length, 0)
    assert.equal(world.statuses.length, 0)
  })

  test('does not wait longer than three seconds for trackers that do not answer', async () => {
    const world = new World([['a'], ['b']])
    world.announcer.start()
    await world.system.run(100)
    world.trackers.a = 'silent'
    world.trackers.b = 'down'
    const before = world.system.now()
    await world.system.complete(world.announcer.stop())
    assert.ok(world.system.now() - before <= 3_010)
  })

  test('does not hang on a tracker that has never answered', async () => {
    const world = new World([['a'], ['b']])
    world.trackers.a = 'silent'
    world.announcer.start()
    await world.system.run(1000)
    const before = world.system.now()
    await world.system.complete(world.announcer.stop())
    assert.ok(world.system.now() - before <= 510)
    assert.ok(world.news().includes('a stopped'), 'it may have heard us')
  })

  test('can be started anew', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(100)
    await world.system.complete(world.announcer.stop())
    world.news()
    world.announcer.start()
    assert.deepEqual(await world.run(100), ['a started'])
    assert.equal(world.firstRounds, 2)
  })

  test('keeps within our bounds whatever interval a tracker names', async () => {
    for (const [interval, longest] of [
      ['0', 1],
      ['-5', 30],
      ['1', 1],
      ['9223372036854775808', 60],
      ['4294967295', 60],
    ] as const) {
      const world = new World([['a']])
      world.trackers.a = good(interval)
      world.announcer.start()
      await world.system.run(3 * 60 * MINUTE)
      const waits = world.asked.slice(1).map(({ at }, index) => at - world.asked[index]!.at)
      assert.ok(waits.length > 0)
      for (const wait of waits) assert.ok(wait >= 60_000 && wait <= longest * MINUTE + 100, `${interval}: ${wait}`)
    }
  })

  test('takes garbage for a failure and backs off', async () => {
    for (const garbage of ['<html></html>', '', 'i5e', 'd5:peersi5ee', 'd8:intervali60e5:peers7:1234567e']) {
      const world = new World([['a']])
      world.trackers.a = garbage
      world.announcer.start()
      await world.system.run(60_000)
      assert.ok(world.asked.length <= 3, garbage)
      assert.equal(world.statuses[0]!.error!.code, 'TRACKER_INVALID_RESPONSE')
    }
  })

  test('obeys "retry in", and never asks again after "never"', async () => {
    const world = new World([['a'], ['b']])
    world.trackers.a = 'd14:failure reason4:busy8:retry ini20ee'
    world.trackers.b = 'd14:failure reason2:no8:retry in5:nevere'
    world.announcer.start()
    assert.equal((await world.run(19 * MINUTE)).length, 2)
    world.announcer.announceSoon()
    assert.deepEqual(await world.run(MINUTE - 1000), [])
    assert.deepEqual(await world.run(2000), ['a started'])
    assert.equal(world.announcer.trackers[1]!.nextAnnounceAt, undefined)
    assert.deepEqual((await world.run(24 * 60 * MINUTE)).includes('b started'), false)
    assert.equal(world.firstRounds, 1)
  })

  test('goes on with the others of the tier when one says "never"', async () => {
    const world = new World([['a', 'b']])
    const [first, second] = world.announcer.trackers.map((one) => /\/\/(.)/.exec(one.url)![1]!)
    world.trackers[first!] = 'd14:failure reason2:no8:retry in5:nevere'
    world.announcer.start()
    assert.deepEqual(await world.run(100), [`${first} started`, `${second} started`])
    world.trackers[second!] = 'down'
    assert.ok(!(await world.run(240 * MINUTE)).some((one) => one.startsWith(first!)))
  })

  test('asks every 15 to 30 seconds while it has nobody, and stops that when it has', async () => {
    const world = new World([['a']])
    world.state.peerCount = 0
    world.announcer.start()
    await world.system.run(3 * MINUTE)
    const waits = world.asked.slice(1).map(({ at }, index) => at - world.asked[index]!.at)
    assert.ok(waits.length >= 5)
    for (const wait of waits) assert.ok(wait >= 15_000 && wait <= 30_100, String(wait))
    world.state.peerCount = 1
    await world.run(MINUTE)
    assert.deepEqual(await world.run(20 * MINUTE), [])
    world.state.peerCount = 0
    assert.ok((await world.run(MINUTE)).length >= 1, 'and begins again when all are gone')
  })

  test('is not hungry when it is complete, and respects "min interval" when it is', async () => {
    const seed = new World([['a']])
    Object.assign(seed.state, { peerCount: 0, left: 0 })
    seed.announcer.start()
    assert.equal((await seed.run(25 * MINUTE)).length, 1)
    const leech = new World([['a']])
    leech.state.peerCount = 0
    leech.trackers.a = good(1800, '12:min intervali300e')
    leech.announcer.start()
    await leech.system.run(16 * MINUTE)
    const waits = leech.asked.slice(1).map(({ at }, index) => at - leech.asked[index]!.at)
    assert.equal(waits.length, 3)
    for (const wait of waits) assert.ok(wait >= 300_000)
  })

  test('asks soon when told to, but does not let itself be made a storm', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(MINUTE)
    world.announcer.announceSoon()
    assert.deepEqual(await world.run(100), ['a -'])
    for (let count = 0; count < 100; count++) {
      world.announcer.announceSoon()
      await world.system.run(100)
    }
    assert.deepEqual(world.news(), [])
    assert.deepEqual(await world.run(6_000), ['a -'])
  })

  test('does not notice that the clock on the wall is set', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(MINUTE)
    for (const jump of [3_600_000, -7_200_000, 10 * 365 * 86_400_000, -20 * 365 * 86_400_000]) {
      world.system.jumpWallClock(jump)
      assert.deepEqual(await world.run(MINUTE), [])
    }
    assert.deepEqual(await world.run(26 * MINUTE), ['a -'])
  })

  test('sends one announce, not many, after a long standstill', async () => {
    const world = new World([['a']])
    world.state.peerCount = 0
    world.announcer.start()
    await world.run(MINUTE)
    world.system.spend(10 * 60 * MINUTE)
    assert.deepEqual(await world.run(1000), ['a -'])
  })

  test('passes over WebTorrent trackers in silence, and names a URL that it refuses', async () => {
    const world = new World([['wss://w:1/announce', 'ws://w:2'], ['ftp://x/announce']])
    world.announcer.start()
    assert.deepEqual(await world.run(100), [])
    assert.deepEqual(
      world.announcer.trackers.map((one) => [one.url, one.status, one.error?.code, one.nextAnnounceAt]),
      [['ftp://x/announce', 'failing', 'TRACKER_URL_REFUSED', undefined]],
    )
    await world.system.run(60 * MINUTE)
    assert.equal(world.statuses.length, 1)
    assert.equal(world.firstRounds, 1)
  })

  test('has a first round without any tracker', () => {
    const world = new World([])
    world.announcer.start()
    assert.equal(world.firstRounds, 1)
  })

  test('takes trackers that a user adds while it runs, each once', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(100)
    world.announcer.setTiers([['http://a/announce'], ['http://b/announce'], ['http://b/announce', 'http://a/announce', 'wss://c']])
    assert.deepEqual(await world.run(100), ['b started'])
    assert.equal(world.announcer.trackers.length, 2)
    await world.system.complete(world.announcer.stop())
    assert.deepEqual(world.news(), ['a stopped', 'b stopped'])
  })

  test('tells trackers that were taken away that we leave, and those that stay nothing', async () => {
    const world = new World([['a'], ['b'], ['c']])
    world.announcer.start()
    await world.run(100)
    world.announcer.setTiers([['http://b/announce'], ['http://d/announce']])
    assert.deepEqual((await world.run(100)).sort(), ['a stopped', 'c stopped', 'd started'])
    assert.deepEqual(
      world.announcer.trackers.map(({ url, status }) => `${url} ${status}`),
      ['http://b/announce working', 'http://d/announce working'],
    )
    await world.system.complete(world.announcer.stop())
    assert.deepEqual(world.news().sort(), ['b stopped', 'd stopped'])
    assert.equal(world.system.pendingEvents, 0)
  })

  test('asks the next of the tier at once when the one that answered is taken away', async () => {
    const world = new World([['a']])
    world.announcer.start()
    await world.run(100)
    world.announcer.setTiers([['http://a/announce', 'http://b/announce']])
    assert.deepEqual(await world.run(100), [], 'b stands in for a')
    world.announcer.setTiers([['http://b/announce']])
    assert.deepEqual((await world.run(100)).sort(), ['a stopped', 'b started'])
  })

  test('keeps what it knows of a tracker that goes to another tier', async () => {
    const world = new World([['a'], ['b']])
    world.announcer.start()
    await world.run(100)
    world.announcer.setTiers([['http://b/announce', 'http://a/announce']])
    assert.deepEqual(await world.run(100), [])
    await world.system.complete(world.announcer.stop())
    assert.deepEqual(world.news().sort(), ['a stopped', 'b stopped'])
  })

  test('calls off what it asks of a tracker that is taken away', async () => {
    const world = new World([['a'], ['b']])
    world.trackers.a = 'silent'
    world.announcer.start()
    await world.run(100)
    assert.equal(world.firstRounds, 0)
    world.announcer.setTiers([['http://b/announce']])
    assert.equal(world.abortedCount, 1)
    assert.equal(world.firstRounds, 1, 'it is not waited for')
    world.trackers.a = good(60)
    // It may have heard us.
    assert.deepEqual(await world.run(100), ['a stopped'])
    world.announcer.setTiers([])
    assert.deepEqual(await world.run(100), ['b stopped'])
    await world.system.complete(world.announcer.stop())
    assert.equal(world.system.pendingEvents, 0)
  })

  test('does not hand on names that a tracker made up', async () => {
    const world = new World([['a']])
    world.trackers.a = 'd8:intervali60e5:peersld2:ip7:1.2.3.44:porti9eed2:ip4:evil4:porti9eeee'
    world.announcer.start()
    await world.system.run(100)
    assert.deepEqual(world.peers, [{ peers: [{ host: '1.2.3.4', port: 9 }], url: 'http://a/announce' }])
  })

  test('gives the tracker id back', async () => {
    const world = new World([['a']])
    world.trackers.a = 'd8:intervali60e5:peers0:10:tracker id3:xyze'
    world.announcer.start()
    await world.system.run(2 * MINUTE)
    assert.deepEqual(
      world.asked.map((one) => one.trackerId),
      ['', 'xyz'],
    )
  })

  test('whatever trackers do: "started" comes first, "completed" once at most is heard, nothing after "stopped"', async () => {
    const behaviour = fc.constantFrom(
      good(1800),
      good(0),
      'down',
      'silent',
      'junk',
      'd14:failure reason1:xe',
      'd14:failure reason1:x8:retry ini1ee',
    )
    const step = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      behaviour,
      fc.integer({ min: 1, max: 40 * MINUTE }),
      fc.constantFrom('wait', 'wait', 'complete', 'soon'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.nat(), async (steps, seed) => {
        const world = new World([['a', 'b'], ['c']], {}, seed)
        const heard: Record<string, string[]> = { a: [], b: [], c: [] }
        const listen = (name: string): void => {
          world.trackers[name] = (event) => {
            heard[name]!.push(event)
            return good(1800)
          }
        }
        for (const name of ['a', 'b', 'c']) listen(name)
        world.announcer.start()
        for (const [tracker, how, ms, what] of steps) {
          if (how === good(1800)) listen(tracker)
          else world.trackers[tracker] = how
          if (what === 'complete') world.announcer.complete()
          if (what === 'soon') world.announcer.announceSoon()
          await world.system.run(ms)
        }
        for (const name of ['a', 'b', 'c']) listen(name)
        const before = world.asked.length
        await world.system.complete(world.announcer.stop())
        assert.ok(world.asked.slice(before).every((one) => one.event === 'stopped'))
        await world.system.run(120 * MINUTE)
        assert.ok(world.asked.slice(before).every((one) => one.event === 'stopped'))
        for (const [name, events] of Object.entries(heard)) {
          const first = world.asked.find((one) => one.tracker === name)
          assert.ok(first === undefined || first.event === 'started' || first.event === 'stopped')
          assert.ok(events.filter((event) => event === 'stopped').length <= 1)
        }
        assert.ok([...heard.a!, ...heard.b!].filter((event) => event === 'completed').length <= 1)
        assert.ok(heard.c!.filter((event) => event === 'completed').length <= 1)
      }),
      { numRuns: 60 },
    )
  })
})
