import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { makeTorrent } from '../../test/storage-run.ts'
import type { FileStamp } from '../ports/disk.ts'
import type { StampRecord } from './file-state.ts'
import type { ResumeState } from './resume-data.ts'
import { judgeResume } from './resume-trust.ts'

// Pieces of 16 KiB: file 0 has pieces 0-3, file 1 has 4-7; piece 8 is half of file 2, half of file 3 (unwanted).
const PIECE = 16_384
const torrent = makeTorrent({ pieceLength: PIECE, lengths: [4 * PIECE, 4 * PIECE, PIECE / 2, PIECE + PIECE / 2] })
const PARTS = torrent.files.length
const T = 1_700_000_000_000

function stamp(size: number, modifiedMs: number): FileStamp {
  return { size, modifiedMs }
}

const LEFT: readonly (FileStamp | undefined)[] = [
  stamp(4 * PIECE, T),
  stamp(4 * PIECE, T + 100),
  stamp(PIECE / 2, T),
  undefined,
  stamp(9 * PIECE, T),
]

function stateOf(change: Partial<ResumeState> & { have?: readonly number[]; notSynced?: readonly number[] } = {}): ResumeState {
  const { have = [0, 1, 2, 3, 4, 5, 8], notSynced = [], ...rest } = change
  const verified = Bitfield.empty(torrent.pieceCount)
  const unsynced = Bitfield.empty(torrent.pieceCount)
  for (const piece of have) verified.set(piece)
  for (const piece of notSynced) unsynced.set(piece)
  const stamps = new Map<number, StampRecord>()
  for (const [fileIndex, left] of LEFT.entries()) if (left !== undefined) stamps.set(fileIndex, { ...left, fileIndex, isSuspect: false })
  return {
    infoHash: new Uint8Array(20),
    pieceLength: PIECE,
    totalSize: torrent.totalSize,
    isClean: false,
    boot: 1,
    verified,
    unsynced,
    activeMs: T,
    snapshotMs: T,
    writing: new Map(),
    stamps,
    syncedStamps: stamps,
    selection: new Uint8Array(4),
    uploaded: 0,
    downloaded: 0,
    infoRaw: undefined,
    ...rest,
  }
}

function judge(state: ResumeState | undefined, change: Readonly<Record<number, FileStamp | undefined>> = {}, boot = 1) {
  const found = LEFT.map((left, at) => (at in change ? change[at] : left))
  const trust = judgeResume({ state, boot, torrent, found, homeOf: (fileIndex) => (fileIndex === 3 ? PARTS : fileIndex) })
  const list = (field: Bitfield) => Array.from({ length: torrent.pieceCount }, (_, at) => at).filter((at) => field.has(at))
  return { verified: list(trust.verified), toCheck: list(trust.toCheck), begun: [...trust.begun], notes: trust.notes }
}

const ALL = [0, 1, 2, 3, 4, 5, 8]

describe('what is believed after a stop in order', () => {
  test('everything, when the files are as they were left, on any boot', () => {
    for (const boot of [1, 2, 0]) {
      assert.deepEqual(judge(stateOf({ isClean: true }), {}, boot), { verified: ALL, toCheck: [], begun: [], notes: [] })
    }
  })

  test('nothing of a file whose stamp differs in the least: all its pieces are checked', () => {
    for (const other of [stamp(4 * PIECE, T + 1), stamp(4 * PIECE, T - 1), stamp(4 * PIECE + 1, T)]) {
      const { verified, toCheck } = judge(stateOf({ isClean: true, have: [0, 1, 4, 5, 8] }), { 0: other })
      assert.deepEqual(verified, [4, 5, 8])
      assert.deepEqual(toCheck, [0, 1, 2, 3])
    }
  })

  test('no piece of a file that is gone, and no piece beyond the end of one that is shorter', () => {
    assert.deepEqual(judge(stateOf({ isClean: true }), { 0: undefined }), {
      verified: [4, 5, 8],
      toCheck: [],
      begun: [],
      notes: ['Pieces that are gone, with files that are missing or too short: 4'],
    })
    const shorter = judge(stateOf({ isClean: true }), { 0: stamp(2 * PIECE + 1, T + 5) })
    assert.deepEqual(shorter.verified, [4, 5, 8])
    assert.deepEqual(shorter.toCheck, [0, 1])
  })

  test('a piece that lies in two places only when both are there', () => {
    assert.deepEqual(judge(stateOf({ isClean: true }), { [PARTS]: undefined }).verified, [0, 1, 2, 3, 4, 5])
    assert.deepEqual(judge(stateOf({ isClean: true }), { 2: undefined }).verified, [0, 1, 2, 3, 4, 5])
    // Of the parts file only what was believed is looked at: piece 9 was never there.
    assert.deepEqual(judge(stateOf({ isClean: true }), { [PARTS]: stamp(10 * PIECE, T + 9) }).toCheck, [8])
  })

  test('of a file that has appeared, everything is checked', () => {
    const state = stateOf({ isClean: true, have: [4, 5] })
    const stamps = new Map(state.stamps)
    stamps.delete(0)
    const { verified, toCheck } = judge({ ...state, stamps })
    assert.deepEqual(verified, [4, 5])
    assert.deepEqual(toCheck, [0, 1, 2, 3])
  })
})

describe('what is believed after a crash of the process', () => {
  test('everything that was recorded, synced or not', () => {
    assert.deepEqual(judge(stateOf({ notSynced: [1, 5, 8] })).verified, ALL)
  })

  test('also when a file is a little newer, and when it is much newer because a piece was being written', () => {
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T + 1_900) }).toCheck, [])
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T + 60_000) }).toCheck, [4, 5, 6, 7])
    const writing = new Map([[6, T + 59_000]])
    assert.deepEqual(judge(stateOf({ writing }), { 1: stamp(4 * PIECE, T + 60_000) }).toCheck, [])
    assert.deepEqual(judge(stateOf({ writing }), { 0: stamp(4 * PIECE, T + 60_000) }).toCheck, [0, 1, 2, 3], 'another file')
    assert.deepEqual(judge(stateOf({ writing }), { 1: stamp(4 * PIECE, T + 100_000) }).toCheck, [4, 5, 6, 7], 'too late')
  })

  test('not when a file has become older or shorter', () => {
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T - 10_000) }).toCheck, [4, 5, 6, 7])
    const cut = judge(stateOf(), { 1: stamp(PIECE, T + 100) })
    assert.deepEqual(cut.toCheck, [4])
    assert.deepEqual(cut.verified, [0, 1, 2, 3, 8])
  })

  test('a file made by the piece that was being written needs no look', () => {
    const state = stateOf({ have: [4, 5], writing: new Map([[0, T]]) })
    const stamps = new Map(state.stamps)
    stamps.delete(0)
    assert.deepEqual(judge({ ...state, stamps }, { 0: stamp(4 * PIECE, T + 500) }).toCheck, [])
  })
})

describe('what is believed after a power cut', () => {
  test('what was synced; the rest is checked', () => {
    const { verified, toCheck } = judge(stateOf({ notSynced: [1, 5] }), {}, 2)
    assert.deepEqual(verified, [0, 2, 3, 4, 8])
    assert.deepEqual(toCheck, [1, 5])
  })

  test('the same when nobody knows which boot it was', () => {
    assert.deepEqual(judge(stateOf({ boot: 0, notSynced: [1] }), {}, 0).toCheck, [1])
  })

  test('of a file that is newer than all records, what is missing is checked: its records may be lost', () => {
    const { verified, toCheck } = judge(stateOf(), { 1: stamp(4 * PIECE, T + 9_000) }, 2)
    assert.deepEqual(verified, ALL)
    assert.deepEqual(toCheck, [6, 7])
  })

  test('what was being written is checked: its record may be lost, and its file as old as the record before', () => {
    const { verified, toCheck } = judge(stateOf({ writing: new Map([[6, T + 50]]) }), {}, 2)
    assert.deepEqual(verified, ALL)
    assert.deepEqual(toCheck, [6])
  })

  test('not a file whose stamp cannot be ours', () => {
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T + 600_000) }, 2).toCheck, [4, 5, 6, 7])
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T - 600_000) }, 2).toCheck, [4, 5, 6, 7], 'an older copy was brought back')
    assert.deepEqual(judge(stateOf(), { 1: stamp(4 * PIECE, T - 30_000) }, 2).toCheck, [], 'the time of the last write was not saved')
  })
})

describe('a file that nothing is remembered of', () => {
  const unknown = (change: Parameters<typeof stateOf>[0]): ResumeState => {
    const state = stateOf({ have: [4, 5], ...change })
    return { ...state, stamps: new Map([...state.stamps].filter(([fileIndex]) => fileIndex !== 0)) }
  }
  const writing = new Map([[0, T + 5_000]])
  const begun = (state: ResumeState, modifiedMs: number, boot: number) => judge(state, { 0: stamp(4 * PIECE, modifiedMs) }, boot).begun

  test('may be ours after a crash in which it was being written', () => {
    assert.deepEqual(begun(unknown({ writing }), T + 5_500, 1), [0])
    assert.deepEqual(begun(unknown({ writing }), T - 5_000, 1), [])
    assert.deepEqual(begun(unknown({}), T + 500, 1), [])
  })

  test('may be ours after a power cut, unless it is older than what we wrote down or much newer', () => {
    assert.deepEqual(begun(unknown({}), T + 9_000, 2), [0])
    assert.deepEqual(begun(unknown({}), T - 9_000, 2), [])
    assert.deepEqual(begun(unknown({}), T + 90_000, 2), [])
  })

  test('is not ours after a stop in order', () => {
    assert.deepEqual(begun(unknown({ isClean: true }), T + 500, 1), [])
  })
})

describe('what is believed when nothing is remembered', () => {
  test('nothing, and everything that is there is checked', () => {
    const { verified, toCheck, notes } = judge(undefined, { 1: undefined })
    assert.deepEqual(verified, [])
    assert.deepEqual(toCheck, [0, 1, 2, 3, 8])
    assert.deepEqual(notes, ['Pieces to check: 5'])
  })
})
