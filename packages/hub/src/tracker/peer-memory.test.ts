import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LARGEST_BLOCK, PeerMemory } from './peer-memory.ts'
import { PeerVector } from './peer-vector.ts'

describe('PeerMemory', () => {
  test('gives blocks that do not touch each other, whole in their piece', () => {
    const memory = new PeerMemory()
    const sizes = Array.from({ length: 500 }, (_, i) => [32, 80, 4_096, LARGEST_BLOCK][i % 4]!)
    const blocks = sizes.map((size) => memory.take(size))
    for (const [i, block] of blocks.entries()) {
      const start = memory.startOf(block)
      assert.ok(start + sizes[i]! <= memory.pieceOf(block).length)
      memory.pieceOf(block).fill(i & 0xff, start, start + sizes[i]!)
    }
    for (const [i, block] of blocks.entries()) {
      const start = memory.startOf(block)
      const bytes = memory.pieceOf(block).subarray(start, start + sizes[i]!)
      assert.ok(bytes.every((byte) => byte === (i & 0xff)))
    }
  })

  test('uses again what is given back, by those of that size', () => {
    const memory = new PeerMemory()
    const first = memory.take(32)
    const second = memory.take(32)
    memory.giveBack(first, 32)
    assert.notEqual(memory.take(64), first)
    assert.equal(memory.take(32), first)
    assert.notEqual(memory.take(32), second)
  })

  test('holds swarms that grow and shrink, and gets all of it back', () => {
    const memory = new PeerMemory()
    const dice = { randomBelow: (limit: number) => limit - 1 }
    const endpoint = (id: number) => Uint8Array.of(10, 0, id >> 8, id, 0, 1)
    const fill = (count: number): PeerVector => {
      const vector = new PeerVector(6, memory)
      for (let id = 0; id < count; id++) vector.add(endpoint(id), 'leech', 0, dice)
      return vector
    }
    // 10,000 of them are more than a block may have
    const vectors = [fill(10_000), ...Array.from({ length: 50 }, (_, i) => fill(i * 5))]
    for (const [i, vector] of vectors.entries()) {
      const count = i === 0 ? 10_000 : (i - 1) * 5
      for (let id = 0; id < count; id++) assert.ok(vector.find(endpoint(id)) >= 0)
      while (vector.count > 0) vector.removeAt(vector.count >> 1)
    }
    const before = memory.take(16)
    for (let round = 0; round < 20; round++) {
      const vector = fill(8_000)
      while (vector.count > 0) vector.removeAt(0)
    }
    assert.equal(memory.take(16), before + 16, 'nothing new was needed')
  })
})
