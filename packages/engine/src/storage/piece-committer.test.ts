import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { INFO_HASH, makeTorrent, pieceOf, RESUME_PATH, StorageRun } from '../../test/storage-run.ts'
import { SimDisk } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'
import { loadResume } from './resume-file.ts'

async function started(options: { lengths: readonly number[]; pieceLength?: number; memoryBytes?: number }) {
  const system = new SimSystem({ seed: 'committer' })
  const disk = new SimDisk(system, { latencyMs: 1 })
  const torrent = makeTorrent({ pieceLength: options.pieceLength ?? 32 * 1024, lengths: options.lengths })
  const run = new StorageRun({ system, disk, torrent, ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }) })
  await system.complete(run.start())
  return { system, disk, torrent, run }
}

describe('PieceCommitter', () => {
  test('tells of a piece only when the next process would know it', async () => {
    const { system, disk, torrent, run } = await started({ lengths: [300_000] })
    for (const pieceIndex of [3, 1, 4]) {
      run.deliver(pieceIndex)
      await system.runUntil(() => run.verified.includes(pieceIndex), 10_000)
      // Nothing else has happened since: this is what a crash at this moment would leave.
      const { state } = await system.complete(loadResume(disk, RESUME_PATH, INFO_HASH, torrent))
      assert.equal(state?.verified.has(pieceIndex), true)
    }
  })

  test('tells of a bad piece, and takes it once more', async () => {
    const { system, torrent, run } = await started({ lengths: [100_000] })
    run.deliver(
      1,
      pieceOf(torrent, 1).map((byte) => byte ^ 1),
    )
    await system.complete(run.committer.settle())
    assert.deepEqual(run.bad, [1])
    assert.equal(run.assembly.isOpen(1), false)
    run.deliver(1)
    await system.complete(run.committer.settle())
    assert.deepEqual(run.verified, [1])
  })

  test('begins no piece while a full disk fills the memory, and goes on when there is room', async () => {
    const { system, disk, torrent, run } = await started({ lengths: [400_000], memoryBytes: 5 * 32 * 1024 })
    disk.capacityBytes = 0
    const taken = Array.from({ length: torrent.pieceCount }, (_, at) => at).filter((pieceIndex) => run.deliver(pieceIndex))
    assert.equal(taken.length, 5)
    await system.complete(run.committer.settle())
    assert.equal(run.assembly.hasRoom, false)
    assert.equal(run.committer.failedCount, 5)
    disk.capacityBytes = Infinity
    run.committer.retry()
    await system.complete(run.committer.settle())
    assert.deepEqual(new Set(run.verified), new Set(taken))
    assert.equal(run.assembly.hasRoom, true)
  })

  test('says that it is behind while 16 MiB are on their way, or four pieces that are larger', async () => {
    for (const [pieceLength, mostPieces] of [
      [4 * 1024 * 1024, 4],
      [8 * 1024 * 1024, 4],
      [2 * 1024 * 1024, 8],
    ] as const) {
      const { system, run } = await started({ lengths: [10 * pieceLength], pieceLength, memoryBytes: 10 * pieceLength })
      for (let pieceIndex = 0; pieceIndex < mostPieces; pieceIndex++) {
        assert.equal(run.committer.isBehind, false, `with ${pieceIndex} pieces`)
        run.deliver(pieceIndex)
      }
      assert.equal(run.committer.isBehind, true)
      await system.runUntil(() => run.verified.length > 0, 10_000)
      assert.equal(run.committer.isBehind, false)
      await system.complete(run.committer.settle())
    }
  })

  test('lets go of a piece that is given up', async () => {
    const { system, disk, run } = await started({ lengths: [100_000] })
    disk.fail({ code: 'NOT_WRITABLE', operation: 'write' })
    run.deliver(0)
    await system.complete(run.committer.settle())
    assert.equal(run.committer.isPending(0), true)
    run.committer.discard(0)
    assert.equal(run.committer.isPending(0), false)
    assert.equal(run.assembly.openCount, 0)
  })

  test('brings pieces that are too large for memory to their files', async () => {
    const pieceLength = 17 * 1024 * 1024
    const { system, disk, torrent, run } = await started({ lengths: [pieceLength, 100_000], pieceLength })
    await system.complete(run.deliverAll([1]))
    for (let begin = 0; begin < pieceLength; begin += 16_384) {
      const view = pieceOf(torrent, 0).subarray(begin, begin + 16_384)
      let outcome = run.assembly.addBlock(0, begin, view)
      for (; outcome === 'no-room'; outcome = run.assembly.addBlock(0, begin, view)) await system.run(5)
      if (outcome === 'complete') run.committer.commit(0)
    }
    await system.complete(run.committer.settle())
    assert.equal(run.failures.length, 0)
    assert.ok(run.have.isComplete)
    assert.equal(await system.complete(run.storage.verifyPiece(0)), true)
    await system.complete(run.stop())
    assert.equal(disk.fileBytes('/state/t.spill'), undefined)
  })
})
