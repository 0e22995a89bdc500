import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes } from '@shoal/protocol/bytes'
import {
  fileOf,
  makeTorrent,
  pathOf,
  pieceOf,
  RESUME_PATH,
  ROOT,
  type RunOptions,
  StorageRun,
  type TestTorrent,
} from '../../test/storage-run.ts'
import { EngineError, type EngineErrorCode } from '../base/errors.ts'
import { SimDisk, type SimDiskOptions } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'

const PIECE = 32 * 1024
const BLOCK = 16 * 1024

interface World {
  readonly system: SimSystem
  readonly disk: SimDisk
  readonly torrent: TestTorrent
  readonly run: (options?: Partial<RunOptions>) => Promise<StorageRun>
  readonly complete: <Value>(promise: Promise<Value>) => Promise<Value>
}

function world(lengths: readonly number[], diskOptions: SimDiskOptions = {}): World {
  const system = new SimSystem({ seed: 'storage' })
  const disk = new SimDisk(system, diskOptions)
  const torrent = makeTorrent({ pieceLength: PIECE, lengths })
  return {
    system,
    disk,
    torrent,
    complete: (promise) => system.complete(promise),
    run: async (options) => {
      const run = new StorageRun({ system, disk, torrent, ...options })
      await system.complete(run.start())
      return run
    },
  }
}

function everyPiece(torrent: TestTorrent): readonly number[] {
  return Array.from({ length: torrent.pieceCount }, (_, at) => at)
}

function coded(code: EngineErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

function readSync(run: StorageRun, pieceIndex: number, begin: number, length: number): { outcome: string; bytes: Uint8Array } {
  const bytes = new Uint8Array(length)
  const views = length > BLOCK ? [bytes.subarray(0, BLOCK), bytes.subarray(BLOCK)] : [bytes]
  return { outcome: run.storage.readBlocksSync(pieceIndex, begin, views), bytes }
}

describe('TorrentStorage', () => {
  test('writes pieces over the borders of files, with padding and empty files between', async () => {
    const { disk, torrent, run, complete } = world([50_000, 0, 10_000, -5_536, 70_000, 1])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent).toReversed()))
    assert.equal(one.failures.length, 0)
    for (const [index, file] of torrent.files.entries()) {
      const onDisk = disk.fileBytes(pathOf(torrent, index))
      assert.deepEqual(onDisk, file.isPadding ? undefined : fileOf(torrent, index))
    }
    assert.ok(one.have.isComplete)
  })

  test('reads blocks inside one file, across files and out of padding', async () => {
    const { torrent, run, complete } = world([50_000, 10_000, -5_536, 70_000])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    for (const [pieceIndex, begin, length] of [
      [0, 0, PIECE],
      [0, 100, 999],
      [1, 10_000, BLOCK],
      [1, 16_384, BLOCK],
      [3, 0, BLOCK],
    ] as const) {
      const { outcome, bytes } = readSync(one, pieceIndex, begin, length)
      assert.equal(outcome, 'ok')
      assert.deepEqual(bytes, pieceOf(torrent, pieceIndex).slice(begin, begin + length))
      const later = new Uint8Array(length)
      assert.equal(await complete(one.storage.readBlocks(pieceIndex, begin, [later])), true)
      assert.deepEqual(later, bytes)
    }
  })

  test('serves two thousand files through a few descriptors', async () => {
    const { torrent, run, complete } = world(Array.from({ length: 2_000 }, (_, at) => 500 + (at % 7)))
    const one = await run({ maxOpenFiles: 20 })
    await complete(one.deliverAll(everyPiece(torrent)))
    assert.ok(one.have.isComplete)
    for (const pieceIndex of everyPiece(torrent)) {
      const bytes = new Uint8Array(torrent.geometry.pieceSize(pieceIndex))
      assert.equal(await complete(one.storage.readBlocks(pieceIndex, 0, [bytes])), true)
      assert.deepEqual(bytes, Uint8Array.from(pieceOf(torrent, pieceIndex)))
      assert.equal(await complete(one.storage.verifyPiece(pieceIndex)), true)
    }
    assert.ok(one.storage.openFileCount <= 20, `${one.storage.openFileCount} files open`)
  })

  test('leaves a file with slow reads to the slow path, and comes back to it', async () => {
    const { system, disk, torrent, run, complete } = world([100_000])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    disk.readSyncMs = 4
    const outcomes = Array.from({ length: 20 }, () => readSync(one, 0, 0, BLOCK).outcome)
    assert.equal(outcomes[0], 'ok')
    assert.equal(outcomes.at(-1), 'later')
    disk.readSyncMs = 0
    await system.run(4_000)
    assert.equal(readSync(one, 0, 0, BLOCK).outcome, 'ok')
  })

  test('is not impressed by one slow read, but by one that is stuck', async () => {
    const { disk, torrent, run, complete } = world([100_000])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    disk.readSyncMs = 6
    readSync(one, 0, 0, BLOCK)
    disk.readSyncMs = 0
    assert.equal(readSync(one, 0, 0, BLOCK).outcome, 'ok')
    disk.readSyncMs = 150
    readSync(one, 0, 0, BLOCK)
    assert.equal(readSync(one, 0, 0, BLOCK).outcome, 'later')
  })

  test('gives out no byte of a file that others have changed before it is hashed again', async () => {
    const { system, disk, torrent, run, complete } = world([100_000])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    await system.run(2_000)
    disk.editFile(pathOf(torrent, 0), { offset: 40_000, bytes: new Uint8Array(10) })
    assert.equal(readSync(one, 1, 0, BLOCK).outcome, 'later')
    const bytes = new Uint8Array(BLOCK)
    assert.equal(await complete(one.storage.readBlocks(1, 0, [bytes])), false)
    assert.deepEqual(one.changedFiles, [0])
    // The other pieces are right, and it is for the owner to prove them.
    assert.equal(await complete(one.storage.verifyPiece(0)), true)
    assert.equal(readSync(one, 0, 0, BLOCK).outcome, 'ok')
  })

  test('notices a file that is changed, cut or taken away', async () => {
    const { system, disk, torrent, run, complete } = world([100_000, 100_000, 100_000, 100_000])
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    await complete(one.storage.lookForChanges())
    assert.deepEqual(one.changedFiles, [])
    await system.run(5_000)
    disk.editFile(pathOf(torrent, 0), { offset: 0, bytes: new Uint8Array(1) })
    disk.editFile(pathOf(torrent, 1), { size: 99_999 })
    disk.deletePath(pathOf(torrent, 2))
    await complete(one.storage.lookForChanges())
    assert.deepEqual(new Set(one.changedFiles), new Set([0, 1, 2]))
    assert.equal(await complete(one.storage.verifyPiece(0)), false)
    assert.equal(await complete(one.storage.verifyPiece(7)), false)
    await complete(one.storage.lookForChanges())
    assert.equal(one.changedFiles.length, 3)
    // Fetched again, they are as they were.
    await complete(one.deliverAll(everyPiece(torrent)))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 2)), Uint8Array.from(fileOf(torrent, 2)))
  })

  test('does not take its own writing for a change', async () => {
    const { system, torrent, run, complete } = world([300_000])
    const one = await run()
    for (const pieceIndex of everyPiece(torrent)) {
      one.deliver(pieceIndex)
      await complete(one.storage.lookForChanges())
      await complete(one.committer.settle())
      await system.run(1_500)
      readSync(one, pieceIndex, 0, 100)
    }
    await complete(one.storage.lookForChanges())
    assert.deepEqual(one.changedFiles, [])
  })

  test('does not give a file its length first that one piece fills', async () => {
    const whole = world([PIECE])
    const longer = world([PIECE + 1])
    const [one, two] = [await whole.run(), await longer.run()]
    const before = [whole.disk.callCount, longer.disk.callCount] as const
    await whole.complete(one.deliverAll([0]))
    await longer.complete(two.deliverAll([0]))
    const [calls, callsOfLonger] = [whole.disk.callCount - before[0], longer.disk.callCount - before[1]]
    // It is made longer, and looked at again then.
    assert.equal(callsOfLonger - calls, 2)
    assert.deepEqual(whole.disk.fileBytes(pathOf(whole.torrent, 0)), Uint8Array.from(fileOf(whole.torrent, 0)))
  })

  test('refuses to reserve more than there is before the first byte, with the numbers', async () => {
    const { disk, run } = world([300_000], { capacityBytes: 200_000 })
    await assert.rejects(run({ preallocation: 'full' }), (error) => {
      return coded('DISK_FULL')(error) && /300000.*200000/.test((error as Error).message)
    })
    assert.deepEqual(disk.filePaths(), [])
  })

  test('begins with sparse files on a disk that is too small, and waits when it is full', async () => {
    const { torrent, run, complete } = world([300_000], { capacityBytes: 200_000 })
    const one = await run({ preallocation: 'sparse' })
    await complete(one.deliverAll(everyPiece(torrent)))
    assert.ok(one.have.count > 0)
    assert.ok(one.failures.length > 0 && one.failures.every((error) => error.code === 'DISK_FULL'))
  })

  test('reserves a whole file when asked to', async () => {
    const { disk, run, complete } = world([300_000])
    const one = await run({ preallocation: 'full' })
    await complete(one.deliverAll([3]))
    assert.equal(disk.fileBytes('/downloads/t/f0')?.length, 300_000)
  })

  test('makes empty files at the start and says that links are not made', async () => {
    const { system, disk, torrent } = world([0, 1_000])
    const link = { ...torrent.files[0]!, path: ['t', 'link'], symlinkTarget: ['t', 'f1'] }
    const withLink = { ...torrent, files: [link, ...torrent.files] }
    const one = new StorageRun({ system, disk, torrent: withLink })
    await system.complete(one.start())
    assert.deepEqual(disk.filePaths(), ['/downloads/t/f0'])
    assert.equal(one.storage.notes.length, 1)
    assert.match(one.storage.notes[0]!, /'t\/link' is a symbolic link/)
  })

  test('stops at what is in the way of a wanted file, and ignores it for an unwanted one', async () => {
    const { disk, torrent, run, complete } = world([40_000, 40_000])
    disk.putLink(pathOf(torrent, 1), '/etc/passwd')
    await assert.rejects(run(), coded('PATH_UNSAFE'))
    const one = await run({ wanted: [true, false] })
    await complete(one.deliverAll([0, 1]))
    assert.equal(one.failures.length, 0)
  })

  test('removes its own files and its parts file, not those of others', async () => {
    const { disk, torrent, run, complete } = world([40_000, 40_000, 40_000])
    const one = await run({ wanted: [true, false, true] })
    await complete(one.deliverAll([0, 1, 2]))
    disk.putFile(`${ROOT}/t/other`, new Uint8Array(3))
    await complete(one.stop())
    assert.ok(disk.filePaths().includes('/state/t.parts'))
    await complete(one.storage.remove({ content: true }))
    assert.deepEqual(
      disk.filePaths().filter((path) => !path.includes('.resume')),
      [`${ROOT}/t/other`],
    )
    assert.equal(disk.fileBytes(pathOf(torrent, 0)), undefined)
  })
})

describe('unwanted files', () => {
  const lengths = [50_000, 30_000, 60_000, 40_000]

  test('are never made; what came with a wanted piece lies in the parts file and is served from there', async () => {
    const { disk, torrent, run, complete } = world(lengths)
    const one = await run({ wanted: [true, false, false, true] })
    await complete(one.deliverAll([0, 1, 4, 5]))
    assert.deepEqual(disk.filePaths(), [pathOf(torrent, 0), pathOf(torrent, 3), '/state/t.parts', RESUME_PATH])
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 0)), Uint8Array.from(fileOf(torrent, 0)))
    for (const pieceIndex of [0, 1, 4, 5]) {
      const bytes = new Uint8Array(torrent.geometry.pieceSize(pieceIndex))
      assert.equal(await complete(one.storage.readBlocks(pieceIndex, 0, [bytes])), true)
      assert.deepEqual(bytes, Uint8Array.from(pieceOf(torrent, pieceIndex)))
      assert.equal(await complete(one.storage.verifyPiece(pieceIndex)), true)
    }
  })

  test('get their bytes out of the parts file when they are wanted later', async () => {
    const { disk, torrent, run, complete } = world(lengths)
    const one = await run({ wanted: [true, false, false, true] })
    await complete(one.deliverAll([0, 1, 4, 5]))
    await complete(one.storage.setWanted([true, true, true, true]))
    await complete(one.deliverAll([2, 3]))
    for (const index of [0, 1, 2, 3]) assert.deepEqual(disk.fileBytes(pathOf(torrent, index)), Uint8Array.from(fileOf(torrent, index)))
    for (const pieceIndex of everyPiece(torrent)) assert.equal(await complete(one.storage.verifyPiece(pieceIndex)), true)
  })

  test('wait with the change while pieces are being written', async () => {
    const { disk, torrent, run, complete } = world(lengths)
    const one = await run({ wanted: [true, false, false, true] })
    one.deliver(1)
    one.deliver(4)
    const change = one.storage.setWanted([true, true, true, true])
    one.deliver(2)
    await complete(change)
    await complete(one.committer.settle())
    await complete(one.deliverAll([0, 3, 5]))
    assert.ok(one.have.isComplete)
    for (const index of [0, 1, 2, 3]) assert.deepEqual(disk.fileBytes(pathOf(torrent, index)), Uint8Array.from(fileOf(torrent, index)))
  })

  test('remember over a restart where their bytes are, and are brought out at the start when wanted then', async () => {
    const { disk, torrent, run, complete } = world(lengths)
    const one = await run({ wanted: [true, false, false, true] })
    await complete(one.deliverAll([0, 1, 4, 5]))
    await complete(one.stop())
    const two = await run({ wanted: [true, false, false, true] })
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].filter((piece) => two.have.has(piece)),
      [0, 1, 4, 5],
    )
    assert.equal(two.recheckedCount, 0)
    await complete(two.stop())
    const three = await run()
    assert.equal(three.have.count, 4)
    await complete(three.deliverAll([2, 3]))
    for (const index of [0, 1, 2, 3]) assert.deepEqual(disk.fileBytes(pathOf(torrent, index)), Uint8Array.from(fileOf(torrent, index)))
  })

  test('that were begun before they became unwanted stay where they are', async () => {
    const { disk, torrent, run, complete } = world(lengths)
    const one = await run()
    await complete(one.deliverAll([2]))
    await complete(one.storage.setWanted([true, true, false, true]))
    await complete(one.deliverAll([0, 1, 3, 4, 5]))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 2)), Uint8Array.from(fileOf(torrent, 2)))
    assert.ok(!disk.filePaths().includes('/state/t.parts'))
  })
})

describe('files of others', () => {
  const foreign = new Uint8Array(60_000).fill(7)

  test('are refused up front when they cannot be ours, and nothing is written', async () => {
    const { disk, torrent, run } = world([50_000, 100_000])
    disk.putFile(pathOf(torrent, 1), foreign)
    await assert.rejects(run(), (error) => coded('FILE_FOREIGN')(error) && /'t\/f1' in \/downloads/.test((error as Error).message))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), foreign)
    assert.equal(disk.fileBytes(pathOf(torrent, 0)), undefined)
  })

  test('that are longer than ours are refused and not cut', async () => {
    const { disk, torrent, run } = world([50_000, 100_000])
    const longer = concatBytes([new Uint8Array(100_000), Uint8Array.of(1)])
    disk.putFile(pathOf(torrent, 1), longer)
    await assert.rejects(run(), coded('FILE_FOREIGN'))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), longer)
  })

  test('of a few bytes are not made longer before they are compared', async () => {
    const { disk, torrent, run } = world([200_000])
    const notes = Uint8Array.from([109, 121, 32, 110, 111, 116, 101, 115])
    disk.putFile(pathOf(torrent, 0), notes)
    await assert.rejects(run(), coded('FILE_FOREIGN'))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 0)), notes)
  })

  test('too short to tell are compared before they are written over', async () => {
    const { disk, torrent, run, complete } = world([50_000, 10_000, 50_000])
    disk.putFile(pathOf(torrent, 1), foreign.subarray(0, 9_000))
    const one = await run()
    await complete(one.deliverAll([0]))
    assert.equal(one.failures.length, 0)
    await complete(one.deliverAll([1]))
    assert.equal(one.failures[0]?.code, 'FILE_FOREIGN')
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), foreign.slice(0, 9_000))
    assert.equal(one.have.has(1), false)
  })

  test('that turn out to be the beginning of ours are filled up', async () => {
    const { disk, torrent, run, complete } = world([50_000, 10_000, 50_000])
    const half = Uint8Array.from(fileOf(torrent, 1), (byte, at) => (at % 3000 < 2000 ? byte : 0)).slice(0, 9_000)
    disk.putFile(pathOf(torrent, 1), half)
    const one = await run()
    await complete(one.deliverAll(everyPiece(torrent)))
    assert.equal(one.failures.length, 0)
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), Uint8Array.from(fileOf(torrent, 1)))
  })

  test('that appear while we run are not written over either', async () => {
    const { disk, torrent, run, complete } = world([50_000, 100_000])
    const one = await run()
    await complete(one.deliverAll([0]))
    disk.putFile(pathOf(torrent, 1), foreign)
    await complete(one.deliverAll([3]))
    assert.equal(one.failures[0]?.code, 'FILE_FOREIGN')
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), foreign)
  })

  test('in the place of an unwanted file are let be', async () => {
    const { disk, torrent, run, complete } = world([50_000, 100_000, 50_000])
    disk.putFile(pathOf(torrent, 1), foreign)
    const one = await run({ wanted: [true, false, true] })
    await complete(one.deliverAll([0, 1, 4, 5, 6]))
    assert.equal(one.failures.length, 0)
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), foreign)
    await assert.rejects(complete(one.storage.setWanted([true, true, true])), coded('FILE_FOREIGN'))
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), foreign)
  })

  test('with our content are adopted, with all their pieces', async () => {
    const { disk, torrent, run } = world([50_000, 100_000])
    for (const index of [0, 1]) disk.putFile(pathOf(torrent, index), fileOf(torrent, index))
    const one = await run()
    assert.ok(one.have.isComplete)
    assert.equal(one.recheckedCount, torrent.pieceCount)
  })

  test('with our content in a folder that we may not write to are synced all the same', async () => {
    const { disk, torrent, run, complete } = world([50_000, 100_000])
    for (const index of [0, 1]) disk.putFile(pathOf(torrent, index), fileOf(torrent, index))
    const open = disk.openFile.bind(disk)
    disk.openFile = (root, path, mode, options) =>
      mode === 'write' && root === ROOT ? Promise.reject(new EngineError('NOT_WRITABLE', 'read-only')) : open(root, path, mode, options)
    const one = await run()
    const outcome = await complete(one.journal.syncPoint(one.storage))
    assert.deepEqual(outcome, { lostPieces: [], error: undefined })
    assert.equal(one.journal.unsyncedCount, 0)
  })

  test('stay suspect over a restart', async () => {
    const { disk, torrent, run, complete } = world([50_000, 20_000, 50_000])
    const mixed = Uint8Array.from(fileOf(torrent, 1)).fill(9, 16_000)
    disk.putFile(pathOf(torrent, 1), mixed)
    const one = await run()
    await complete(one.deliverAll([1]))
    assert.equal(one.failures.length, 0)
    await complete(one.stop())
    const two = await run()
    await complete(two.deliverAll([2]))
    assert.equal(two.failures[0]?.code, 'FILE_FOREIGN')
    assert.deepEqual(disk.fileBytes(pathOf(torrent, 1)), mixed)
  })
})
