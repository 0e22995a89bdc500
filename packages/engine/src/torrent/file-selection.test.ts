import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FileSelection, parseFileList, type SelectableFile } from './file-selection.ts'

/** Files end to end; a negative length is padding of that length. */
function filesOf(lengths: readonly number[]): SelectableFile[] {
  let offset = 0
  return lengths.map((signed) => {
    const file = { offset, length: Math.abs(signed), isPadding: signed < 0 }
    offset += file.length
    return file
  })
}

const invalid = (message: RegExp) => ({ name: 'EngineError', code: 'OPTION_INVALID', message })

describe('FileSelection', () => {
  test('wants everything but padding at first', () => {
    const selection = new FileSelection(filesOf([10, -6, 0, 20]), 16)
    assert.deepEqual(selection.priorities, [4, 0, 4, 4])
    assert.deepEqual(selection.wantedFiles(), [0, 2, 3])
    assert.equal(selection.wantedSize, 30)
    assert.deepEqual([...selection.piecePriorities()], [4, 4, 4])
    assert.deepEqual(selection.boundaryPieces(), [])
  })

  test('a piece is as urgent as the most urgent file in it', () => {
    const selection = new FileSelection(filesOf([10, 10, 10]), 10)
    const shifted = new FileSelection(filesOf([5, 10, 10]), 10)
    for (const each of [selection, shifted]) each.setPriorities([1, 7, 2])
    assert.deepEqual([...selection.piecePriorities()], [1, 7, 2])
    assert.deepEqual([...shifted.piecePriorities()], [7, 7, 2])
  })

  test('names the pieces in which wanted and unwanted files meet', () => {
    const selection = new FileSelection(filesOf([25, 30, 25]), 10)
    selection.selectOnly([1])
    assert.deepEqual([...selection.piecePriorities()], [0, 0, 4, 4, 4, 4, 0, 0])
    assert.deepEqual(selection.boundaryPieces(), [2, 5])
  })

  test('a piece that ends in padding is no boundary', () => {
    const selection = new FileSelection(filesOf([6, -4, 10]), 10)
    selection.selectOnly([0])
    assert.deepEqual([...selection.piecePriorities()], [4, 0])
    assert.deepEqual(selection.boundaryPieces(), [])
  })

  test('an empty file is wanted without a piece', () => {
    const selection = new FileSelection(filesOf([10, 0, 10]), 10)
    selection.selectOnly([1])
    assert.deepEqual(selection.wantedFiles(), [1])
    assert.deepEqual([...selection.piecePriorities()], [0, 0])
  })

  test('ignores a wish for padding', () => {
    const selection = new FileSelection(filesOf([10, -10]), 10)
    selection.setPriority(1, 7)
    assert.deepEqual(selection.priorities, [4, 0])
    assert.throws(() => selection.selectOnly([1]), { code: 'NOTHING_SELECTED' })
  })

  test('refuses to want nothing, and keeps what was wanted', () => {
    const selection = new FileSelection(filesOf([10, 10]), 10)
    selection.selectOnly([0])
    assert.throws(() => selection.setPriority(0, 0), { code: 'NOTHING_SELECTED' })
    assert.throws(() => selection.selectOnly([]), { code: 'NOTHING_SELECTED' })
    assert.deepEqual(selection.priorities, [4, 0])
  })

  test('refuses files and priorities that are not there, and says which there are', () => {
    const selection = new FileSelection(filesOf([10, 10]), 10)
    assert.throws(() => selection.selectOnly([2]), invalid(/file 3: the torrent has files 1 to 2/))
    assert.throws(() => selection.setPriority(-1, 1), invalid(/file 0/))
    assert.throws(() => selection.setPriority(0, 8), invalid(/priority 8: it is 0 \(not wanted\) to 7/))
    assert.throws(() => selection.setPriorities([1]), invalid(/1 priorities: the torrent has 2 files/))
  })

  test('agrees with looking at every byte', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -12, max: 12 }), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        (wishes, pieceLength) => {
          const files = filesOf(wishes.map(([length]) => length))
          const priorities = wishes.map(([length, priority]) => (length < 0 ? 0 : priority))
          fc.pre(priorities.some((priority) => priority > 0))
          const selection = new FileSelection(files, pieceLength)
          selection.setPriorities(priorities)

          const totalSize = files.reduce((sum, file) => sum + file.length, 0)
          const pieces = Array.from({ length: Math.ceil(totalSize / pieceLength) }, () => 0)
          const unwantedIn = new Set<number>()
          for (const [fileIndex, file] of files.entries()) {
            for (let byte = file.offset; byte < file.offset + file.length; byte++) {
              const pieceIndex = Math.floor(byte / pieceLength)
              pieces[pieceIndex] = Math.max(pieces[pieceIndex]!, priorities[fileIndex]!)
              if (priorities[fileIndex] === 0 && !file.isPadding) unwantedIn.add(pieceIndex)
            }
          }
          assert.deepEqual([...selection.piecePriorities()], pieces)
          assert.deepEqual(
            selection.boundaryPieces(),
            [...pieces.keys()].filter((pieceIndex) => pieces[pieceIndex]! > 0 && unwantedIn.has(pieceIndex)),
          )
        },
      ),
    )
  })
})

describe('parseFileList', () => {
  test('reads numbers and spans counted from one', () => {
    assert.deepEqual(parseFileList('1,3-5', 6), [0, 2, 3, 4])
    assert.deepEqual(parseFileList(' 6 , 2 - 3,3', 6), [1, 2, 5])
  })

  test('says what would be right', () => {
    assert.throws(() => parseFileList('0', 5), invalid(/file 0: the torrent has files 1 to 5/))
    assert.throws(() => parseFileList('2-9', 5), invalid(/file 9: the torrent has files 1 to 5/))
    assert.throws(() => parseFileList('2', 1), invalid(/the torrent has one file, number 1/))
    assert.throws(() => parseFileList('5-3', 5), invalid(/5-3 runs backwards/))
    for (const text of ['', 'a', '1,', '1-2-3', '-1', '1.5', '99999999999999999999']) {
      assert.throws(() => parseFileList(text, 5), invalid(/write numbers and spans like 1,3-5/))
    }
  })
})
