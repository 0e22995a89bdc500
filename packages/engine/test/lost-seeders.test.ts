import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProgressWatch } from './progress-watch.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

/** Three seeders; in the middle something happens to one or two of them. @returns the leecher's longest standstill. */
async function withLoss(seed: number, pieceLength: number, lose: (world: World, addresses: readonly string[]) => void): Promise<number> {
  const world = new World({ seed, link: { latencyMs: 10 + ((seed * 13) % 100) } })
  const torrent = new SwarmTorrent({ seed: String(seed), lengths: [16 * MIB], pieceLength, trackers: world.trackers })
  const host = { upBytesPerSecond: MIB }
  const seeders = []
  for (const name of ['one', 'two', 'three']) seeders.push(await world.join(name, torrent, { isSeed: true, host }))
  const leecher = await world.join('leecher', torrent)
  await world.until('half is here', () => leecher.torrent.snapshot().haveBytes > 8 * MIB)
  const watch = new ProgressWatch(leecher)
  lose(
    world,
    seeders.map(({ address }) => address),
  )
  await world.until('the leecher is complete', () => leecher.isDone)
  assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
  for (const { address } of seeders) world.network.unsilence(address)
  await world.close()
  return watch.longestStandstillMs
}

describe('three seeders, and something happens to them in the middle', () => {
  test('one is killed: the others give what it owed, without a standstill', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const standstill = await withLoss(seed, 256 * 1024, (world, [one]) => world.network.kill(one!))
      assert.ok(standstill < 1_000, `seed ${seed}: ${standstill} ms`)
    }
  })

  test('one falls silent and says no word: its blocks are asked of the others within seconds', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const standstill = await withLoss(seed, 256 * 1024, (world, [one]) => world.network.silence(one!))
      assert.ok(standstill < 1_000, `seed ${seed}: ${standstill} ms`)
    }
  })

  test('one is killed and one falls silent: no standstill over five seconds', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const standstill = await withLoss(seed, MIB, (world, [one, two]) => {
        world.network.kill(one!)
        world.network.silence(two!)
      })
      assert.ok(standstill < 5_000, `seed ${seed}: ${standstill} ms`)
    }
  })

  test('the silent one held the very last pieces: still no standstill over five seconds', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const standstill = await withLoss(seed, 4 * MIB, (world, [, two]) => world.network.silence(two!))
      assert.ok(standstill < 5_000, `seed ${seed}: ${standstill} ms`)
    }
  })
})
