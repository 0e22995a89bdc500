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
