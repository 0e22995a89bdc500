import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { fileOf, makeTorrent, pathOf, StorageRun } from '../../test/storage-run.ts'
import { EngineError } from '../base/errors.ts'
import { SimDisk } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'
import { recheck } from './recheck.ts'

function world(lengths: readonly number[]) {
  const system = new SimSystem({ seed: 'recheck' })
  const disk = new SimDisk(system)
  const torrent = makeTorrent({ pieceLength: 32 * 1024, lengths })
  const run = new StorageRun({ system, disk, torrent })
  return { system, disk, torrent, run, all: Bitfield.full(torrent.pieceCount) }
}

describe('recheck', () => {
  test('finds the pieces that are right, and only those', async () => {
    const { system, disk, torrent, run, all } = world([100_000, 50_000, 100_000])
    for (const index of [0, 1, 2]) disk.putFile(pathOf(torrent, index), fileOf(torrent, index))
    disk.flip(pathOf(torrent, 0), 40_000)
    disk.editFile(pathOf(torrent, 2), { size: 90_000 })
    await system.complete(run.storage.survey([]))
    const progress: string[] = []
    const pieces: string[] = []
    const result = await system.complete(
      recheck({
        storage: run.storage,
        hasher: run.hasher,
        pieceLength: 32 * 1024,
        toCheck: all,
        onProgress: (checked, total) => progress.push(`${checked}/${total}`),
        onPiece: (pieceIndex, isGood) => pieces.push(`${pieceIndex}${isGood ? '+' : '-'}`),
      }),
    )
    assert.equal(result.isComplete, true)
    const good = [0, 1, 2, 3, 4, 5, 6, 7].filter((pieceIndex) => result.verified.has(pieceIndex))
    assert.deepEqual(good, [0, 2, 3, 4, 5, 6])
    assert.equal(progress.at(-1), '8/8')
    assert.deepEqual(pieces.toSorted(), ['0+', '1-', '2+', '3+', '4+', '5+', '6+', '7-'])
  })

  test('reads nothing of files that are not there', async () => {
    const { system, disk, torrent, run, all } = world([1_000_000, 50_000])
    disk.putFile(pathOf(torrent, 1), fileOf(torrent, 1))
    await system.complete(run.storage.survey([]))
    const before = disk.callCount
    const result = await system.complete(recheck({ storage: run.storage, hasher: run.hasher, pieceLength: 32 * 1024, toCheck: all }))
    assert.equal(result.isComplete, true)
    assert.ok(disk.callCount - before < 10, `${disk.callCount - before} calls`)
    assert.equal(result.verified.count, 2)
  })

  test('stops when told to, and says that it did', async () => {
    const { system, disk, torrent, run, all } = world([4_000_000])
    disk.putFile(pathOf(torrent, 0), fileOf(torrent, 0))
    await system.complete(run.storage.survey([]))
    const abort = new AbortController()
    const result = await system.complete(
      recheck({
        storage: run.storage,
        hasher: run.hasher,
        pieceLength: 32 * 1024,
        toCheck: all,
        signal: abort.signal,
        onProgress: (checked) => checked === 3 && abort.abort(),
      }),
    )
    assert.equal(result.isComplete, false)
    // Of 123; what was under way is finished.
    assert.ok(result.verified.count < 40)
  })

  test('fails when a file is there and cannot be read', async () => {
    const { system, disk, torrent, run, all } = world([100_000])
    disk.putFile(pathOf(torrent, 0), fileOf(torrent, 0))
    await system.complete(run.storage.survey([]))
    disk.fail({ code: 'NOT_READABLE', operation: 'read' })
    await assert.rejects(
      system.complete(recheck({ storage: run.storage, hasher: run.hasher, pieceLength: 32 * 1024, toCheck: all })),
      (error) => error instanceof EngineError && error.code === 'NOT_READABLE',
    )
  })
})
