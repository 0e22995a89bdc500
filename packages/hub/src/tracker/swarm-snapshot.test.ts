import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { setUint32 } from '@shoal/protocol/bytes'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore, type PeerStoreOptions } from './peer-store.ts'
import type { PeerRole } from './peer-vector.ts'
import { SnapshotFile } from './snapshot-file.ts'
import { restoreSnapshot, SnapshotError, snapshotSlices } from './swarm-snapshot.ts'

const MINUTE = 60_000
const hash = (id: number) => new Uint8Array(20).fill(id)
const peer4 = (id: number) => Uint8Array.of(10, id >> 16, id >> 8, id, 0x1a, 0xe1)
const peer6 = (id: number) => Uint8Array.from({ length: 18 }, (_, at) => (at === 0 ? 0x20 : at === 7 ? id : at === 17 ? 80 : 0))

class Clock {
  time = 0
  wall = 1_700_000_000_000
  now = () => this.time
  wallClock = () => this.wall
  randomBytes = (length: number) => new Uint8Array(length)
  randomBelow = (limit: number) => limit >> 1
  pass(ms: number) {
    this.time += ms
    this.wall += ms
  }
}

function newStore(clock = new Clock(), options: Partial<PeerStoreOptions> = {}): { clock: Clock; store: PeerStore } {
  return { clock, store: new PeerStore({ ...DEFAULT_PEER_STORE_OPTIONS, ...options }, clock) }
}

/** Everybody in a store, as text, with ages. */
function contents(store: PeerStore): string[] {
  const lines: string[] = []
  for (const [infoHash, swarm] of store.swarms()) {
    lines.push(`${infoHash[0]}: ${swarm.complete}/${swarm.incomplete} downloaded ${swarm.downloaded}${swarm.isLarge ? ' large' : ''}`)
    for (const vector of [swarm.peers4, swarm.peers6]) {
      for (let at = 0; at < (vector?.count ?? 0); at++) {
        const endpoint = new Uint8Array(vector!.stride)
        vector!.copyAt(at, endpoint, 0)
        lines.push(`${infoHash[0]} ${Buffer.from(endpoint).toString('hex')} ${vector!.roleAt(at)} ${vector!.ageAt(at, store.tick)}`)
      }
    }
  }
  return lines.sort()
}

function filled(): { clock: Clock; store: PeerStore } {
  const { clock, store } = newStore()
  const roles: PeerRole[] = ['seed', 'partial', 'leech']
  for (let id = 0; id < 3_000; id++) {
    if (id % 500 === 0) clock.pass(MINUTE)
    store.add(store.findOrCreate(hash(id % 7))!, peer4(id), roles[id % 3]!, false)
    if (id % 10 === 0) store.add(store.findOrCreate(hash(id % 7))!, peer6(id / 10), roles[id % 2]!, false)
  }
  for (let id = 0; id < 12_000; id++) store.add(store.findOrCreate(hash(50))!, peer4(id), 'leech', false)
  store.find(hash(3))!.downloaded = 17
  store.findOrCreate(hash(99))!.downloaded = 4
  store.findOrCreate(hash(98)) // nothing to remember
  return { clock, store }
}

function snapshotOf(store: PeerStore, wallClock: number): Uint8Array {
  return Buffer.concat(Array.from(snapshotSlices(store, wallClock), (slice) => slice.slice()))
}

describe('swarm snapshot', () => {
  test('brings everything back as it was, older by the time that was down', () => {
    const { clock, store } = filled()
    const slices = Array.from(snapshotSlices(store, clock.wall), (slice) => slice.length)
    assert.ok(slices.length >= 3 && slices.every((length) => length <= 65_536))
    const bytes = snapshotOf(store, clock.wall)
    const again = newStore()
    again.clock.wall = clock.wall
    const restored = restoreSnapshot(bytes, again.store, again.clock.wall)
    assert.deepEqual([restored.peers, restored.ageMs], [store.peerCount, 0])
    const isNothing = (line: string) => line === '98: 0/0 downloaded 0'
    assert.deepEqual(
      contents(again.store),
      contents(store).filter((line) => !isNothing(line)),
    )

    const later = newStore()
    assert.equal(restoreSnapshot(bytes, later.store, clock.wall + 10 * MINUTE).ageMs, 10 * MINUTE)
    clock.pass(10 * MINUTE)
    assert.deepEqual(
      contents(later.store),
      contents(store).filter((line) => !isNothing(line)),
    )
  })

  test('leaves out who would be forgotten by now, but no counts', () => {
    const { clock, store } = filled()
    const bytes = snapshotOf(store, clock.wall)
    const { store: later } = newStore()
    const restored = restoreSnapshot(bytes, later, clock.wall + 24 * 60 * MINUTE)
    assert.deepEqual([restored.peers, later.peerCount, restored.swarms], [0, 0, 9])
    assert.equal(later.find(hash(3))?.downloaded, 17)
    // a clock that was set back makes nobody younger
    assert.equal(restoreSnapshot(bytes, newStore().store, clock.wall - 24 * 60 * MINUTE).ageMs, 0)
  })

  test('keeps to the limits of the store that it comes into', () => {
    const { clock, store } = filled()
    const bytes = snapshotOf(store, clock.wall)
    const { store: small } = newStore(new Clock(), { maxPeers: 100, maxSwarms: 3 })
    restoreSnapshot(bytes, small, clock.wall)
    assert.deepEqual([small.peerCount, small.swarmCount], [100, 3])
  })

  test('is whole though swarms change between its slices', () => {
    const { clock, store } = filled()
    const parts: Uint8Array[] = []
    let turn = 0
    for (const slice of snapshotSlices(store, clock.wall)) {
      parts.push(slice.slice())
      const swarm = store.find(hash(50))!
      for (let gone = 0; gone < 500; gone++) store.removeAt(swarm.peers4, (gone * 7) % swarm.peers4.count)
      store.add(store.findOrCreate(hash(100 + turn))!, peer4(1), 'seed', false)
      turn++
    }
    const { store: again } = newStore()
    assert.ok(restoreSnapshot(Buffer.concat(parts), again, clock.wall).peers > 10_000)
  })

  test('is refused when a byte is missing, more or other', () => {
    const { clock, store } = newStore()
    for (let id = 0; id < 5; id++) store.add(store.findOrCreate(hash(1))!, peer4(id), 'seed', false)
    store.add(store.findOrCreate(hash(1))!, peer6(1), 'leech', false)
    const bytes = snapshotOf(store, clock.wall)
    const isRefused = (changed: Uint8Array) => {
      const { store: empty } = newStore()
      assert.throws(() => restoreSnapshot(changed, empty, clock.wall), SnapshotError)
      assert.equal(empty.swarmCount, 0)
    }
    for (let length = 0; length < bytes.length; length++) isRefused(bytes.subarray(0, length))
    isRefused(Buffer.concat([bytes, Uint8Array.of(0)]))
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 0x41
      isRefused(changed)
    }
    // with a checksum that is right
    for (let at = 20; at < bytes.length - 13; at++) {
      const changed = bytes.slice()
      changed[at] = 0xff
      setUint32(changed, changed.length - 4, crc32(changed.subarray(0, changed.length - 4)))
      try {
        restoreSnapshot(changed, newStore().store, clock.wall)
      } catch (error) {
        assert.ok(error instanceof SnapshotError, String(error))
      }
    }
  })
})

describe('SnapshotFile', () => {
  const inFolder = async (act: (folder: string) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-snapshot-'))
    try {
      await act(folder)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  test('saves and loads, and leaves nothing else in its folder', () =>
    inFolder(async (folder) => {
      const { clock, store } = filled()
      const file = new SnapshotFile(join(folder, 'swarms'), clock)
      assert.deepEqual(await file.load(newStore().store), { status: 'absent' })
      await Promise.all([file.save(store), file.save(store)])
      assert.deepEqual(readdirSync(folder), ['swarms'])
      const { store: again } = newStore()
      const loaded = await file.load(again)
      assert.deepEqual(loaded, { status: 'restored', swarms: 9, peers: store.peerCount, ageMs: 0 })
    }))

  test('sets a broken or newer one aside, says why, and starts empty', () =>
    inFolder(async (folder) => {
      const { clock, store } = filled()
      const path = join(folder, 'swarms')
      const file = new SnapshotFile(path, clock)
      await file.save(store)
      const newer = readFileSync(path)
      newer[11] = 2
      writeFileSync(path, newer)
      const { store: empty } = newStore()
      const told = await file.load(empty)
      assert.deepEqual(told, {
        status: 'set-aside',
        path: `${path}.unusable-${clock.wall}`,
        reason: 'its version is 2, and this hub reads 1',
      })
      assert.deepEqual([readdirSync(folder), empty.swarmCount], [[`swarms.unusable-${clock.wall}`], 0])
      assert.deepEqual(await file.load(empty), { status: 'absent' })
      clock.pass(1)
      writeFileSync(path, '')
      assert.equal((await file.load(empty)).status, 'set-aside')
    }))

  test('keeps the old one when a new one cannot be written', () =>
    inFolder(async (folder) => {
      const { clock, store } = filled()
      const path = join(folder, 'swarms')
      const file = new SnapshotFile(path, clock)
      await file.save(store)
      const before = readFileSync(path)
      await assert.rejects(new SnapshotFile(join(folder, 'missing', 'swarms'), clock).save(store), { code: 'ENOENT' })
      assert.deepEqual(readFileSync(path), before)
    }))
})
