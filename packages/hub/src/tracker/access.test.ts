import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { type AnnounceKeys, ListedAccess, MembersOnly, WRONG_KEY } from './access.ts'
import { DEFAULT_TRACKER_OPTIONS, Tracker } from './announce.ts'

const HASH = new Uint8Array(20).fill(1)
const OTHER = new Uint8Array(20).fill(2)
const HERE = Uint8Array.of(192, 0, 2, 1)
const LIMITS = { maxPeers: 50, bothFamilies: true }

class Clock {
  time = 0
  now = () => this.time
  wallClock = () => this.time
  randomBytes = (length: number) => new Uint8Array(length)
  randomBelow = () => 0
}

class Keys implements AnnounceKeys {
  asked = 0
  isGood(announceKey: string) {
    this.asked++
    return announceKey === 'k-of-a-member'
  }
}

const request = (infoHash: Uint8Array) => ({ infoHash, peerId: HASH, port: 1, uploaded: 0, downloaded: 0, left: 1 })

describe('a listed hub', () => {
  test('serves what is allowed, from the moment at which it is', () => {
    const list = new ListedAccess('allow')
    const tracker = new Tracker(DEFAULT_TRACKER_OPTIONS, new Clock(), list)
    const isRefused = (infoHash: Uint8Array) => isTrackerFailure(tracker.announce(request(infoHash), HERE, LIMITS))
    assert.equal(isRefused(HASH), true)
    list.add(HASH)
    assert.deepEqual([isRefused(HASH), isRefused(OTHER), list.size], [false, true, 1])
    list.delete(HASH)
    assert.equal(isRefused(HASH), true)
    assert.deepEqual(
      tracker.scrape([HASH], HERE),
      [{ infoHash: HASH, complete: 0, downloaded: 0, incomplete: 0 }],
      'what is there is not told',
    )
  })

  test('serves all but what is denied', () => {
    const list = new ListedAccess('deny')
    list.add(HASH)
    const tracker = new Tracker(DEFAULT_TRACKER_OPTIONS, new Clock(), list)
    assert.ok(isTrackerFailure(tracker.announce(request(HASH), HERE, LIMITS)))
    assert.ok(!isTrackerFailure(tracker.announce(request(OTHER), HERE, LIMITS)))
  })
})

describe('a members-only hub', () => {
  const open = () => {
    const clock = new Clock()
    const keys = new Keys()
    const list = new ListedAccess('deny')
    list.add(OTHER)
    const tracker = new Tracker(DEFAULT_TRACKER_OPTIONS, clock, new MembersOnly(keys, list))
    return {
      clock,
      keys,
      tracker,
      announce: (announceKey?: string, from = HERE) => tracker.announce(request(HASH), from, LIMITS, announceKey),
    }
  }

  test('wants a key, and says the same of every one that is not good', () => {
    const { tracker, announce } = open()
    assert.ok(!isTrackerFailure(announce('k-of-a-member')))
    for (const key of [undefined, '', 'unknown', 'k-of-a-member ']) assert.equal(announce(key), WRONG_KEY)
    assert.equal(tracker.scrape([HASH], HERE), WRONG_KEY)
    assert.deepEqual(tracker.scrape([HASH], HERE, 'k-of-a-member'), [{ infoHash: HASH, complete: 0, downloaded: 0, incomplete: 1 }])
    assert.ok(isTrackerFailure(tracker.announce(request(OTHER), HERE, LIMITS, 'k-of-a-member')), 'and then what the list says')
    assert.deepEqual([WRONG_KEY.intervalSeconds, WRONG_KEY.retryInSeconds], [3_600, 3_600])
  })

  test('looks no key up any more of an address that guesses, until it has waited', () => {
    const { clock, keys, announce } = open()
    for (let guess = 0; guess < 300; guess++) assert.equal(announce(`guess-${guess}`), WRONG_KEY)
    assert.equal(keys.asked, 200)
    assert.equal(announce('k-of-a-member'), WRONG_KEY)
    assert.ok(!isTrackerFailure(announce('k-of-a-member', Uint8Array.of(192, 0, 2, 2))), 'its neighbour is another')
    clock.time += 2_000
    assert.ok(!isTrackerFailure(announce('k-of-a-member')))
  })

  test('tells its policy of announces that counted', () => {
    const seen: unknown[] = []
    const tracker = new Tracker(DEFAULT_TRACKER_OPTIONS, new Clock(), {
      refusalOf: ({ announceKey }) => (announceKey === 'good' ? undefined : WRONG_KEY),
      onAnnounced: ({ announceKey, announce }) => seen.push([announceKey, announce?.left]),
    })
    tracker.announce(request(HASH), HERE, LIMITS, 'bad')
    tracker.announce(request(HASH), HERE, LIMITS, 'good')
    assert.deepEqual(seen, [['good', 1]])
  })
})
