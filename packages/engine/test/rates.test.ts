import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

/** Bytes a second over ten seconds, after one to warm up. */
async function rateOver10Seconds(world: World, bytes: () => number): Promise<number> {
  await world.run(2_000)
  const before = bytes()
  await world.run(10_000)
  return (bytes() - before) / 10
}

function assertWithin(rate: number, limit: number, share: number, what: string): void {
  assert.ok(Math.abs(rate / limit - 1) <= share, `${what}: ${Math.round(rate)} bytes a second instead of ${limit}`)
}

describe('a rate limit is held within two percent over ten seconds', () => {
  for (const limit of [100_000, 1_000_000, 5_000_000]) {
    test(`of ${limit} bytes a second, for uploads to three at once`, async () => {
      const world = new World({ seed: limit })
      const torrent = new SwarmTorrent({
        seed: 'rate',
        lengths: [32 * MIB],
        pieceLength: 256 * 1024,
        trackers: world.trackers,
        isCheap: true,
      })
      const seeder = await world.join('seed', torrent, { isSeed: true, session: { uploadRateBytesPerSecond: limit } })
      // They cannot give to each other: what they get is the seed's.
      for (const name of ['one', 'two', 'three']) await world.join(name, torrent, { session: { uploadRateBytesPerSecond: 0 } })
      assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), limit, 0.02, 'upload')
      await world.close()
    })

    test(`of ${limit} bytes a second, for downloads from three at once`, async () => {
      const world = new World({ seed: limit })
      const torrent = new SwarmTorrent({
        seed: 'rate',
        lengths: [64 * MIB],
        pieceLength: 256 * 1024,
        trackers: world.trackers,
        isCheap: true,
      })
      for (const name of ['one', 'two', 'three']) await world.join(name, torrent, { isSeed: true })
      const leecher = await world.join('leecher', torrent, { session: { downloadRateBytesPerSecond: limit } })
      assertWithin(await rateOver10Seconds(world, () => leecher.torrent.snapshot().downloaded), limit, 0.02, 'download')
      await world.close()
    })
  }

  test('the torrent has a limit of its own below that of the session', async () => {
    const world = new World({ seed: 5 })
    const torrent = new SwarmTorrent({
      seed: 'rate',
      lengths: [16 * MIB],
      pieceLength: 256 * 1024,
      trackers: world.trackers,
      isCheap: true,
    })
    const seeder = await world.join('seed', torrent, {
      isSeed: true,
      session: { uploadRateBytesPerSecond: 1_000_000 },
      add: { uploadRateBytesPerSecond: 300_000 },
    })
    await world.join('leecher', torrent)
    assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), 300_000, 0.02, 'upload')
    await world.close()
  })

  test('a limit that is changed holds from then on', async () => {
    const world = new World({ seed: 6 })
    const torrent = new SwarmTorrent({
      seed: 'rate',
      lengths: [64 * MIB],
      pieceLength: 256 * 1024,
      trackers: world.trackers,
      isCheap: true,
    })
    const seeder = await world.join('seed', torrent, { isSeed: true, session: { uploadRateBytesPerSecond: 2_000_000 } })
    await world.join('leecher', torrent)
    assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), 2_000_000, 0.02, 'before')
    seeder.session!.setUploadRate(200_000)
    assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), 200_000, 0.02, 'after')
    await world.close()
  })

  test('a limit of zero sends nothing, and lifting it lets everything flow', async () => {
    const world = new World({ seed: 7 })
    const torrent = new SwarmTorrent({ seed: 'rate', lengths: [4 * MIB], pieceLength: 256 * 1024, trackers: world.trackers, isCheap: true })
    const seeder = await world.join('seed', torrent, { isSeed: true, session: { uploadRateBytesPerSecond: 0 } })
    const leecher = await world.join('leecher', torrent)
    await world.run(30_000)
    assert.equal(seeder.torrent.snapshot().uploaded, 0)
    seeder.session!.setUploadRate(Number.POSITIVE_INFINITY)
    await world.until('the leecher is complete', () => leecher.isDone, 30_000)
    await world.close()
  })
})

describe('a line of 1 Gbit/s with 100 ms there and back', () => {
  test('is nine tenths full within three seconds', async () => {
    const line = 125_000_000
    // What TCP with window scaling has on a long line.
    const world = new World({ seed: 100, link: { latencyMs: 50 }, stream: { windowBytes: 32 * MIB } })
    const torrent = new SwarmTorrent({ seed: 'line', lengths: [320 * MIB], pieceLength: MIB, trackers: world.trackers, isCheap: true })
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: line }, add: { skipCheck: true } })
    const leecher = await world.join('leecher', torrent, { host: { downBytesPerSecond: line } })
    await world.run(2_000)
    const before = leecher.torrent.snapshot().downloaded
    await world.run(1_000)
    const rate = leecher.torrent.snapshot().downloaded - before
    assert.ok(rate >= 0.9 * line, `the third second carried ${Math.round(rate / 1e6)} of ${line / 1e6} MB`)
    await world.close()
  })
})

describe('a slow disk', () => {
  test('of 50 ms a write: the network waits, memory does not grow, and all ends well', async () => {
    const world = new World({ seed: 8 })
    const torrent = new SwarmTorrent({
      seed: 'disk',
      lengths: [24 * MIB],
      pieceLength: 256 * 1024,
      trackers: world.trackers,
      isCheap: true,
    })
    await world.join('seed', torrent, { isSeed: true })
    const pieceMemoryBytes = 4 * MIB
    const leecher = await world.join('leecher', torrent, { disk: { latencyMs: 50 }, session: { pieceMemoryBytes } })
    let mostInMemory = 0
    while (!leecher.isDone) {
      await world.run(20)
      const { downloaded, haveBytes, wasted } = leecher.torrent.snapshot()
      mostInMemory = Math.max(mostInMemory, downloaded - wasted - haveBytes)
      assert.ok(world.system.now() < 120_000)
    }
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    assert.ok(mostInMemory <= pieceMemoryBytes, `${mostInMemory} bytes were neither on disk nor on the way`)
    assert.equal(leecher.torrent.snapshot().wasted, 0, 'nothing is fetched that cannot be kept')
    await world.close()
  })
})
