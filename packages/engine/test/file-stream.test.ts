import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../src/base/errors.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

const MIB = 1024 * 1024

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('a file that is read while it is fetched', () => {
  test('comes in order, right to the byte, and long before the torrent is complete', async () => {
    const world = new World({ seed: 1 })
    const torrent = new SwarmTorrent({
      seed: '1',
      lengths: [3 * MIB, MIB + 17, 4 * MIB],
      pieceLength: 128 * 1024,
      trackers: world.trackers,
    })
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: MIB } })
    const leecher = await world.join('leecher', torrent)
    await world.until('it has begun', () => leecher.toldOf('piece').length > 0)
    const bytes = await world.system.complete(readAll(leecher.torrent.stream(1)))
    assert.equal(Buffer.compare(bytes, torrent.fileBytes(1)), 0)
    assert.ok(world.system.now() < 5_000, `it took ${world.system.now()} ms; everything takes nine seconds`)
    assert.equal(leecher.isDone, false)
    await world.until('the rest comes too', () => leecher.isDone)
    await world.close()
  })

  test('gives a part of the file, and refuses one that is not there', async () => {
    const world = new World({ seed: 2 })
    const torrent = new SwarmTorrent({ seed: '2', lengths: [MIB, MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent)
    await world.until('it has begun', () => leecher.toldOf('piece').length > 0)
    const part = await world.system.complete(readAll(leecher.torrent.stream(1, { start: 200_000, end: 700_001 })))
    assert.equal(Buffer.compare(part, torrent.fileBytes(1).subarray(200_000, 700_001)), 0)
    const refused = readAll(leecher.torrent.stream(1, { start: 5, end: 2 * MIB }))
    await assert.rejects(world.system.complete(refused), (error) => error instanceof EngineError && error.code === 'OPTION_INVALID')
    await world.close()
  })

  test('ends with CLOSED when the torrent is stopped', async () => {
    const world = new World({ seed: 3 })
    const torrent = new SwarmTorrent({ seed: '3', lengths: [4 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    const seeder = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 100_000 } })
    const leecher = await world.join('leecher', torrent)
    await world.until('it has begun', () => leecher.toldOf('piece').length > 0)
    const reading = readAll(leecher.torrent.stream(0))
    const ending = assert.rejects(reading, (error) => error instanceof EngineError && error.code === 'CLOSED')
    await world.run(1_000)
    await world.system.complete(leecher.stop())
    await world.system.complete(ending)
    await world.system.complete(seeder.stop())
    await world.close()
  })
})
