import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

describe('a disk that is full', () => {
  test('the download waits, keeps what it has, and goes on by itself when there is room', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const world = new World({ seed })
      const torrent = new SwarmTorrent({ seed: String(seed), lengths: [3 * MIB, MIB], pieceLength: 128 * 1024, trackers: world.trackers })
      await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 2 * MIB } })
      const leecher = await world.join('leecher', torrent, { disk: { capacityBytes: 64 * MIB } })
      await world.until('it has begun', () => leecher.toldOf('piece').length > 0)
      leecher.disk.capacityBytes = 2 * MIB // somebody else took the rest
      await world.until('the disk is full', () => leecher.torrent.state.status === 'waiting-for-disk')
      const { havePieces } = leecher.torrent.snapshot()
      assert.ok(havePieces!.count > 0, `seed ${seed}`)
      await world.run(60_000)
      assert.equal(leecher.torrent.state.status, 'waiting-for-disk')
      const warnings = leecher.toldOf('warning').map(({ text }) => text.split(' ')[0])
      assert.deepEqual(warnings, ['DISK_FULL'], 'told once')
      assert.ok(leecher.torrent.snapshot().downloaded < 2 * MIB + 33 * MIB, 'the network waits')

      leecher.disk.capacityBytes = 64 * MIB
      await world.until('the leecher is complete', () => leecher.isDone)
      assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
      const pieces = leecher.toldOf('piece').map(({ text }) => text)
      assert.equal(new Set(pieces).size, pieces.length, 'what was kept is not fetched again')
      assert.equal(leecher.torrent.snapshot().downloaded, 4 * MIB + leecher.torrent.snapshot().wasted)
      await world.close()
    }
  })

  test('stops nothing else: another torrent of the same session goes on', async () => {
    const world = new World({ seed: 9 })
    const large = new SwarmTorrent({ seed: 'large', lengths: [4 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    const small = new SwarmTorrent({ seed: 'small', lengths: [MIB], pieceLength: 64 * 1024, trackers: world.trackers })
    await world.join('seed', large, { isSeed: true })
    const both = await world.join('both', small, { isSeed: true, disk: { capacityBytes: 64 * MIB } })
    both.add(large, { dir: '/other' })
    await world.until('the large one has begun', () => both.toldOf('piece').length > 0)
    both.disk.capacityBytes = 2 * MIB
    await world.until('the disk is full', () => both.session!.torrents[1]!.state.status === 'waiting-for-disk')
    const leecher = await world.join('leecher', small)
    await world.until('the small one is complete elsewhere', () => leecher.isDone)
    assert.deepEqual(small.differences(leecher.disk, DIR), [])
    await world.close()
  })

  test('a full disk that is left is closed in order, and the next run goes on', async () => {
    const world = new World({ seed: 10 })
    const torrent = new SwarmTorrent({ seed: '10', lengths: [3 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent, { disk: { capacityBytes: 64 * MIB } })
    await world.until('it has begun', () => leecher.toldOf('piece').length > 0)
    leecher.disk.capacityBytes = MIB + 512 * 1024
    await world.until('the disk is full', () => leecher.torrent.state.status === 'waiting-for-disk')
    const count = leecher.toldOf('piece').length
    await world.system.complete(leecher.stop().catch(() => undefined))
    leecher.disk.capacityBytes = 64 * MIB
    await world.system.complete(leecher.open())
    leecher.add(torrent)
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    assert.ok(count > 0)
    const pieces = leecher.toldOf('piece').map(({ text }) => text)
    assert.equal(new Set(pieces).size, pieces.length, 'what was kept is not fetched again')
    await world.close()
  })
})
