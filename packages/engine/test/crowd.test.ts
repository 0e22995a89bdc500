import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_SWARM_OPTIONS } from '../src/base/options.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World, type WorldPeer } from './world.ts'

describe('a crowd', () => {
  test('of forty that know only one peer gets everything from it, though not everybody hears of a piece at once', async () => {
    const world = new World({ seed: 1, link: { latencyMs: 20 } })
    const torrent = new SwarmTorrent({ seed: 'crowd', lengths: [300_000], pieceLength: 16 * 1024 })
    const seed = await world.join('seed', torrent, { isSeed: true })
    const middle = await world.join('middle', torrent)
    const crowd: WorldPeer[] = []
    for (let number = 0; number < 40; number++) crowd.push(await world.join(`${number}`, torrent, { add: { peers: [middle.endpoint] } }))
    await world.until('all are connected', () => middle.torrent.connectionCount === 40)
    middle.torrent.addPeers([seed.endpoint])
    await world.until('all are complete', () => crowd.every((peer) => peer.isDone))
    for (const peer of crowd) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    await world.close()
  })

  test('does not take all connections of a session from a torrent that is added late', async () => {
    const world = new World({ seed: 1 })
    const [early, late] = ['early', 'late'].map(
      (name) => new SwarmTorrent({ seed: name, lengths: [400_000], pieceLength: 16 * 1024, trackers: world.trackers }),
    ) as [SwarmTorrent, SwarmTorrent]
    for (const torrent of [early, late]) {
      for (let number = 0; number < 15; number++) {
        await world.join(`seed ${number}`, torrent, { isSeed: true, session: { uploadRateBytesPerSecond: 1_000 } })
      }
    }
    const leecher = await world.join('leecher', early, {
      session: { maxConnections: 12, swarm: { ...DEFAULT_SWARM_OPTIONS, maxDialing: 5 } },
    })
    await world.run(10_000)
    assert.equal(leecher.session?.connectionCount, 12)
    leecher.add(late)
    await world.run(10_000)
    assert.equal(leecher.session?.connectionCount, 22, 'ten more')
    await world.close()
  })
})
