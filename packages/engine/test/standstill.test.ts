import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

test('a program that was stopped for minutes does not blame its peers for the silence', async () => {
  const world = new World({ seed: 1, link: { latencyMs: 20 } })
  const torrent = new SwarmTorrent({ seed: 'standstill', lengths: [300_000], pieceLength: 16 * 1024, trackers: world.trackers })
  // Two that lack the same piece have nothing to do, and stay.
  const isMissing = (pieceIndex: number): boolean => pieceIndex === 3
  const [one, two] = [await world.join('one', torrent, { isMissing }), await world.join('two', torrent, { isMissing })]
  await world.until('they are connected', () => one.torrent.connectionCount === 1 && two.torrent.connectionCount === 1)
  world.system.after(100, () => world.system.spend(300_000))
  await world.run(310_000)
  assert.deepEqual([one.torrent.connectionCount, two.torrent.connectionCount], [1, 1])
  assert.deepEqual(one.toldOf('peer-disconnected'), [])
  await world.close()
})
