import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimDisk } from '../sim/disk.ts'
import { SimSystem } from '../sim/system.ts'
import {
  claimOfContent,
  claimOfFile,
  compareWithDisk,
  contentOfFile,
  type FileClaim,
  type FileContent,
  type FoundFile,
} from './foreign-files.ts'

const STRANGE: FoundFile = {
  size: 100,
  length: 100,
  known: undefined,
  isComplete: false,
  hasVerifiedPiece: false,
  touchesVerifiedPiece: false,
  holdsWholePiece: false,
  wereHere: false,
  hasPieceBehindEnd: false,
}

describe('the claim on a file that was there before us', () => {
  const table: readonly (readonly [string, Partial<FoundFile>, FileContent | undefined, FileClaim])[] = [
    ['resume data knows it', { known: 'ours', holdsWholePiece: true }, undefined, 'ours'],
    ['known and grown since: read and checked, never cut', { known: 'ours', size: 101 }, undefined, 'ours'],
    ['all of it verifies', { isComplete: true }, undefined, 'ours'],
    ['all of it verifies, and there is more behind it', { isComplete: true, size: 101 }, undefined, 'ours'],
    ['a piece inside it verifies', { hasVerifiedPiece: true, touchesVerifiedPiece: true, holdsWholePiece: true }, undefined, 'ours'],
    ['it is empty', { size: 0 }, undefined, 'ours'],
    ['it is zeros', { holdsWholePiece: true }, 'zeros', 'ours'],
    ['it is longer than ours', { size: 101 }, undefined, 'foreign'],
    ['it is longer, whatever verifies in it', { size: 101, hasVerifiedPiece: true }, undefined, 'foreign'],
    ['whole pieces of it are all wrong', { holdsWholePiece: true }, 'data', 'foreign'],
    ['it is too short to tell', {}, 'data', 'suspect'],
    ['it is short, and would grow before it is compared', { size: 9, hasPieceBehindEnd: true }, 'data', 'foreign'],
    ['it is short, and may be what a power cut left of ours', { size: 9, hasPieceBehindEnd: true, wereHere: true }, 'data', 'suspect'],
    ['it is large, and zeros where we looked', { holdsWholePiece: true }, 'maybe-zeros', 'suspect'],
    ['a neighbouring piece that touches it verifies', { touchesVerifiedPiece: true, holdsWholePiece: true }, 'data', 'suspect'],
    ['we suspected it before', { known: 'suspect', holdsWholePiece: true }, 'data', 'suspect'],
    ['we suspected it before, and now a piece inside verifies', { known: 'suspect', hasVerifiedPiece: true }, undefined, 'ours'],
    ['we suspected it before, and now it is longer', { known: 'suspect', size: 101 }, undefined, 'foreign'],
  ]
  for (const [why, evidence, content, claim] of table) {
    test(`${claim}: ${why}`, () => {
      const found = { ...STRANGE, ...evidence }
      const early = claimOfFile(found)
      assert.equal(early === undefined, content !== undefined, 'the content is looked at only where it matters')
      assert.equal(early ?? claimOfContent(found, content!), claim)
    })
  }
})

describe('looking at a file', () => {
  const system = new SimSystem({ seed: 'foreign' })
  const disk = new SimDisk(system)
  const open = async (bytes: Uint8Array) => {
    disk.putFile('/d/f', bytes)
    return disk.openFile('/d', ['f'], 'read')
  }

  test('tells zeros from data in a small file, to the last byte', async () => {
    const bytes = new Uint8Array(200_000)
    const content = () => system.complete(open(bytes).then((file) => contentOfFile(file, bytes.length)))
    assert.equal(await content(), 'zeros')
    bytes[199_999] = 1
    assert.equal(await content(), 'data')
  })

  test('says that it did not see all of a large file', async () => {
    const bytes = new Uint8Array(10_000_000)
    const content = () => system.complete(open(bytes).then((file) => contentOfFile(file, bytes.length)))
    assert.equal(await content(), 'maybe-zeros')
    bytes[9_999_999] = 1
    assert.equal(await content(), 'data')
  })

  test('compares what is there with what belongs there', async () => {
    const there = new Uint8Array(150_000).fill(3)
    const compare = (offset: number, bytes: Uint8Array) => system.complete(open(there).then((file) => compareWithDisk(file, offset, bytes)))
    assert.equal(await compare(0, new Uint8Array(150_000).fill(3)), 'equal')
    assert.equal(await compare(100, new Uint8Array(100_000).fill(3)), 'equal')
    assert.equal(await compare(100_000, new Uint8Array(60_000).fill(3)), 'free', 'after its end everything is free')
    assert.equal(await compare(0, new Uint8Array(150_000).fill(3).fill(4, 149_999)), 'different')
    there.fill(0, 70_000, 80_000)
    assert.equal(await compare(0, new Uint8Array(150_000).fill(3)), 'free', 'zeros may be filled')
    assert.equal(await compare(0, new Uint8Array(150_000)), 'different', 'but not put over data')
  })
})
