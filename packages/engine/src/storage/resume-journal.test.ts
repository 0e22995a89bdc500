import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { EngineError } from '../base/errors.ts'
import { SimDisk } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'
import type { StampRecord } from './file-state.ts'
import { type LoadedResume, loadResume } from './resume-file.ts'
import { ResumeJournal } from './resume-journal.ts'
import { RECORD_BYTES } from './resume-record.ts'

const PATH = '/state/a.resume'
const INFO_HASH = new Uint8Array(20).fill(3)
const PIECES = 100
const TORRENT = { pieceLength: 16_384, pieceCount: PIECES, totalSize: PIECES * 16_384 }

function world() {
  const system = new SimSystem({ seed: 'journal' })
  const disk = new SimDisk(system)
  const journal = (have: readonly number[] = []) => {
    const verified = Bitfield.empty(PIECES)
    for (const piece of have) verified.set(piece)
    return new ResumeJournal({
      disk,
      path: PATH,
      system,
      content: {
        infoHash: INFO_HASH,
        pieceLength: 16_384,
        totalSize: PIECES * 16_384,
        verified,
        stamps: [],
        selection: Uint8Array.of(4, 0),
        uploaded: 10,
        downloaded: 20,
      },
    })
  }
  const load = (): Promise<LoadedResume> => system.complete(loadResume(disk, PATH, INFO_HASH, TORRENT))
  return { system, disk, journal, load }
}

function stampAt(fileIndex: number, modifiedMs: number): StampRecord {
  return { fileIndex, size: 5, modifiedMs, isSuspect: false }
}

function bits(field: Bitfield | undefined): number[] {
  const set: number[] = []
  field?.forEachSet((piece) => set.push(piece))
  return set
}

const goodStorage = { sync: async (): Promise<void> => {}, stamps: () => [stampAt(0, 77)] }

describe('ResumeJournal', () => {
  test('writes nothing before there is news', async () => {
    const { system, disk, journal } = world()
    const one = journal([1, 2])
    await system.complete(one.setTotals(10, 20))
    assert.deepEqual(await system.complete(one.syncPoint(goodStorage)), { lostPieces: [], error: undefined })
    assert.deepEqual(disk.filePaths(), [])
  })

  test('writes down what comes together in one write, and answers each when it is there', async () => {
    const { system, disk, journal, load } = world()
    const one = journal()
    await system.complete(one.save())
    const before = disk.callCount
    await system.complete(Promise.all([one.onPieceWriting(3), one.onPieceVerified(4, [stampAt(0, 1)]), one.onPieceWriting(5)]))
    assert.equal(disk.callCount - before, 1)
    const { state } = await load()
    assert.deepEqual([...state!.writing.keys()], [3, 5])
    assert.deepEqual(bits(state?.verified), [4])
  })

  test('remembers each piece at once, with the stamps of its files', async () => {
    const { system, journal, load } = world()
    const one = journal([7])
    await system.complete(one.onPieceWriting(3))
    await system.complete(one.onPieceVerified(3, [stampAt(0, 1), stampAt(1, 2)]))
    await system.complete(one.onPieceWriting(4))
    await system.complete(one.onPieceLost(7))
    await system.complete(one.setTotals(11, 22))
    const { state, notes } = await load()
    assert.deepEqual(notes, [])
    assert.deepEqual(bits(state?.verified), [3])
    assert.deepEqual(bits(state?.unsynced), [3])
    assert.deepEqual([...state!.writing.keys()], [4])
    assert.deepEqual([...state!.stamps.values()], [stampAt(0, 1), stampAt(1, 2)])
    assert.deepEqual([state?.uploaded, state?.downloaded, state?.isClean], [11, 22, false])
  })

  test('a sync point covers what was verified before it began, not what came during it', async () => {
    const { system, journal, load } = world()
    const one = journal()
    await system.complete(one.onPieceVerified(1, [stampAt(0, 1)]))
    let isSynced = (): void => {}
    const syncing = one.syncPoint({ sync: () => new Promise((resolve) => (isSynced = resolve)) })
    await system.run(1)
    await system.complete(one.onPieceVerified(2, [stampAt(0, 9)]))
    isSynced()
    await system.complete(syncing)
    const { state } = await load()
    assert.deepEqual(bits(state?.unsynced), [2])
    assert.equal(state?.syncedStamps.get(0)?.modifiedMs, 1)
    assert.equal(one.unsyncedCount, 1)
  })

  test('when the files cannot be synced, what was not synced before is lost, and is remembered as lost', async () => {
    const { system, journal, load } = world()
    const one = journal()
    await system.complete(one.onPieceVerified(1, []))
    await system.complete(one.syncPoint(goodStorage))
    await system.complete(one.onPieceVerified(2, []))
    const broken = { sync: () => Promise.reject(new EngineError('DISK_FAILED', 'EIO')) }
    const { lostPieces, error } = await system.complete(one.syncPoint(broken))
    assert.deepEqual(lostPieces, [2])
    assert.equal(error?.code, 'DISK_FAILED')
    assert.deepEqual(bits((await load()).state?.verified), [1])
  })

  test('a stop in order is clean, and the first news after it is not', async () => {
    const { system, journal, load } = world()
    const one = journal()
    await system.complete(one.onPieceVerified(5, []))
    await system.complete(one.close(goodStorage))
    const { state } = await load()
    assert.equal(state?.isClean, true)
    assert.deepEqual(bits(state?.unsynced), [])
    assert.deepEqual([...state!.stamps.values()], [stampAt(0, 77)])
    const two = journal(bits(state?.verified))
    await system.complete(two.onPieceWriting(6))
    assert.equal((await load()).state?.isClean, false)
  })

  test('a stop is not clean when the files could not be synced', async () => {
    const { system, journal, load } = world()
    const one = journal()
    await system.complete(one.onPieceVerified(5, []))
    await system.complete(one.close({ ...goodStorage, sync: () => Promise.reject(new EngineError('DISK_FAILED', 'EIO')) }))
    const { state } = await load()
    assert.equal(state?.isClean, false)
    assert.deepEqual(bits(state?.verified), [])
  })

  test('keeps selection and info dictionary in every generation after', async () => {
    const { system, journal, load } = world()
    const one = journal()
    await system.complete(one.save({ selection: Uint8Array.of(0, 7), infoRaw: Uint8Array.of(1, 2, 3) }))
    await system.complete(one.onPieceVerified(5, []))
    await system.complete(one.save())
    const { state } = await load()
    assert.deepEqual(state?.selection, Uint8Array.of(0, 7))
    assert.deepEqual(state?.infoRaw, Uint8Array.of(1, 2, 3))
    assert.deepEqual(bits(state?.verified), [5])
    assert.deepEqual(bits(state?.unsynced), [5])
  })

  test('folds itself into a new generation when it has become long', async () => {
    const { system, disk, journal, load } = world()
    const one = journal()
    let largest = 0
    for (let step = 0; step < 70_000; step += 500) {
      const news = Array.from({ length: 500 }, (_, at) => one.onPieceVerified((step + at) % PIECES, []))
      let isDone = false
      const all = Promise.all(news).then(() => {
        isDone = true
      })
      while (!isDone) await system.run(1)
      await all
      largest = Math.max(largest, disk.fileBytes(PATH)!.length)
    }
    assert.ok(largest < 66_000 * RECORD_BYTES + 1_000)
    assert.ok(disk.fileBytes(PATH)!.length < 6_000 * RECORD_BYTES)
    assert.equal((await load()).state?.verified.count, PIECES)
  })

  test('forgets nothing when it cannot write, and tells', async () => {
    const { system, disk, journal, load } = world()
    const one = journal()
    await system.complete(one.onPieceVerified(1, []))
    disk.fail({ code: 'DISK_FULL', operation: 'append' })
    await assert.rejects(system.complete(one.onPieceVerified(2, [])), (error) => error instanceof EngineError && error.code === 'DISK_FULL')
    await system.complete(one.onPieceVerified(3, []))
    assert.deepEqual(bits((await load()).state?.verified), [1, 3])
  })
})

describe('loading resume data', () => {
  async function twoGenerations() {
    const all = world()
    const one = all.journal()
    await all.system.complete(one.onPieceVerified(1, []))
    await all.system.complete(one.save())
    await all.system.complete(one.onPieceVerified(2, []))
    await all.system.complete(one.abandon())
    return all
  }

  test('takes the generation before when the newest is corrupt, and keeps that aside', async () => {
    const { disk, load } = await twoGenerations()
    const bad = disk.fileBytes(PATH)!
    disk.flip(PATH, 40)
    const { state, isPrevious, notes } = await load()
    assert.equal(isPrevious, true)
    assert.deepEqual(bits(state?.verified), [1])
    assert.equal(notes.length, 1)
    assert.match(notes[0]!, /checksum does not fit; it is kept as \/state\/a\.resume\.bad/)
    assert.equal(disk.fileBytes(`${PATH}.bad`)?.length, bad.length)
  })

  test('takes the generation before when the newest is missing', async () => {
    const { disk, load } = await twoGenerations()
    disk.deletePath(PATH)
    assert.deepEqual(bits((await load()).state?.verified), [1])
  })

  test('says so when a newer version wrote it, and begins anew', async () => {
    const { disk, load } = await twoGenerations()
    disk.deletePath(`${PATH}.prev`)
    disk.editFile(PATH, { offset: 9, bytes: Uint8Array.of(9) })
    const { state, notes } = await load()
    assert.equal(state, undefined)
    assert.match(notes[0]!, /a newer version of this program wrote it; it is kept as .*\.newer/)
  })

  test('does not take what is about another torrent', async () => {
    const { system, disk } = await twoGenerations()
    const { state, notes } = await system.complete(loadResume(disk, PATH, new Uint8Array(20).fill(4), TORRENT))
    assert.equal(state, undefined)
    assert.equal(notes.length, 2)
    assert.match(notes[0]!, /about another torrent/)
  })

  test('does not take what is about a torrent of another size', async () => {
    for (const other of [{ pieceCount: PIECES - 1 }, { pieceLength: 32_768 }, { totalSize: TORRENT.totalSize - 1 }]) {
      const { system, disk } = await twoGenerations()
      const { state, notes } = await system.complete(loadResume(disk, PATH, INFO_HASH, { ...TORRENT, ...other }))
      assert.equal(state, undefined)
      assert.match(notes[0]!, /about a torrent of another size/)
    }
  })

  test('goes on without what cannot be read at all', async () => {
    const { disk, load } = await twoGenerations()
    disk.fail({ code: 'DISK_FAILED', operation: 'read-state', times: 2 })
    const { state, notes } = await load()
    assert.equal(state, undefined)
    assert.equal(notes.length, 2)
  })

  test('ignores a torn record at the end', async () => {
    const { disk, load } = await twoGenerations()
    const bytes = disk.fileBytes(PATH)!
    disk.editFile(PATH, { size: bytes.length - 1 })
    assert.deepEqual(bits((await load()).state?.verified), [1])
  })
})
