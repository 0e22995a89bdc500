import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HubSystem } from '../system.ts'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore, type Swarm } from './peer-store.ts'

const MINUTE = 60_000
const hash = (id: number) => new Uint8Array(20).fill(id)
const peer4 = (last: number, port = 6881) => Uint8Array.of(10, 0, 0, last, port >> 8, port & 0xff)
const peer6 = (last: number) => {
  const bytes = new Uint8Array(18)
  bytes.set([0x20, 0x01, 0x0d, 0xb8], 0)
  bytes[15] = last
  bytes[17] = 80
  return bytes
}

class Clock implements HubSystem {
  time = 0
  now = () => this.time
  wallClock = () => this.time
  randomBytes = (length: number) => new Uint8Array(length)
  randomBelow = () => 0
}

function remove(store: PeerStore, swarm: Swarm, endpoint: Uint8Array): void {
  const vector = swarm.vectorFor(endpoint)
  store.removeAt(vector, vector.find(endpoint))
}

function world(options: Partial<typeof DEFAULT_PEER_STORE_OPTIONS> = {}) {
  const clock = new Clock()
  return { clock, store: new PeerStore({ ...DEFAULT_PEER_STORE_OPTIONS, ...options }, clock) }
}

describe('PeerStore', () => {
  test('counts seeds and leechers of both families', () => {
    const { store } = world()
    const swarm = store.findOrCreate(hash(1))!
    store.add(swarm, peer4(1), 'seed', false)
    store.add(swarm, peer4(2), 'leech', false)
    store.add(swarm, peer6(1), 'leech', false)
    assert.deepEqual([swarm.complete, swarm.incomplete, store.peerCount], [1, 2, 3])
    store.add(swarm, peer4(3), 'partial', false)
    assert.deepEqual([swarm.complete, swarm.incomplete, store.peerCount], [1, 3, 4], 'a partial seed is not complete')
    for (const gone of [peer4(1), peer4(3), peer6(1)]) remove(store, swarm, gone)
    assert.deepEqual([swarm.complete, swarm.incomplete, store.peerCount], [0, 1, 1])
    assert.equal(store.find(hash(1)), swarm)
    assert.equal(store.find(hash(2)), undefined)
  })

  test('forgets peers that do not announce any more, then their swarm', () => {
    const { clock, store } = world({ peerLifetimeMinutes: 40 })
    const swarm = store.findOrCreate(hash(1))!
    store.add(swarm, peer4(1), 'seed', false)
    clock.time = 20 * MINUTE
    store.add(swarm, peer4(2), 'leech', false)
    clock.time = 39 * MINUTE
    store.sweep(1000)
    assert.equal(store.peerCount, 2)
    clock.time = 40 * MINUTE
    store.sweep(1000)
    assert.equal(store.peerCount, 1)
    clock.time = 60 * MINUTE
    store.sweep(1000)
    assert.equal(store.peerCount, 0)
    assert.equal(store.swarmCount, 0)
  })

  test('keeps an empty swarm, and what it counted, for a while', () => {
    const { clock, store } = world({ peerLifetimeMinutes: 40 })
    const swarm = store.findOrCreate(hash(1))!
    store.add(swarm, peer4(1), 'seed', false)
    swarm.downloaded = 5
    remove(store, swarm, peer4(1))
    clock.time = 39 * MINUTE
    store.sweep(1000)
    assert.equal(store.find(hash(1))?.downloaded, 5)
    clock.time = 40 * MINUTE
    store.sweep(1000)
    assert.equal(store.find(hash(1)), undefined)
  })

  test('waits twice as long for the peers of a large swarm, until it has shrunk to half', () => {
    const { clock, store } = world({ peerLifetimeMinutes: 40, largeSwarmPeers: 10 })
    const swarm = store.findOrCreate(hash(1))!
    for (let last = 1; last <= 11; last++) store.add(swarm, peer4(last), 'leech', false)
    clock.time = 79 * MINUTE
    store.sweep(1000)
    assert.deepEqual([swarm.isLarge, store.peerCount], [true, 11])
    for (let last = 1; last <= 6; last++) remove(store, swarm, peer4(last))
    store.sweep(1000)
    assert.equal(swarm.isLarge, false)
    store.sweep(1000)
    assert.equal(store.peerCount, 0)
  })

  test('tells whose swarms have shrunk', () => {
    const { clock, store } = world({ peerLifetimeMinutes: 40 })
    for (const id of [1, 2]) store.add(store.findOrCreate(hash(id))!, peer4(1), 'leech', false)
    clock.time = 20 * MINUTE
    store.add(store.find(hash(1))!, peer4(2), 'leech', false)
    store.findOrCreate(hash(3))
    clock.time = 45 * MINUTE
    const shrunk: number[] = []
    store.sweep(1000, (infoHash) => shrunk.push(infoHash[0]!))
    assert.deepEqual(shrunk, [1, 2])
  })

  test('sweeps a little at a time and comes around', () => {
    const { clock, store } = world({ peerLifetimeMinutes: 40 })
    for (let id = 0; id < 100; id++) store.add(store.findOrCreate(hash(id))!, peer4(1), 'leech', false)
    clock.time = 50 * MINUTE
    let calls = 1
    while (!store.sweep(20)) calls++
    assert.equal(calls, 11)
    assert.deepEqual([store.swarmCount, store.peerCount], [0, 0])
  })

  test('refuses swarms above the limit, and takes them again when some are gone', () => {
    const { clock, store } = world({ maxSwarms: 2, peerLifetimeMinutes: 40 })
    assert.ok(store.findOrCreate(hash(1)))
    assert.ok(store.findOrCreate(hash(2)))
    assert.equal(store.findOrCreate(hash(3)), undefined)
    assert.ok(store.findOrCreate(hash(2)))
    clock.time = 40 * MINUTE
    store.sweep(1000)
    assert.ok(store.findOrCreate(hash(3)))
  })

  test('refuses peers above the limits, but not those that were there', () => {
    const { store } = world({ maxPeers: 2 })
    const swarm = store.findOrCreate(hash(1))!
    assert.equal(store.add(swarm, peer4(1), 'leech', false), true)
    assert.equal(store.add(swarm, peer4(2), 'leech', false), true)
    assert.equal(store.add(swarm, peer4(3), 'leech', false), false)
    remove(store, swarm, peer4(1))
    assert.equal(store.add(swarm, peer4(1), 'seed', true), true)
    assert.equal(store.peerCount, 2)
  })

  test('refuses one address that comes with ever new ports', () => {
    const { store } = world({ maxPeersPerAddress: 3 })
    const swarm = store.findOrCreate(hash(1))!
    for (let port = 1; port <= 3; port++) assert.equal(store.add(swarm, peer4(1, port), 'leech', false), true)
    assert.equal(store.add(swarm, peer4(1, 4), 'leech', false), false)
    assert.equal(store.add(swarm, peer4(2, 4), 'leech', false), true)
    for (let last = 1; last <= 3; last++) assert.equal(store.add(swarm, peer6(last), 'leech', false), true)
    assert.equal(store.add(swarm, peer6(4), 'leech', false), false, 'one /64 counts as one address')
  })
})
