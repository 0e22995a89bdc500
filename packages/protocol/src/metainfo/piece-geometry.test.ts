import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_LENGTH, PieceGeometry } from './piece-geometry.ts'

const anyTorrent = fc.record({
  totalSize: fc.oneof(fc.nat(200_000), fc.maxSafeNat()),
  pieceLength: fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 512 * 1024 * 1024 })),
})

describe('PieceGeometry', () => {
  test('covers the torrent exactly, piece by piece and block by block', () => {
    const small = fc.record({ totalSize: fc.nat(400_000), pieceLength: fc.integer({ min: 700, max: 70_000 }) })
    fc.assert(
      fc.property(small, (torrent) => {
        const geometry = new PieceGeometry(torrent)
        let offset = 0
        for (let pieceIndex = 0; pieceIndex < geometry.pieceCount; pieceIndex++) {
          assert.equal(geometry.pieceOffset(pieceIndex), offset)
          assert.equal(geometry.pieceAt(offset), pieceIndex)
          let begin = 0
          for (let blockIndex = 0; blockIndex < geometry.blockCount(pieceIndex); blockIndex++) {
            const length = geometry.blockLength(pieceIndex, blockIndex)
            assert.ok(length > 0 && length <= BLOCK_LENGTH)
            assert.ok(geometry.isOwnBlock(pieceIndex, begin, length))
            begin += length
          }
          assert.equal(begin, geometry.pieceSize(pieceIndex))
          offset += begin
          assert.equal(geometry.pieceAt(offset - 1), pieceIndex)
        }
        assert.equal(offset, torrent.totalSize)
      }),
    )
  })

  test('is exact to the last byte for sizes up to 2^53', () => {
    fc.assert(
      fc.property(anyTorrent, (torrent) => {
        const geometry = new PieceGeometry(torrent)
        const pieceCount = (BigInt(torrent.totalSize) + BigInt(torrent.pieceLength) - 1n) / BigInt(torrent.pieceLength)
        // Quotients beyond 2^32 pieces are refused by the metainfo long before; there the division may round.
        fc.pre(pieceCount <= 0xffff_ffffn)
        assert.equal(geometry.pieceCount, Number(pieceCount))
        if (geometry.pieceCount === 0) return
        const last = geometry.pieceCount - 1
        assert.equal(BigInt(geometry.pieceOffset(last)) + BigInt(geometry.pieceSize(last)), BigInt(torrent.totalSize))
        assert.ok(geometry.lastPieceSize > 0 && geometry.lastPieceSize <= torrent.pieceLength)
      }),
    )
  })

  test('accepts a block only when all of it lies in one piece and it is not longer than 16 KiB', () => {
    const geometry = new PieceGeometry({ totalSize: 100_000, pieceLength: 40_000 })
    for (const [pieceIndex, begin, length, expected] of [
      [0, 0, BLOCK_LENGTH, true],
      [0, 1, 1, true],
      [0, 39_999, 1, true],
      [0, 39_999, 2, false],
      [2, 19_999, 1, true],
      [2, 20_000, 1, false],
      [2, 19_999, 2, false],
      [3, 0, 1, false],
      [-1, 0, 1, false],
      [0, -1, 1, false],
      [0, 0, 0, false],
      [0, 0, BLOCK_LENGTH + 1, false],
      [0, 0xffffffff, 0xffffffff, false],
      [0.5, 0, 1, false],
      [0, 0.5, 1, false],
      [0, 0, Number.NaN, false],
    ] as const) {
      assert.equal(geometry.isValidBlock(pieceIndex, begin, length), expected, `${pieceIndex} ${begin} ${length}`)
    }
  })

  test('knows its own grid of blocks from other valid ones', () => {
    const geometry = new PieceGeometry({ totalSize: 100_000, pieceLength: 40_000 })
    assert.ok(geometry.isOwnBlock(0, 2 * BLOCK_LENGTH, 40_000 - 2 * BLOCK_LENGTH))
    assert.ok(!geometry.isOwnBlock(0, 2 * BLOCK_LENGTH, 100))
    assert.ok(!geometry.isOwnBlock(0, 1, BLOCK_LENGTH))
  })

  test('has no pieces when there is nothing', () => {
    const geometry = new PieceGeometry({ totalSize: 0, pieceLength: 16_384 })
    assert.equal(geometry.pieceCount, 0)
    assert.ok(!geometry.isValidPiece(0))
    assert.ok(!geometry.isValidBlock(0, 0, 1))
  })
})
