import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import fc from 'fast-check'
import { pieceBar } from './piece-bar.ts'

function pieces(size: number, ...have: number[]): Bitfield {
  const bits = Bitfield.empty(size)
  for (const pieceIndex of have) bits.set(pieceIndex)
  return bits
}

describe('the piece bar', () => {
  test('is empty at first and full at last', () => {
    assert.equal(pieceBar(Bitfield.empty(100), 5), '░░░░░')
    assert.equal(pieceBar(Bitfield.full(100), 5), '█████')
  })

  test('shows how much of each span is here', () => {
    assert.equal(pieceBar(pieces(12, 0, 1, 2, 3, 4, 5, 8), 3), '█▓▒')
    assert.equal(pieceBar(pieces(12, 4), 3), '░▒░')
  })

  test('gives a piece several cells when there are few', () => {
    assert.equal(pieceBar(pieces(2, 1), 6), '░░░███')
    assert.equal(pieceBar(pieces(3, 0), 4), '██░░')
  })

  test('of nothing is complete', () => {
    assert.equal(pieceBar(Bitfield.empty(0), 3), '███')
    assert.equal(pieceBar(Bitfield.empty(7), 0), '')
  })

  test('has the width it is given, and is full only when nothing is missing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 120 }), fc.array(fc.nat()), (size, cells, missing) => {
        const have = Bitfield.full(size)
        for (const at of missing) have.clear(at % size)
        const bar = pieceBar(have, cells)
        assert.equal(bar.length, cells)
        assert.equal(/^█+$/.test(bar), missing.length === 0)
      }),
    )
  })
})
