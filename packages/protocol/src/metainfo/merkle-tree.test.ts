import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes } from '../bytes.ts'
import { merkleRoot, TREE_HASH_LENGTH, zeroHash } from './merkle-tree.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))

/** The naive twin: a whole tree over a power of two of leaves. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!
  const half = leaves.length / 2
  return sha256(concatBytes([rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half))]))
}

function padded(leaves: readonly Uint8Array[], count: number): Uint8Array[] {
  return [...leaves, ...Array.from({ length: count - leaves.length }, () => new Uint8Array(TREE_HASH_LENGTH))]
}

const powerOfTwo = (count: number): number => 2 ** Math.ceil(Math.log2(count))
const anyLeaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 40 })

describe('hash trees', () => {
  test('over blocks have the root of the whole tree with zeros beyond the end', () => {
    fc.assert(
      fc.property(anyLeaves, (leaves) => {
        assert.deepEqual(merkleRoot(concatBytes(leaves), 0, sha256), rootOf(padded(leaves, powerOfTwo(leaves.length))))
      }),
    )
  })

  test('over a piece layer have the same root as over its blocks', () => {
    fc.assert(
      fc.property(anyLeaves, fc.integer({ min: 1, max: 3 }), (leaves, level) => {
        const blocksAPiece = 2 ** level
        fc.pre(leaves.length > blocksAPiece)
        const pieceCount = Math.ceil(leaves.length / blocksAPiece)
        const layer = Array.from({ length: pieceCount }, (_, piece) =>
          rootOf(padded(leaves.slice(piece * blocksAPiece, (piece + 1) * blocksAPiece), blocksAPiece)),
        )
        assert.deepEqual(merkleRoot(concatBytes(layer), level, sha256), rootOf(padded(leaves, powerOfTwo(leaves.length))))
      }),
    )
  })

  test('do not change the layer they are given', () => {
    const layer = new Uint8Array(3 * 32).fill(1)
    merkleRoot(layer, 0, sha256)
    assert.deepEqual(layer, new Uint8Array(3 * 32).fill(1))
  })

  test('know the hash of nothing at each level', () => {
    assert.deepEqual(zeroHash(0, sha256), new Uint8Array(32))
    assert.deepEqual(zeroHash(3, sha256), rootOf(padded([], 8)))
  })
})
