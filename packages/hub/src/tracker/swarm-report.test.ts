import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore } from './peer-store.ts'
import { countsOf, eachSwarm, peersOf } from './swarm-report.ts'

const HASH = new Uint8Array(20).fill(1)

test('what the tracker knows is told to other rooms', () => {
  const clock = {
    time: 0,
    now: () => clock.time,
    wallClock: () => 0,
    randomBytes: (length: number) => new Uint8Array(length),
    randomBelow: () => 0,
  }
  const store = new PeerStore(DEFAULT_PEER_STORE_OPTIONS, clock)
  assert.deepEqual([countsOf(store, HASH), peersOf(store, HASH, 10)], [{ complete: 0, incomplete: 0, downloaded: 0 }, []])
  const swarm = store.findOrCreate(HASH)!
  store.add(swarm, Uint8Array.of(10, 0, 0, 1, 0x1a, 0xe1), 'seed', false)
  clock.time = 60_000
  store.add(swarm, Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80), 'partial', false)
  swarm.downloaded = 3
  assert.deepEqual(peersOf(store, HASH, 10), [
    { host: '10.0.0.1', port: 6881, role: 'seed', ageSeconds: 60 },
    { host: '2001:db8::1', port: 80, role: 'partial', ageSeconds: 0 },
  ])
  assert.equal(peersOf(store, HASH, 1).length, 1)
  const counts = { complete: 1, incomplete: 1, downloaded: 3 }
  assert.deepEqual([countsOf(store, HASH), [...eachSwarm(store)]], [counts, [{ infoHash: HASH, ...counts }]])
})
