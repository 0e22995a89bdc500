import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIp } from '@shoal/protocol/ip-address'
import {
  type AnnounceRequest,
  decodeCompactPeers4,
  decodeCompactPeers6,
  isTrackerFailure,
  type PackedAnnounceReply,
} from '@shoal/protocol/tracker/announce'
import fc from 'fast-check'
import type { HubSystem } from '../system.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker, type TrackerOptions } from './announce.ts'

const HASH = new Uint8Array(20).fill(1)
const HERE = Uint8Array.of(10, 0, 0, 1)
const HTTP = { maxPeers: 200, bothFamilies: true }
const UDP = { maxPeers: 200, bothFamilies: false }

class Clock implements HubSystem {
  time = 0
  #state = 1
  now = () => this.time
  wallClock = () => this.time
  randomBytes = (length: number) => new Uint8Array(length)
  randomBelow = (limit: number) => {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) >>> 0
    return Math.floor((this.#state / 0x1_0000_0000) * limit)
  }
}

function trackerWith(options: Partial<TrackerOptions> = {}): Tracker {
  // Most stories here happen in one moment, and ask again in it.
  return new Tracker({ ...DEFAULT_TRACKER_OPTIONS, minIntervalSeconds: 1, ...options }, new Clock())
}

function announce(tracker: Tracker, host: string, more: Partial<AnnounceRequest> = {}, limits = HTTP): PackedAnnounceReply {
  const request = { infoHash: HASH, peerId: new Uint8Array(20), port: 6881, uploaded: 0, downloaded: 0, left: 100, ...more }
  const answer = tracker.announce(request, parseIp(host)!, limits)
  assert.ok(!isTrackerFailure(answer))
  return answer
}

const hosts = (reply: PackedAnnounceReply) =>
  [...decodeCompactPeers4(reply.peers4), ...decodeCompactPeers6(reply.peers6)].map((peer) => peer.host).sort()

describe('Tracker', () => {
  test('lets two peers find each other', () => {
    const tracker = trackerWith()
    assert.deepEqual(hosts(announce(tracker, '10.0.0.1', { left: 0 })), [])
    const second = announce(tracker, '10.0.0.2')
    assert.deepEqual(decodeCompactPeers4(second.peers4), [{ host: '10.0.0.1', port: 6881 }])
    assert.deepEqual([second.complete, second.incomplete], [1, 1])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.1', { left: 0, uploaded: 5 })), ['10.0.0.2'])
  })

  test('hands no peer to itself, and no seed to a seed', () => {
    const tracker = trackerWith()
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) announce(tracker, host, { left: 0 })
    announce(tracker, '10.0.0.4')
    assert.deepEqual(hosts(announce(tracker, '10.0.0.1', { left: 0, uploaded: 5 })), ['10.0.0.4'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.4')), ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  })

  test('hands ten seeds at most to somebody who has all and has moved nothing: it may be after the metadata', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.1.1', { left: 0 })
    assert.deepEqual(hosts(announce(tracker, '10.0.1.2', { left: 0, event: 'started' })), ['10.0.1.1'])
    for (let last = 1; last <= 30; last++) announce(tracker, `10.0.0.${last}`, { left: 0 })
    announce(tracker, '10.0.2.1')
    const found = hosts(announce(tracker, '10.0.1.2', { left: 0 }))
    assert.equal(found.length, 11)
    assert.ok(found.includes('10.0.2.1'))
    assert.deepEqual(hosts(announce(tracker, '10.0.1.2', { left: 0, downloaded: 1 })), ['10.0.2.1'])
  })

  test('tells peers on one address apart by their ports', () => {
    const tracker = trackerWith()
    announce(tracker, '127.0.0.1', { port: 7001 })
    announce(tracker, '127.0.0.1', { port: 7002 })
    const peers = decodeCompactPeers4(announce(tracker, '127.0.0.1', { port: 7003 }).peers4)
    assert.deepEqual(
      peers.map((peer) => peer.port).sort((a, b) => a - b),
      [7001, 7002],
    )
  })

  test('forgets who stops, and gives it nothing', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1', { left: 0 })
    announce(tracker, '10.0.0.2')
    const leaving = announce(tracker, '10.0.0.1', { left: 0, event: 'stopped' })
    assert.deepEqual(hosts(leaving), [])
    assert.deepEqual([leaving.complete, leaving.incomplete], [0, 1])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.3')), ['10.0.0.2'])
  })

  test('makes no swarm for somebody who only leaves', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1', { event: 'stopped' })
    assert.equal(tracker.store.swarmCount, 0)
  })

  test('turns a leecher into a seed, and counts a completion once', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1')
    const done = announce(tracker, '10.0.0.1', { left: 0, event: 'completed' })
    assert.deepEqual([done.complete, done.incomplete, done.downloaded], [1, 0, 1])
    assert.equal(announce(tracker, '10.0.0.1', { left: 0, event: 'completed' }).downloaded, 1)
    assert.equal(announce(tracker, '10.0.0.2', { left: 5, event: 'completed' }).downloaded, 1, 'with bytes missing it is none')
    assert.equal(announce(tracker, '10.0.0.3', { left: 0 }).downloaded, 1, 'nor without the event')
  })

  test('answers whoever takes no connections, but hands it to nobody', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1')
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2', { port: 0 })), ['10.0.0.1'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.3')), ['10.0.0.1'])
    assert.equal(tracker.store.peerCount, 2)
  })

  test('gives as many peers as are wanted, 50 if nothing is said, never more than 200', () => {
    const tracker = trackerWith({ maxPeersPerAddress: 1000 })
    for (let port = 1; port <= 300; port++) announce(tracker, '10.0.0.1', { port, left: port % 2 })
    const count = (numWant: number | undefined, limits = HTTP) =>
      hosts(announce(tracker, '10.0.0.2', numWant === undefined ? {} : { numWant }, limits)).length
    assert.deepEqual(
      [count(undefined), count(0), count(7), count(10_000), count(200, { maxPeers: 70, bothFamilies: true })],
      [50, 0, 7, 200, 70],
    )
  })

  test('gives a leecher a third of seeds and a third of leechers, however few of one there are', () => {
    const mix = (seeds: number, leechers: number) => {
      const tracker = trackerWith({ maxPeersPerAddress: 1000 })
      for (let port = 1; port <= seeds; port++) announce(tracker, '10.0.0.1', { port, left: 0 })
      for (let port = 1; port <= leechers; port++) announce(tracker, '10.0.0.2', { port })
      const given = hosts(announce(tracker, '10.0.0.3', { numWant: 30 }))
      return [given.filter((host) => host === '10.0.0.1').length, given.filter((host) => host === '10.0.0.2').length]
    }
    assert.deepEqual(mix(100, 100), [15, 15])
    assert.deepEqual(mix(10, 290), [10, 20])
    assert.deepEqual(mix(290, 10), [20, 10])
    assert.deepEqual(mix(3, 290), [3, 27])
    assert.deepEqual(mix(290, 0), [30, 0])
    assert.deepEqual(mix(0, 290), [0, 30])
    assert.deepEqual(mix(5, 5), [5, 5])
  })

  test('draws any number from any swarm without a peer twice', () => {
    const swarms = fc.record({ seeds: fc.nat(40), leechers: fc.nat(40), numWant: fc.nat(60), left: fc.nat(1), uploaded: fc.nat(1) })
    fc.assert(
      fc.property(swarms, ({ seeds, leechers, numWant, left, uploaded }) => {
        const tracker = trackerWith()
        for (let port = 1; port <= seeds; port++) announce(tracker, '10.0.0.1', { port, left: 0 })
        for (let port = 1; port <= leechers; port++) announce(tracker, '10.0.0.2', { port })
        const peers = decodeCompactPeers4(announce(tracker, '10.0.0.3', { numWant, left, uploaded }).peers4)
        const there = leechers + (left === 1 ? seeds : uploaded === 0 ? Math.min(seeds, 10) : 0)
        assert.equal(peers.length, Math.min(numWant, there))
        assert.equal(new Set(peers.map((peer) => `${peer.host}:${peer.port}`)).size, peers.length)
        if (left === 0 && uploaded > 0) assert.ok(peers.every((peer) => peer.host === '10.0.0.2'))
      }),
      { numRuns: 60 },
    )
  })

  test('gives the own family first, over HTTP then the other, over UDP not', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1')
    announce(tracker, '2001:db8::1')
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2')), ['10.0.0.1', '2001:db8::1'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2', { numWant: 1 })), ['10.0.0.1'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2', {}, UDP)), ['10.0.0.1'])
    assert.deepEqual(hosts(announce(tracker, '2001:db8::1', {}, UDP)), [])
    assert.deepEqual(hosts(announce(tracker, '2001:db8::2', {}, UDP)), ['2001:db8::1'])
  })

  test('spreads the next announces', () => {
    const tracker = trackerWith({ intervalSeconds: 600, minIntervalSeconds: 60 })
    const intervals = Array.from({ length: 200 }, (_, i) => announce(tracker, '10.0.0.1', { port: i + 1 }).intervalSeconds)
    assert.ok(Math.min(...intervals) >= 540 && Math.max(...intervals) <= 660)
    assert.ok(new Set(intervals).size > 50)
    const reply = announce(tracker, '192.0.2.9')
    assert.equal(reply.minIntervalSeconds, 60)
    assert.equal(announce(trackerWith({ intervalSeconds: 5, minIntervalSeconds: 60 }), '192.0.2.9').minIntervalSeconds, 5)
  })

  test('says no in words when there are too many torrents, and when it may not', () => {
    const full = trackerWith({ maxSwarms: 0 })
    const request = { infoHash: HASH, peerId: HASH, port: 1, uploaded: 0, downloaded: 0, left: 0 }
    const answer = full.announce(request, parseIp('10.0.0.1')!, HTTP)
    assert.ok(isTrackerFailure(answer) && answer.retryInSeconds === 1_800)

    const refusal = { failureReason: 'Not here' }
    const closed = new Tracker(DEFAULT_TRACKER_OPTIONS, new Clock(), { refusalOf: () => refusal })
    assert.equal(closed.announce(request, parseIp('10.0.0.1')!, HTTP), refusal)
    assert.deepEqual(closed.scrape([HASH], HERE), [{ infoHash: HASH, complete: 0, downloaded: 0, incomplete: 0 }])
  })

  test('is scraped', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1', { left: 0, event: 'completed' })
    announce(tracker, '10.0.0.2')
    const unknown = new Uint8Array(20)
    assert.deepEqual(tracker.scrape([HASH, unknown], HERE), [
      { infoHash: HASH, complete: 1, downloaded: 1, incomplete: 1 },
      { infoHash: unknown, complete: 0, downloaded: 0, incomplete: 0 },
    ])
  })

  test('treats a partial seed like a seed, and counts it as incomplete', () => {
    const tracker = trackerWith()
    announce(tracker, '10.0.0.1', { left: 0 })
    announce(tracker, '10.0.0.2', { left: 5, event: 'paused' })
    announce(tracker, '10.0.0.3', { left: 5 })
    const partial = announce(tracker, '10.0.0.2', { left: 5, event: 'paused' })
    assert.deepEqual([hosts(partial), partial.complete, partial.incomplete], [['10.0.0.3'], 1, 2])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.1', { left: 0, uploaded: 1 })), ['10.0.0.3'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.3', { left: 5 })), ['10.0.0.1', '10.0.0.2'])
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2', { left: 5 })), ['10.0.0.1', '10.0.0.3'], 'it wants more after all')
  })

  test('answers who asks again too early, without peers, unless something has happened', () => {
    const clock = new Clock()
    const tracker = new Tracker(DEFAULT_TRACKER_OPTIONS, clock)
    announce(tracker, '10.0.0.1', { left: 0 })
    const found = (more: Partial<AnnounceRequest> = {}) => hosts(announce(tracker, '10.0.0.2', more)).length
    assert.equal(found({ event: 'started' }), 1)
    clock.time = 30_000
    assert.deepEqual([found(), found({ event: 'started' })], [0, 1])
    const early = announce(tracker, '10.0.0.2')
    assert.deepEqual([early.complete, early.incomplete, early.intervalSeconds >= 1_620], [1, 1, true])
    clock.time = 80_000
    assert.equal(found(), 0)
    clock.time = 100_000
    assert.deepEqual([found(), found()], [1, 0])
    assert.equal(found({ left: 0, event: 'completed' }), 1, 'a role change is news: a seed that is fresh')
    clock.time = 105_000
    assert.equal(hosts(announce(tracker, '10.0.0.2', { port: 7000 })).length, 2, 'another port is another peer')
  })

  test('is asked half as often by a large swarm', () => {
    const tracker = trackerWith({ largeSwarmPeers: 20, intervalSeconds: 600 })
    const intervals = Array.from({ length: 30 }, (_, i) => announce(tracker, '10.0.0.1', { port: i + 1 }).intervalSeconds)
    assert.ok(Math.max(...intervals.slice(0, 20)) <= 660)
    assert.ok(Math.min(...intervals.slice(20)) >= 1_080)
  })

  test('believes a claimed address of those networks only that the hub names', () => {
    const tracker = trackerWith({ addressFrom: ['10.9.0.0/16'] })
    const claimedAddress = Uint8Array.of(192, 0, 2, 7)
    announce(tracker, '10.0.0.1', { claimedAddress })
    announce(tracker, '10.9.3.1', { claimedAddress })
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2')), ['10.0.0.1', '192.0.2.7'])
  })

  test('tells others the public address of peers on its own machine, and those on it the near one', () => {
    const tracker = trackerWith({ publicAddresses: ['2001:db8::5', '192.0.2.5'] })
    announce(tracker, '127.0.0.1', { port: 7001 })
    announce(tracker, '::1', { port: 7001 })
    announce(tracker, '10.0.0.1')
    assert.deepEqual(hosts(announce(tracker, '10.0.0.2', { port: 0 })), ['10.0.0.1', '192.0.2.5', '2001:db8::5'])
    assert.deepEqual(hosts(announce(tracker, '127.0.0.2', { port: 0 })), ['10.0.0.1', '127.0.0.1', '::1'])
  })

  test('tells nobody elsewhere a loopback address that it has no other for', () => {
    const tracker = trackerWith()
    for (let port = 1; port <= 20; port++) announce(tracker, port % 2 === 0 ? '127.0.0.1' : '10.0.0.1', { port })
    announce(tracker, '::1')
    const found = announce(tracker, '10.0.0.2', { port: 0 })
    assert.deepEqual([...new Set(hosts(found))], ['10.0.0.1'])
    assert.equal(hosts(found).length, 10)
    assert.throws(() => trackerWith({ publicAddresses: ['example.org'] }), /no IP address/)
  })

  test('tells when counts have changed, and only then', () => {
    const clock = new Clock()
    const tracker = new Tracker({ ...DEFAULT_TRACKER_OPTIONS, minIntervalSeconds: 1 }, clock)
    let changes = 0
    tracker.onCountsChanged = (infoHash) => {
      assert.deepEqual(infoHash, HASH)
      changes++
    }
    const changesOf = (act: () => unknown) => {
      const before = changes
      act()
      return changes - before
    }
    assert.deepEqual(
      [
        changesOf(() => announce(tracker, '10.0.0.1')),
        changesOf(() => announce(tracker, '10.0.0.1')),
        changesOf(() => announce(tracker, '10.0.0.1', { left: 0, event: 'completed' })),
        changesOf(() => announce(tracker, '10.0.0.2', { port: 0 })),
        changesOf(() => announce(tracker, '10.0.0.1', { event: 'stopped' })),
        changesOf(() => announce(tracker, '10.0.0.1', { event: 'stopped' })),
        changesOf(() => announce(tracker, '10.0.0.3')),
        changesOf(() => {
          clock.time = 60 * 60_000
          tracker.sweep(100)
        }),
      ],
      [1, 0, 1, 0, 1, 0, 1, 1],
    )
  })

  test('limits how much one network may ask, and no other', () => {
    const clock = new Clock()
    const tracker = new Tracker({ ...DEFAULT_TRACKER_OPTIONS, announcesPerSecond: 2, announceBurst: 5 }, clock)
    const spent = (host: string) => Array.from({ length: 10 }, () => tracker.maySpend(parseIp(host)!)).filter(Boolean).length
    assert.deepEqual([spent('198.51.100.1'), spent('198.51.100.200'), spent('203.0.113.1')], [5, 0, 5])
    assert.deepEqual([spent('2001:db8:1:ff00::1'), spent('2001:db8:1:ffff::1'), spent('2001:db8:1:fe00::1')], [5, 0, 5])
    assert.equal(spent('127.0.0.1'), 10, 'programs on this machine')
    clock.time += 1_000
    assert.equal(spent('198.51.100.7'), 2)
  })
})
