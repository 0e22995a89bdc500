import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import { PIECE_HEADER_BYTES } from '@shoal/protocol/wire/message'
import type { Network } from '../src/ports/network.ts'
import { SimDisk } from '../src/sim/disk.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { type Passages, WireMeter } from './wire-meter.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024
/** No tenth of a second carries more than one and a half times its share, and what leaves whole or not at all: a block. */
const BURST = 1.5
const BLOCK_ON_WIRE = BLOCK_LENGTH + PIECE_HEADER_BYTES

/** Bytes a second over ten seconds, after two to warm up. */
async function rateOver10Seconds(world: World, bytes: () => number): Promise<number> {
  await world.run(2_000)
  const before = bytes()
  await world.run(10_000)
  return (bytes() - before) / 10
}

function assertWithin(rate: number, limit: number, share: number, what: string): void {
  assert.ok(Math.abs(rate / limit - 1) <= share, `${what}: ${Math.round(rate)} bytes a second instead of ${limit}`)
}

/** At the wire, from one instant to another. */
function assertNoBursts(passages: Passages, limit: number, fromMs: number, toMs: number): void {
  const most = passages.mostWithin(100, fromMs, toMs)
  assert.ok(
    most <= (BURST * limit) / 10 + BLOCK_ON_WIRE,
    `${most} bytes within a tenth of a second, at ${limit} bytes a second; between ${fromMs} and ${toMs} ms`,
  )
}

function rateTorrent(world: World, length: number): SwarmTorrent {
  return new SwarmTorrent({ seed: 'rate', lengths: [length], pieceLength: 256 * 1024, trackers: world.trackers, isCheap: true })
}

describe('a rate limit is held within two percent over ten seconds, without bursts', () => {
  for (const { limit, peerCount } of [
    { limit: 100_000, peerCount: 3 },
    { limit: 1_000_000, peerCount: 3 },
    { limit: 5_000_000, peerCount: 3 },
    { limit: 2_000_000, peerCount: 20 },
  ]) {
    test(`of ${limit} bytes a second, for uploads to ${peerCount} at once`, async () => {
      const world = new World({ seed: limit })
      const torrent = rateTorrent(world, 32 * MIB)
      const wire = new WireMeter(() => world.system.now())
      const seeder = await world.join('seed', torrent, {
        isSeed: true,
        network: (host) => wire.network(host),
        session: { uploadRateBytesPerSecond: limit },
      })
      // They cannot give to each other: what they get is the seed's.
      for (let peer = 0; peer < peerCount; peer++) await world.join(`peer ${peer}`, torrent, { session: { uploadRateBytesPerSecond: 0 } })
      assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), limit, 0.02, 'upload')
      assertNoBursts(wire.sent, limit, 0, world.system.now())
      await world.close()
    })

    test(`of ${limit} bytes a second, for downloads from ${peerCount} at once`, async () => {
      const world = new World({ seed: limit })
      const torrent = rateTorrent(world, 64 * MIB)
      const wire = new WireMeter(() => world.system.now())
      for (let peer = 0; peer < peerCount; peer++) await world.join(`peer ${peer}`, torrent, { isSeed: true })
      const leecher = await world.join('leecher', torrent, {
        network: (host) => wire.network(host),
        session: { downloadRateBytesPerSecond: limit },
      })
      assertWithin(await rateOver10Seconds(world, () => leecher.torrent.snapshot().downloaded), limit, 0.02, 'download')
      assertNoBursts(wire.received, limit, 0, world.system.now())
      await world.close()
    })
  }

  test('the torrent has a limit of its own below that of the session', async () => {
    const world = new World({ seed: 5 })
    const torrent = rateTorrent(world, 16 * MIB)
    const seeder = await world.join('seed', torrent, {
      isSeed: true,
      session: { uploadRateBytesPerSecond: 1_000_000 },
      add: { uploadRateBytesPerSecond: 300_000 },
    })
    await world.join('leecher', torrent)
    assertWithin(await rateOver10Seconds(world, () => seeder.torrent.snapshot().uploaded), 300_000, 0.02, 'upload')
    await world.close()
  })

  for (const way of ['uploads', 'downloads'] as const) {
    test(`a limit of ${way} that is changed holds from then on`, async () => {
      const world = new World({ seed: 6 })
      const torrent = rateTorrent(world, 96 * MIB)
      const wire = new WireMeter(() => world.system.now())
      const network = (host: Network) => wire.network(host)
      const isUp = way === 'uploads'
      const seeder = await world.join('seed', torrent, { isSeed: true, ...(isUp ? { network } : {}) })
      const leecher = await world.join('leecher', torrent, isUp ? {} : { network })
      const moved = () => (isUp ? seeder.torrent.snapshot().uploaded : leecher.torrent.snapshot().downloaded)
      const setRate = (limit: number) => (isUp ? seeder.session!.setUploadRate(limit) : leecher.session!.setDownloadRate(limit))
      for (const limit of [2_000_000, 200_000, 4_000_000, 1_000_000]) {
        setRate(limit)
        const changedAt = world.system.now()
        assertWithin(await rateOver10Seconds(world, moved), limit, 0.02, `${way} at ${limit}`)
        // What was asked for just before the change is on its way still.
        assertNoBursts(isUp ? wire.sent : wire.received, limit, changedAt + (isUp ? 1 : 200), world.system.now())
      }
      await world.close()
    })
  }

  test('a limit of zero sends nothing, and lifting it lets everything flow', async () => {
    const world = new World({ seed: 7 })
    const torrent = rateTorrent(world, 4 * MIB)
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

describe('twenty peers of mixed speed', () => {
  for (const { name, fastest, size, pieceMemoryBytes, share } of [
    { name: 'give all that they have', fastest: 20_000_000, size: 320 * MIB, pieceMemoryBytes: undefined, share: 0.95 },
    // They have to share pieces. When each kept one of its own, 0.4 was reached.
    {
      name: 'give most of it when there is room for little more than a piece each',
      fastest: 10_000_000,
      size: 256 * MIB,
      pieceMemoryBytes: 24 * MIB,
      share: 0.8,
    },
  ]) {
    test(name, async () => {
      const world = new World({ seed: 20, stream: { windowBytes: 16 * MIB } })
      const torrent = new SwarmTorrent({ seed: 'mixed', lengths: [size], pieceLength: MIB, trackers: world.trackers, isCheap: true })
      const leecher = world.peer('leecher')
      // The same bytes twenty times would be gigabytes: all read from one disk.
      const disk = new SimDisk(world.system)
      torrent.putOn(disk, DIR)
      let sum = 0
      for (let at = 0; at < 20; at++) {
        const upBytesPerSecond = 200_000 * (fastest / 200_000) ** (at / 19)
        sum += upBytesPerSecond
        const seeder = world.peer(`seed ${at}`, { host: { upBytesPerSecond } })
        seeder.disk = disk
        // From 5 to 200 ms there and back, the fast and the slow mixed.
        world.network.setLink(leecher.address, seeder.address, { latencyMs: 2.5 * 40 ** (((7 * at) % 20) / 19) })
        await world.system.complete(seeder.open({ stateDir: `/state ${at}` }))
        seeder.add(torrent, { skipCheck: true })
      }
      await world.run(3_000)
      await world.system.complete(leecher.open(pieceMemoryBytes === undefined ? {} : { pieceMemoryBytes }))
      leecher.add(torrent)
      const startedAt = world.system.now()
      await world.run(2_500)
      const before = leecher.torrent.snapshot().downloaded
      await world.run(1_000)
      const rate = leecher.torrent.snapshot().downloaded - before
      assert.ok(rate >= share * sum, `they gave ${Math.round(rate / 1e5) / 10} of ${Math.round(sum / 1e5) / 10} MB/s`)
      const idealMs = (size / sum) * 1000
      // Two seconds are for getting to know each other, and for the last blocks, which somebody slow has.
      await world.until('the leecher is complete', () => leecher.isDone, idealMs + 2_000 - (world.system.now() - startedAt))
      assert.ok(leecher.torrent.snapshot().wasted <= 0.03 * size, 'little is sent twice')
      await world.close()
    })
  }
})

describe('a slow disk', () => {
  test('of 50 ms a write: the network waits, memory does not grow, and all ends well', async () => {
    const world = new World({ seed: 8 })
    const torrent = rateTorrent(world, 24 * MIB)
    const seedWire = new WireMeter(() => world.system.now())
    const wire = new WireMeter(() => world.system.now())
    await world.join('seed', torrent, { isSeed: true, network: (host) => seedWire.network(host) })
    const pieceMemoryBytes = 4 * MIB
    const leecher = await world.join('leecher', torrent, {
      disk: { latencyMs: 50 },
      session: { pieceMemoryBytes },
      network: (host) => wire.network(host),
    })
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
    // Nothing that nobody asked for waits in the sockets: what comes has a place, so reading never stops.
    assert.ok(seedWire.mostBufferedBytes <= 2 * MIB, `${seedWire.mostBufferedBytes} bytes waited in the seed's socket`)
    assert.ok(wire.mostBufferedBytes <= 64 * 1024, `${wire.mostBufferedBytes} bytes of requests waited`)
    await world.close()
  })
})
