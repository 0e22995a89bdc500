import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { DiskFile } from '../../src/ports/disk.ts'
import { rejectsWith, TWINS, type World } from './twins.ts'

const sha1 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha1').update(bytes).digest())

for (const twin of TWINS) {
  describe(`hasher (${twin.name})`, () => {
    let world: World
    let one: DiskFile
    let two: DiskFile
    beforeEach(async () => {
      world = twin.open()
      one = await world.run(world.disk.openFile(world.root, ['one'], 'write'))
      two = await world.run(world.disk.openFile(world.root, ['two'], 'write'))
    })
    afterEach(async () => {
      await world.run(one.close())
      await world.run(two.close())
      await world.run(world.hasher.close())
      await world.close()
    })

    /** A piece of chance in the slab. */
    function makePiece(length: number): Uint8Array {
      const slab = world.hasher.allocate(length + 100)
      const piece = slab.subarray(50, 50 + length)
      piece.set(world.system.randomBytes(length))
      return piece
    }

    test('a right piece is written over its files, and padding is left out', async () => {
      const piece = makePiece(300_000)
      const targets = [
        { file: one, offset: 1000, length: 100_000 },
        { file: undefined, offset: 0, length: 50_000 },
        { file: two, offset: 0, length: 150_000 },
      ]
      assert.equal(await world.run(world.hasher.verifyAndWrite(piece, sha1(piece), targets)), true)
      assert.equal(one.stampSync().size, 101_000)
      assert.equal(two.stampSync().size, 150_000)
      const view = new Uint8Array(150_000)
      two.readSync([view], 0)
      assert.deepEqual(view, piece.slice(150_000))
      one.readSync([view], 1000)
      assert.deepEqual(view.subarray(0, 100_000), piece.slice(0, 100_000))
    })

    test('a wrong piece is not written', async () => {
      const piece = makePiece(20_000)
      assert.equal(
        await world.run(world.hasher.verifyAndWrite(piece, new Uint8Array(20), [{ file: one, offset: 0, length: 20_000 }])),
        false,
      )
      assert.equal(one.stampSync().size, 0)
    })

    test('slices hash as one piece, with zeros for padding', async () => {
      const content = world.system.randomBytes(1_000_000)
      await world.run(one.write(content.subarray(0, 700_000), 0))
      await world.run(two.write(content.subarray(700_000), 5))
      const slices = [
        { file: one, offset: 10, length: 699_990 },
        { file: undefined, offset: 0, length: 300_007 },
        { file: two, offset: 5, length: 300_000 },
      ]
      const whole = Buffer.concat([content.subarray(10, 700_000), new Uint8Array(300_007), content.subarray(700_000)])
      assert.deepEqual(await world.run(world.hasher.hashSlices(slices)), sha1(whole))
    })

    test('each block of a slice has a hash of its own', async () => {
      const content = world.system.randomBytes(300_000)
      await world.run(one.write(content, 0))
      for (const [offset, length] of [
        [0, 300_000],
        [5, 16_384],
        [100, 262_144],
        [7, 1],
      ] as const) {
        const expected: Uint8Array[] = []
        for (let at = 0; at < length; at += 16_384) {
          expected.push(world.hasher.sha256(content.subarray(offset + at, offset + Math.min(length, at + 16_384))))
        }
        const hashes = await world.run(world.hasher.hashBlocks({ file: one, offset, length }))
        assert.deepEqual(Buffer.from(hashes!), Buffer.concat(expected))
      }
      assert.equal(await world.run(world.hasher.hashBlocks({ file: one, offset: 0, length: 300_001 })), undefined)
    })

    test('a file that is too short has no hash', async () => {
      await world.run(one.write(new Uint8Array(10), 0))
      assert.equal(await world.run(world.hasher.hashSlices([{ file: one, offset: 0, length: 11 }])), undefined)
    })

    test('many jobs at once get each its own answer', async () => {
      const pieces = Array.from({ length: 40 }, (_, index) => makePiece(1000 + index))
      const answers = await world.run(
        Promise.all(
          pieces.map((piece, index) =>
            world.hasher.verifyAndWrite(piece, index % 3 === 0 ? new Uint8Array(20) : sha1(piece), [
              { file: one, offset: 2000 * index, length: piece.length },
            ]),
          ),
        ),
      )
      assert.deepEqual(
        answers,
        pieces.map((_, index) => index % 3 !== 0),
      )
      for (const [index, piece] of pieces.entries()) {
        if (index % 3 === 0) continue
        const view = new Uint8Array(piece.length)
        one.readSync([view], 2000 * index)
        assert.deepEqual(view, piece.slice())
      }
    })

    test('a closed file is not written: CLOSED', async () => {
      const piece = makePiece(1000)
      await world.run(two.close())
      const targets = [
        { file: one, offset: 0, length: 500 },
        { file: two, offset: 0, length: 500 },
      ]
      await rejectsWith('CLOSED', world.run(world.hasher.verifyAndWrite(piece, sha1(piece), targets)))
      await rejectsWith('CLOSED', world.run(world.hasher.hashSlices(targets)))
    })

    test('small things are hashed at once', () => {
      const abc = new Uint8Array(Buffer.from('abc'))
      assert.equal(Buffer.from(world.hasher.sha1(abc)).toString('hex'), 'a9993e364706816aba3e25717850c26c9cd0d89d')
      assert.equal(Buffer.from(world.hasher.sha256(abc)).toString('hex').slice(0, 16), 'ba7816bf8f01cfea')
      assert.equal(world.hasher.sha1(abc).constructor, Uint8Array)
    })

    test('memory that is not of the slab is refused loudly', async () => {
      await assert.rejects(world.run(world.hasher.verifyAndWrite(new Uint8Array(10), new Uint8Array(20), [])), /Cannot happen/)
    })

    test('after close nothing is hashed any more: CLOSED', async () => {
      const piece = makePiece(1000)
      await world.run(world.hasher.close())
      await rejectsWith('CLOSED', world.run(world.hasher.verifyAndWrite(piece, sha1(piece), [])))
      await rejectsWith('CLOSED', world.run(world.hasher.hashSlices([])))
    })
  })
}
