import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_SWARM_OPTIONS } from '../src/base/options.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World, type WorldPeer } from './world.ts'

const MIB = 1024 * 1024

describe('a seed with four slots and ten who want', () => {
  test('serves them in turns until all are complete', async () => {
    const world = new World({ seed: 1, link: { latencyMs: 15 } })
    const torrent = new SwarmTorrent({ seed: '1', lengths: [4 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    await world.join('seed', torrent, {
      isSeed: true,
      host: { upBytesPerSecond: MIB },
      session: { swarm: { ...DEFAULT_SWARM_OPTIONS, unchokeSlots: 4 } },
    })
    const leechers: WorldPeer[] = []
    for (let number = 0; number < 10; number++)
      leechers.push(await world.join(`leech${number}`, torrent, { host: { upBytesPerSecond: MIB / 2 } }))
    await world.until('all are complete', () => leechers.every((peer) => peer.isDone), 300_000)
    for (const peer of leechers) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    await world.close()
  })

  test('nobody is left without: also those who can give nothing get their part', async () => {
    const world = new World({ seed: 2, link: { latencyMs: 15 } })
    const torrent = new SwarmTorrent({ seed: '2', lengths: [6 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    const seeder = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: MIB } })
    const leechers: WorldPeer[] = []
    for (let number = 0; number < 10; number++) {
      leechers.push(await world.join(`leech${number}`, torrent, { session: { uploadRateBytesPerSecond: 0 } }))
    }
    await world.run(52_000)
    const got = leechers.map((peer) => peer.torrent.snapshot().downloaded)
    assert.ok(seeder.torrent.snapshot().uploaded > 45 * MIB, 'the uplink was busy')
    assert.ok(Math.min(...got) > MIB, `each has had turns: ${got.join()}`)
    await world.until('all are complete', () => leechers.every((peer) => peer.isDone), 300_000)
    for (const peer of leechers) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    await world.close()
  })
})
