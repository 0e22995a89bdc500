import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

const LEECHERS = 6
const SIZE = 2_000_000

interface Outcome {
  /** What the seed had sent when the others had everything between them. */
  readonly uploaded: number
  readonly endMs: number
}

async function share(seed: number, superSeeding: boolean): Promise<Outcome> {
  const world = new World({ seed })
  const torrent = new SwarmTorrent({ seed: 'super', lengths: [SIZE], pieceLength: 32_768, trackers: world.trackers })
  const seeder = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 400_000 }, add: { superSeeding } })
  await world.until('it seeds', () => seeder.isDone)
  for (let at = 0; at < LEECHERS; at++) await world.join(`peer ${at}`, torrent, { host: { upBytesPerSecond: 400_000 } })
  await world.until('the others have everything', () => seeder.torrent.copiesElsewhere > 0)
  const { uploaded } = seeder.torrent.summary()
  await world.until('all are complete', () => world.peers.every((peer) => peer.isDone))
  for (const peer of world.peers) assert.deepEqual(torrent.differences(peer.disk, '/downloads'), [])
  const endMs = world.system.now()
  await world.close()
  return { uploaded, endMs }
}

describe('super-seeding', () => {
  test('gives less away until others have everything, and all become complete', async () => {
    for (const seed of [1, 2]) {
      const plain = await share(seed, false)
      const hidden = await share(seed, true)
      assert.ok(hidden.uploaded < plain.uploaded, `seed ${seed}: ${hidden.uploaded} bytes instead of ${plain.uploaded}`)
      assert.ok(hidden.uploaded < 1.15 * SIZE, `seed ${seed}: ${hidden.uploaded} bytes for a copy of ${SIZE}`)
    }
  })

  test('ends well when there is only one peer, and when peers cannot reach each other', async () => {
    for (const peerCount of [1, 3]) {
      const world = new World({ seed: 4 })
      const torrent = new SwarmTorrent({ seed: 'super', lengths: [500_000], pieceLength: 32_768, trackers: world.trackers })
      const seeder = await world.join('seed', torrent, { isSeed: true, add: { superSeeding: true } })
      await world.until('it seeds', () => seeder.isDone)
      // Nobody gives anything to anybody.
      for (let at = 0; at < peerCount; at++) await world.join(`peer ${at}`, torrent, { session: { uploadRateBytesPerSecond: 0 } })
      await world.until('all are complete', () => world.peers.every((peer) => peer.isDone), 600_000)
      await world.close()
    }
  })

  test('that is switched off shows everything at once', async () => {
    const world = new World({ seed: 5 })
    const torrent = new SwarmTorrent({ seed: 'super', lengths: [5_000_000], pieceLength: 32_768, trackers: world.trackers })
    const seeder = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 50_000 }, add: { superSeeding: true } })
    await world.until('it seeds', () => seeder.isDone)
    const one = await world.join('one', torrent)
    await world.join('other', torrent)
    await world.run(2_000)
    const seen = (): number => one.torrent.snapshot().peers.find(({ host }) => host === seeder.address)?.progress ?? -1
    assert.ok(seen() > 0 && seen() < 1, String(seen()))
    assert.equal(seeder.torrent.isSuperSeeding, true)
    seeder.torrent.setSuperSeeding(false)
    // What is on its way goes first.
    await world.until('everything is shown', () => seen() === 1, 60_000)
    assert.equal(
      world.peers.every((peer) => peer.isDone),
      false,
    )
    await world.until('all are complete', () => world.peers.every((peer) => peer.isDone), 600_000)
    await world.close()
  })
})
