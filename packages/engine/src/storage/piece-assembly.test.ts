import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import fc from 'fast-check'
import { EngineError } from '../base/errors.ts'
import { SimDisk } from '../sim/disk.ts'
import { SimHasher } from '../sim/hasher.ts'
import { SimSystem } from '../sim/system.ts'
import { type BlockOutcome, PieceAssembly } from './piece-assembly.ts'
import { SlabPool } from './slab-pool.ts'

function assemblyOf(options: { totalSize: number; pieceLength: number; memoryBytes?: number }) {
  const system = new SimSystem({ seed: 'assembly' })
  const disk = new SimDisk(system)
  const hasher = new SimHasher(system)
  const slabs = new SlabPool(hasher)
  const geometry = new PieceGeometry(options)
  const spill = { root: '/state', path: ['spill'] }
  const assembly = new PieceAssembly({ slabs, disk, hasher, geometry, memoryBytes: options.memoryBytes ?? 0, spill })
  return { system, disk, slabs, geometry, assembly }
}

/** What the assembly does, said in the simplest words. */
class NaiveAssembly {
  readonly pieces = new Map<number, Map<number, Uint8Array>>()
  readonly #geometry: PieceGeometry
  readonly #capacity: number
  constructor(geometry: PieceGeometry, capacity: number) {
    this.#geometry = geometry
    this.#capacity = capacity
  }

  begin(pieceIndex: number): boolean {
    if (this.pieces.has(pieceIndex)) return true
    if (this.pieces.size === this.#capacity) return false
    this.pieces.set(pieceIndex, new Map())
    return true
  }

  addBlock(pieceIndex: number, begin: number, view: Uint8Array): BlockOutcome {
    if (!this.begin(pieceIndex)) return 'no-room'
    const blocks = this.pieces.get(pieceIndex)!
    if (blocks.has(begin)) return 'duplicate'
    blocks.set(begin, view.slice())
    return blocks.size === this.#geometry.blockCount(pieceIndex) ? 'complete' : 'partial'
  }

  bytesOf(pieceIndex: number): Uint8Array | undefined {
    const blocks = this.pieces.get(pieceIndex)
    if (blocks === undefined) return undefined
    const bytes = new Uint8Array(this.#geometry.pieceSize(pieceIndex))
    for (const [begin, view] of blocks) bytes.set(view, begin)
    return bytes
  }
}

describe('PieceAssembly', () => {
  test('does what its naive twin does', () => {
    const pieceLength = 3 * BLOCK_LENGTH
    const totalSize = 7 * pieceLength + 20_000
    const action = fc.record({
      what: fc.constantFrom('block', 'block', 'block', 'begin', 'release'),
      pieceIndex: fc.nat(7),
      block: fc.nat(2),
      byte: fc.nat(255),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const { assembly, geometry } = assemblyOf({ totalSize, pieceLength, memoryBytes: 5 * pieceLength })
        const twin = new NaiveAssembly(geometry, assembly.capacity)
        for (const { what, pieceIndex, block, byte } of actions) {
          if (what === 'release') {
            assembly.release(pieceIndex)
            twin.pieces.delete(pieceIndex)
          } else if (what === 'begin') {
            assert.equal(assembly.begin(pieceIndex), twin.begin(pieceIndex))
          } else if (block < geometry.blockCount(pieceIndex)) {
            const view = new Uint8Array(geometry.blockLength(pieceIndex, block)).fill(byte)
            const begin = block * BLOCK_LENGTH
            assert.equal(assembly.addBlock(pieceIndex, begin, view), twin.addBlock(pieceIndex, begin, view))
            view.fill(0xee)
            assert.equal(assembly.hasBlock(pieceIndex, begin), twin.pieces.get(pieceIndex)?.has(begin) ?? false)
          }
          assert.equal(assembly.openCount, twin.pieces.size)
          assert.equal(assembly.hasRoom, twin.pieces.size < assembly.capacity)
        }
        for (const [index, blocks] of twin.pieces) {
          if (blocks.size === geometry.blockCount(index)) assert.deepEqual(assembly.bytesOf(index), twin.bytesOf(index))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('holds at least four pieces, no more than there are, and else what fits', () => {
    const capacity = (totalSize: number, pieceLength: number, memoryBytes: number) =>
      assemblyOf({ totalSize, pieceLength, memoryBytes }).assembly.capacity
    assert.equal(capacity(2 ** 30, 2 ** 18, 2 ** 25), 128)
    assert.equal(capacity(2 ** 30, 2 ** 24, 2 ** 25), 4)
    assert.equal(capacity(2 ** 20, 2 ** 18, 2 ** 25), 4)
    assert.equal(capacity(100, 2 ** 18, 2 ** 25), 1)
  })

  test('lends its memory to the next torrent', async () => {
    const one = assemblyOf({ totalSize: 2 ** 20, pieceLength: 2 ** 15, memoryBytes: 2 ** 19 })
    one.assembly.begin(3)
    const { buffer } = one.assembly.bytesOf(3)!
    await one.assembly.close()
    const slab = one.slabs.take(2 ** 19)
    assert.equal(slab.buffer, buffer)
  })
})

describe('pieces too large for memory', () => {
  const pieceLength = 32 * 1024 * 1024

  test('wait in a file that is used again, and is gone at the end', async () => {
    const { system, disk, geometry, assembly } = assemblyOf({ totalSize: 6 * pieceLength, pieceLength })
    assert.equal(assembly.capacity, 4)
    for (const pieceIndex of [5, 1]) {
      let outcome: BlockOutcome = 'partial'
      for (let block = geometry.blockCount(pieceIndex) - 1; block >= 0; block--) {
        outcome = assembly.addBlock(pieceIndex, block * BLOCK_LENGTH, new Uint8Array(BLOCK_LENGTH).fill(block % 251))
        while (outcome === 'no-room') {
          await system.run(1)
          outcome = assembly.addBlock(pieceIndex, block * BLOCK_LENGTH, new Uint8Array(BLOCK_LENGTH).fill(block % 251))
        }
      }
      assert.equal(outcome, 'complete')
      assert.equal(assembly.bytesOf(pieceIndex), undefined)
      const source = await system.complete(assembly.spilled(pieceIndex))
      assert.equal(source.length, pieceLength)
      const view = new Uint8Array(1)
      for (const block of [0, 77, 2047]) {
        await system.complete(source.file.read([view], source.offset + block * BLOCK_LENGTH + 5))
        assert.equal(view[0], block % 251)
      }
      assembly.release(pieceIndex)
    }
    assert.ok(disk.fileBytes('/state/spill')!.length <= 4 * pieceLength)
    await system.complete(assembly.close())
    assert.deepEqual(disk.filePaths(), [])
  })

  test('lose no block to a disk that is full for a while', async () => {
    const { system, disk, geometry, assembly } = assemblyOf({ totalSize: 2 * pieceLength, pieceLength })
    disk.capacityBytes = 100 * BLOCK_LENGTH
    let taken = 0
    for (let block = 0; block < geometry.blockCount(0); block++) {
      if (assembly.addBlock(0, block * BLOCK_LENGTH, new Uint8Array(BLOCK_LENGTH).fill(7)) === 'no-room') break
      taken++
      await system.run(1)
    }
    assert.ok(taken > 1_000 && taken < geometry.blockCount(0), `memory is bounded: ${taken} blocks taken`)
    await assert.rejects(system.complete(assembly.spilled(0)), (error) => error instanceof EngineError && error.code === 'DISK_FULL')
    disk.capacityBytes = Infinity
    await system.complete(assembly.spilled(0))
    for (let block = taken; block < geometry.blockCount(0); block++) {
      assert.notEqual(assembly.addBlock(0, block * BLOCK_LENGTH, new Uint8Array(BLOCK_LENGTH).fill(7)), 'no-room')
      await system.run(1)
    }
    const source = await system.complete(assembly.spilled(0))
    const bytes = new Uint8Array(pieceLength)
    await system.complete(source.file.read([bytes], source.offset))
    assert.ok(bytes.every((byte) => byte === 7))
  })
})
