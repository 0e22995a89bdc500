import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import fc from 'fast-check'
import type { RunningHash } from '../ports/hasher.ts'
import { sha1 } from '../sim/sha.ts'
import { PrefixHash } from './prefix-hash.ts'

/** Adds what it is given together, and counts how often it is asked. */
class CollectingHash implements RunningHash {
  readonly added: number[] = []
  adds = 0

  add(bytes: Uint8Array): void {
    this.adds++
    for (const byte of bytes) this.added.push(byte)
  }

  digest(): Uint8Array {
    return sha1(Uint8Array.from(this.added))
  }
}

function piece(lastLength: number, blockCount: number) {
  const content = Uint8Array.from({ length: (blockCount - 1) * BLOCK_LENGTH + lastLength }, (_, at) => (at * 7 + (at >> 9)) & 255)
  const bytes = new Uint8Array(content.length)
  const blocks = new Uint8Array(blockCount + 3) // a slot has room for a longer piece
  const hashes: CollectingHash[] = []
  const hash = new PrefixHash({
    hasher: {
      startPiece: () => {
        const started = new CollectingHash()
        hashes.push(started)
        return started
      },
    },
    bytes,
    blocks,
  })
  const arrive = (block: number): void => {
    bytes.set(content.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH), block * BLOCK_LENGTH)
    blocks[block] = 1
    hash.onBlock(blockCount)
  }
  const drop = (block: number): void => {
    bytes.fill(0, block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH)
    blocks[block] = 0
    hash.onDropped(block)
  }
  return { content, blocks, hash, hashes, arrive, drop }
}

describe('PrefixHash', () => {
  test('has the digest with the last block, in few steps', () => {
    const { content, hash, hashes, arrive } = piece(5000, 64)
    for (let block = 0; block < 64; block++) {
      assert.equal(hash.digest, undefined)
      arrive(block)
    }
    assert.deepEqual(hash.digest, sha1(content))
    assert.equal(hashes[0]!.adds, 8)
  })

  test('a piece of one block', () => {
    const { content, hash, arrive } = piece(10, 1)
    arrive(0)
    assert.deepEqual(hash.digest, sha1(content))
  })

  test('begins again when a block that is hashed is forgotten, and only then', () => {
    const { content, hash, hashes, arrive, drop } = piece(BLOCK_LENGTH, 20)
    for (let block = 0; block < 12; block++) arrive(block)
    drop(10)
    assert.equal(hashes.length, 1)
    drop(3)
    assert.equal(hashes.length, 2)
    for (const block of [3, 10, 12, 13, 14, 15, 16, 17, 18, 19]) arrive(block)
    assert.deepEqual(hash.digest, sha1(content))
  })

  test('is right in any order, whatever is forgotten in between', () => {
    const order = fc.array(fc.nat({ max: 19 }), { maxLength: 60 })
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: BLOCK_LENGTH }), (moves, lastLength) => {
        const { content, blocks, hash, arrive, drop } = piece(lastLength, 20)
        for (const block of moves) {
          if (hash.digest !== undefined) break
          if (blocks[block] === 1) drop(block)
          else arrive(block)
        }
        for (let block = 0; block < 20; block++) if (blocks[block] === 0) arrive(block)
        assert.deepEqual(hash.digest, sha1(content))
      }),
      { numRuns: 30 },
    )
  })
})
