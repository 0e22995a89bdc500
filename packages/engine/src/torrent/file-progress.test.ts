import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { Random } from '../sim/random.ts'
import { filesProgress } from './file-progress.ts'

describe('the progress of files', () => {
  test('is all of a complete torrent, and nothing of an empty one', () => {
    const files = [
      { offset: 0, length: 10 },
      { offset: 10, length: 0 },
      { offset: 10, length: 7 },
    ]
    assert.deepEqual(filesProgress(files, 4, Bitfield.full(5)), [10, 0, 7])
    assert.deepEqual(filesProgress(files, 4, Bitfield.empty(5)), [0, 0, 0])
  })

  for (let seed = 1; seed <= 40; seed++) {
    test(`counts as one who looks at every byte does (seed ${seed})`, () => {
      const random = new Random(seed)
      const pieceLength = 1 + random.below(9)
      let totalSize = 0
      const files = Array.from({ length: 1 + random.below(8) }, () => {
        const file = { offset: totalSize, length: random.below(30) }
        totalSize += file.length
        return file
      })
      const have = Bitfield.empty(Math.ceil(totalSize / pieceLength))
      for (let pieceIndex = 0; pieceIndex < have.size; pieceIndex++) if (random.below(2) === 0) have.set(pieceIndex)
      const naive = files.map(({ offset, length }) => {
        let bytes = 0
        for (let at = offset; at < offset + length; at++) if (have.has(Math.floor(at / pieceLength))) bytes++
        return bytes
      })
      assert.deepEqual(filesProgress(files, pieceLength, have), naive)
    })
  }
})
