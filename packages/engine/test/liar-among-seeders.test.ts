import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { TamperingNetwork, wrongBlocks } from './tampering-network.ts'
import { DIR, World, type WorldPeer } from './world.ts'

const MIB = 1024 * 1024
/** Who is asked for what at the end is another story with and without the liar. */
const SOME_BLOCKS = 4 * 16_384

interface Story {
  readonly seed: number
  readonly size: number
  readonly pieceLength: number
  /** One of four seeders changes every `nth` block; `Infinity` makes an honest one of it. */
  readonly nth: number
}

/** @returns who was banned by the leecher, and how many bytes it got in vain. */
async function fetchFromFour({ seed, size, pieceLength, nth }: Story): Promise<{ banned: string[]; liar: string; wasted: number }> {
  const world = new World({ seed, link: { latencyMs: 5 + ((seed * 7) % 60), jitterMs: seed % 4 } })
  const torrent = new SwarmTorrent({ seed: String(seed), lengths: [size - 70_000, 0, 70_000], pieceLength, trackers: world.trackers })
  const host = { upBytesPerSecond: 2 * MIB }
  const honest: WorldPeer[] = []
  for (const name of ['one', 'two', 'three']) honest.push(await world.join(name, torrent, { isSeed: true, host }))
  const liar = await world.join('liar', torrent, {
    isSeed: true,
    host,
    network: (inner) => new TamperingNetwork(inner, wrongBlocks(nth)),
  })
  const leecher = await world.join('leecher', torrent)
  await world.until('the leecher is complete', () => leecher.isDone)
  assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
  const { wasted } = leecher.torrent.snapshot()
  const banned = leecher.toldOf('peer-banned').map(({ text }) => text.split(' ')[0]!)
  // Honest peers were never sent away: they were there when the last piece came.
  const met = leecher.toldOf('peer-connected').map(({ text }) => text.split(':')[0])
  for (const peer of honest) assert.equal(met.filter((address) => address === peer.address).length, 1, `met ${peer.name} once`)
  await world.close()
  return { banned, liar: liar.address, wasted }
}

/** What the lie cost, beyond what the same four waste when all are honest (the last blocks are asked of several). */
async function costOfLiar(story: Story): Promise<number> {
  const { banned, liar, wasted } = await fetchFromFour(story)
  assert.deepEqual(banned, [liar], `seed ${story.seed}`)
  const honest = await fetchFromFour({ ...story, nth: Number.POSITIVE_INFINITY })
  assert.deepEqual(honest.banned, [])
  return wasted - honest.wasted
}

describe('four seeders, one of which corrupts every third block', () => {
  test('the download completes, the liar alone is banned, and it costs at most a piece', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cost = await costOfLiar({ seed, size: 8 * MIB, pieceLength: 256 * 1024, nth: 3 })
      assert.ok(cost <= 256 * 1024 + SOME_BLOCKS, `seed ${seed}: ${cost} bytes`)
    }
  })

  test('the same when the liar is careful and changes one block in forty', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const cost = await costOfLiar({ seed, size: 8 * MIB, pieceLength: 256 * 1024, nth: 40 })
      assert.ok(cost <= 256 * 1024 + SOME_BLOCKS, `seed ${seed}: ${cost} bytes`)
    }
  })
})

describe('a liar in pieces that several peers fill together', () => {
  test('is found by comparing its blocks with the right ones, and nobody else is blamed', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cost = await costOfLiar({ seed, size: 4 * MIB, pieceLength: 2 * MIB, nth: 3 })
      // It may take part in a second piece before the first has come right.
      assert.ok(cost <= 2 * 2 * MIB + 16 * SOME_BLOCKS, `seed ${seed}: ${cost} bytes`)
    }
  })
})
