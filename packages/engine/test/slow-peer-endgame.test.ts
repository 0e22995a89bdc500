import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

test('a very slow peer does not hold up the end: its last blocks are asked of the fast ones', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = new World({ seed, link: { latencyMs: 20 } })
    const torrent = new SwarmTorrent({ seed: String(seed), lengths: [8 * MIB], pieceLength: 256 * 1024, trackers: world.trackers })
    await world.join('fast', torrent, { isSeed: true, host: { upBytesPerSecond: 2 * MIB } })
    await world.join('slow', torrent, { isSeed: true, host: { upBytesPerSecond: 10 * 1024 } })
    const leecher = await world.join('leecher', torrent)
    const beganAt = world.system.now()
    await world.until('the leecher is complete', () => leecher.isDone)
    const seconds = (world.system.now() - beganAt) / 1000
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    // The fast one alone needs four seconds.
    assert.ok(seconds < 6, `seed ${seed}: ${seconds} s`)
    assert.ok(leecher.torrent.snapshot().wasted < 512 * 1024, `seed ${seed}: ${leecher.torrent.snapshot().wasted} bytes wasted`)
    await world.close()
  }
})
