import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

describe('two peers that dial each other', () => {
  test('at the same moment keep exactly one connection, and trade over it', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World({ seed, link: { latencyMs: 30, jitterMs: seed % 3 === 0 ? 20 : 0 } })
      const torrent = new SwarmTorrent({ seed: String(seed), lengths: [900_000], pieceLength: 65_536 })
      const host = { upBytesPerSecond: 50_000 }
      const one = await world.join('one', torrent, { host, isMissing: (piece) => piece % 2 === 0 })
      const two = await world.join('two', torrent, { host, isMissing: (piece) => piece % 2 === 1 })
      await world.run(seed % 7)
      one.torrent.addPeers([two.endpoint])
      two.torrent.addPeers([one.endpoint])
      await world.run(5_000)
      assert.equal(one.torrent.connectionCount, 1, `seed ${seed}`)
      assert.equal(two.torrent.connectionCount, 1, `seed ${seed}`)
      assert.equal(world.network.openStreams, 2, `seed ${seed}`)
      await world.until('both are complete', () => one.isDone && two.isDone)
      for (const peer of [one, two]) assert.deepEqual(torrent.differences(peer.disk, DIR), [])
      await world.close()
    }
  })

  test('a peer that dials itself notices, and does not try again', async () => {
    const world = new World({ seed: 1 })
    const torrent = new SwarmTorrent({ seed: '1', lengths: [900_000], pieceLength: 65_536 })
    const one = await world.join('one', torrent)
    one.torrent.addPeers([one.endpoint])
    await world.run(300_000)
    assert.equal(one.torrent.connectionCount, 0)
    const dials = world.system.logLines.filter((line) => line.includes(`connect ${one.address}`))
    assert.equal(dials.length, 1)
    await world.close()
  })
})
