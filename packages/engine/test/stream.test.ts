import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes } from '@shoal/protocol/bytes'
import { EngineError } from '../src/base/errors.ts'
import type { StreamRange } from '../src/torrent/file-stream.ts'
import type { Torrent } from '../src/torrent/torrent.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

const SLOW = { upBytesPerSecond: 100_000 }

async function read(torrent: Torrent, fileIndex: number, range?: StreamRange): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of torrent.stream(fileIndex, range)) chunks.push(chunk)
  return concatBytes(chunks)
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

describe('a stream', () => {
  test('may be asked for at once, and gives the bytes of its file in order', async () => {
    const world = new World({ seed: 1 })
    const torrent = new SwarmTorrent({ seed: '1', lengths: [50_000, 123_456, 0, 70_000], pieceLength: 16_384, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent)
    assert.equal(leecher.torrent.state.status, 'checking')
    assert.deepEqual(await world.system.complete(read(leecher.torrent, 1)), torrent.fileBytes(1))
    assert.equal((await world.system.complete(read(leecher.torrent, 2))).length, 0)
    await world.close()
  })

  test('waits for the metadata of a magnet link', async () => {
    const world = new World({ seed: 2 })
    const torrent = new SwarmTorrent({ seed: '2', lengths: [90_000], pieceLength: 16_384, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet } })
    assert.deepEqual(
      await world.system.complete(read(leecher.torrent, 0, { start: 40_000, end: 40_100 })),
      torrent.content.subarray(40_000, 40_100),
    )
    await world.close()
  })

  test('has what is under the playhead fetched first, wherever it jumps', async () => {
    const world = new World({ seed: 3 })
    const torrent = new SwarmTorrent({ seed: '3', lengths: [2_000_000], pieceLength: 16_384, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true, host: SLOW })
    const leecher = await world.join('leecher', torrent)
    for (const start of [1_800_000, 900_000, 0]) {
      const begun = world.system.now()
      const bytes = await world.system.complete(read(leecher.torrent, 0, { start, end: start + 100_000 }))
      assert.deepEqual(bytes, torrent.content.subarray(start, start + 100_000))
      // All of it takes twenty seconds. What was asked for before the jump is on its way, and comes first.
      assert.ok(world.system.now() - begun < 6_000, `${world.system.now() - begun} ms for 100 kB from ${start}`)
    }
    assert.equal(leecher.isDone, false)
    await world.close()
  })

  test('of several readers each has what is under its playhead, also after another has left', async () => {
    const world = new World({ seed: 6 })
    const torrent = new SwarmTorrent({ seed: '6', lengths: [2_000_000], pieceLength: 16_384, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true, host: SLOW })
    const leecher = await world.join('leecher', torrent)
    const spans = [0, 700_000, 1_500_000].map((start) => ({ start, end: start + 60_000 }))
    const begun = world.system.now()
    const parts = await world.system.complete(Promise.all(spans.map((span) => read(leecher.torrent, 0, span))))
    for (const [at, { start, end }] of spans.entries()) assert.deepEqual(parts[at], torrent.content.subarray(start, end))
    assert.ok(world.system.now() - begun < 8_000, `${world.system.now() - begun} ms for three times 60 kB`)
    // One reads on from the middle, the other looks at one byte and leaves.
    const long = read(leecher.torrent, 0, { start: 900_000, end: 1_100_000 })
    await world.system.complete(read(leecher.torrent, 0, { start: 100_000, end: 100_001 }))
    const left = world.system.now()
    assert.deepEqual(await world.system.complete(long), torrent.content.subarray(900_000, 1_100_000))
    assert.ok(world.system.now() - left < 6_000, `${world.system.now() - left} ms for 200 kB`)
    await world.close()
  })

  test('has the end of its file early', async () => {
    const world = new World({ seed: 7 })
    const torrent = new SwarmTorrent({ seed: '7', lengths: [100_000, 2_000_000, 100_000], pieceLength: 16_384, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true, host: SLOW })
    const leecher = await world.join('leecher', torrent)
    const all = read(leecher.torrent, 1)
    const ended = all.catch(() => undefined)
    const last = Math.floor(2_099_999 / 16_384)
    await world.until('the last piece is there', () => leecher.toldOf('piece').some(({ text }) => Number(text) === last), 6_000)
    await world.system.complete(leecher.stop())
    await ended
    await world.close()
  })

  test('says what there is not to read', async () => {
    const world = new World({ seed: 4 })
    const torrent = new SwarmTorrent({ seed: '4', lengths: [20_000], pieceLength: 16_384, trackers: world.trackers })
    const seed = await world.join('seed', torrent, { isSeed: true })
    for (const [fileIndex, range] of [[1], [-1], [0, { start: -1 }], [0, { end: 20_001 }], [0, { start: 5, end: 4 }]] as const) {
      await assert.rejects(world.system.complete(read(seed.torrent, fileIndex, range)), hasCode('OPTION_INVALID'))
    }
    await world.close()
  })

  test('ends with its torrent', async () => {
    const world = new World({ seed: 5 })
    const torrent = new SwarmTorrent({ seed: '5', lengths: [200_000], pieceLength: 16_384, trackers: world.trackers })
    const leecher = await world.join('leecher', torrent)
    const { torrent: lonely } = leecher
    const waiting = read(lonely, 0)
    const early = assert.rejects(waiting, hasCode('CLOSED'))
    await world.run(1_000)
    await world.system.complete(leecher.stop())
    await early
    await assert.rejects(read(lonely, 0), hasCode('CLOSED'))
    await world.close()
  })
})
