import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type FileExtent, FileLayout } from './file-layout.ts'

function endToEnd(lengths: readonly number[]): FileExtent[] {
  let offset = 0
  return lengths.map((length) => {
    const file = { offset, length }
    offset += length
    return file
  })
}

/** The naive twin: for every byte of the torrent, its file and its place in it. */
function byteMap(lengths: readonly number[]): { fileIndex: number; fileOffset: number }[] {
  return lengths.flatMap((length, fileIndex) => Array.from({ length }, (_, fileOffset) => ({ fileIndex, fileOffset })))
}

const anyLengths = fc.array(fc.oneof(fc.constant(0), fc.nat(12)), { maxLength: 12 })

describe('FileLayout', () => {
  test('finds the same bytes as a map of every byte', () => {
    fc.assert(
      fc.property(anyLengths, fc.nat(), fc.nat(), (lengths, from, many) => {
        const layout = new FileLayout(endToEnd(lengths))
        const map = byteMap(lengths)
        assert.equal(layout.totalSize, map.length)
        const offset = from % (map.length + 1)
        const length = many % (map.length - offset + 1)
        const spans = layout.spans(offset, length)
        const bytes = spans.flatMap((span) =>
          Array.from({ length: span.length }, (_, at) => ({ fileIndex: span.fileIndex, fileOffset: span.fileOffset + at })),
        )
        assert.deepEqual(bytes, map.slice(offset, offset + length))
        assert.ok(spans.every((span, index) => span.length > 0 && span.fileIndex !== spans[index - 1]?.fileIndex))
      }),
      { numRuns: 500 },
    )
  })

  test('finds the same pieces of a file as a map of every byte', () => {
    fc.assert(
      fc.property(anyLengths, fc.integer({ min: 1, max: 9 }), (lengths, pieceLength) => {
        const layout = new FileLayout(endToEnd(lengths))
        const map = byteMap(lengths)
        for (const fileIndex of lengths.keys()) {
          const pieces = new Set(map.flatMap((byte, offset) => (byte.fileIndex === fileIndex ? [Math.floor(offset / pieceLength)] : [])))
          const { begin, end } = layout.piecesOfFile(fileIndex, pieceLength)
          assert.deepEqual(
            Array.from({ length: end - begin }, (_, at) => begin + at),
            [...pieces],
          )
        }
      }),
    )
  })

  test('is exact for files beyond 2^32 bytes', () => {
    const layout = new FileLayout(endToEnd([2 ** 40, 0, 2 ** 41 + 1]))
    assert.deepEqual(layout.spans(2 ** 40 - 1, 3), [
      { fileIndex: 0, fileOffset: 2 ** 40 - 1, length: 1 },
      { fileIndex: 2, fileOffset: 0, length: 2 },
    ])
    assert.deepEqual(layout.piecesOfFile(2, 2 ** 24), { begin: 2 ** 16, end: 2 ** 16 + 2 ** 17 + 1 })
  })

  test('has nothing when there are no files, or only empty ones', () => {
    assert.deepEqual(new FileLayout([]).spans(0, 0), [])
    const layout = new FileLayout(endToEnd([0, 0]))
    assert.deepEqual(layout.spans(0, 0), [])
    assert.deepEqual(layout.piecesOfFile(1, 16_384), { begin: 0, end: 0 })
  })

  test('is loud about bytes that are not in the torrent', () => {
    const layout = new FileLayout(endToEnd([5]))
    assert.throws(() => layout.spans(0, 6), RangeError)
    assert.throws(() => layout.spans(-1, 1), RangeError)
    assert.throws(() => layout.spans(6, 0), RangeError)
    assert.throws(() => layout.piecesOfFile(1, 1), RangeError)
    assert.throws(() => new FileLayout([{ offset: 1, length: 1 }]), /Cannot happen/)
  })
})
