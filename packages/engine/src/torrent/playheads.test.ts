import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Playheads } from './playheads.ts'

const MIB = 1024 * 1024

describe('playheads', () => {
  test('want what is under them, then the ends of the file, then what is ahead', () => {
    let urgent: readonly number[] = []
    const playheads = new Playheads({ pieceLength: 4 * MIB, onChange: (pieces) => (urgent = pieces) })
    const one = playheads.open({ begin: 10, end: 20, fileEnds: [10, 19] })
    assert.deepEqual(urgent, [10, 19, 11, 12, 13])
    one.moveTo(17)
    assert.deepEqual(urgent, [17, 10, 19, 18])
    one.close()
    assert.deepEqual(urgent, [])
  })

  test('of several readers are served alike, and one that leaves takes nothing from the others', () => {
    let urgent: readonly number[] = []
    const playheads = new Playheads({ pieceLength: 8 * MIB, onChange: (pieces) => (urgent = pieces) })
    const one = playheads.open({ begin: 10, end: 20, fileEnds: [] })
    const other = playheads.open({ begin: 30, end: 40, fileEnds: [] })
    assert.deepEqual(urgent, [10, 30, 11, 31])
    other.moveTo(11)
    assert.deepEqual(urgent, [10, 11, 12])
    one.close()
    assert.deepEqual(urgent, [11, 12])
  })

  test('want only so much, however many there are', () => {
    let urgent: readonly number[] = []
    const playheads = new Playheads({ pieceLength: 16 * 1024, onChange: (pieces) => (urgent = pieces) })
    for (let at = 0; at < 50; at++) playheads.open({ begin: at * 1_000, end: (at + 1) * 1_000, fileEnds: [] })
    assert.equal(urgent.length, 256)
    assert.deepEqual(urgent.slice(0, 3), [0, 1_000, 2_000])
  })
})
