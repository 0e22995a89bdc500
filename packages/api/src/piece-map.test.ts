import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import fc from 'fast-check'
import { decodePieceMap, describePieces, encodePieceMap, PIECE_MAP_CHARACTERS, spansOf, spansOfMap } from './piece-map.ts'

function having(size: number, pieces: readonly number[]): Bitfield {
  const have = Bitfield.empty(size)
  for (const piece of pieces) have.set(piece)
  return have
}

describe('piece map', () => {
  test('says everything and nothing in a word', () => {
    assert.equal(encodePieceMap(Bitfield.full(7)), 'all')
    assert.equal(encodePieceMap(Bitfield.empty(7)), 'none')
    assert.equal(decodePieceMap('all', 7)?.count, 7)
    assert.equal(decodePieceMap('none', 7)?.count, 0)
  })

  test('is exact while there are few spans', () => {
    assert.equal(encodePieceMap(having(10, [0, 1, 2, 5, 8, 9])), '0-2,5,8-9')
  })

  test('never tells of a piece that is not there, and nothing else is lost than what shares its bucket with a gap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.array(fc.nat(2_999), { maxLength: 2_000 }), (size, drawn) => {
        const have = having(
          size,
          drawn.filter((piece) => piece < size),
        )
        const text = encodePieceMap(have)
        assert.ok(text.length <= PIECE_MAP_CHARACTERS)
        const read = decodePieceMap(text, size)
        assert.ok(read !== undefined)
        for (let piece = 0; piece < size; piece++) if (read.has(piece)) assert.ok(have.has(piece))
        if (!text.startsWith('~')) assert.deepEqual(spansOf(read), spansOf(have))
        const joined = Bitfield.empty(size)
        for (const { first, last } of spansOfMap(text, size) ?? []) for (let piece = first; piece <= last; piece++) joined.set(piece)
        assert.deepEqual(spansOf(joined), spansOf(read))
      }),
    )
  })

  test('refuses what is no map of so many pieces', () => {
    for (const text of [
      '',
      ',',
      '5-3',
      '0-10',
      '3,2',
      '0-1,1-2',
      '-1',
      '1-',
      '0x3',
      '~',
      '~AAAA',
      `~${'A'.repeat(42)}!`,
      '1'.repeat(2_000),
    ]) {
      assert.equal(decodePieceMap(text, 10), undefined, text.slice(0, 20))
    }
  })

  test('is shown to people with at most so many spans', () => {
    assert.equal(describePieces(having(100, [0, 1, 2, 10, 20]), 2), '0-2, 10, …')
    assert.equal(describePieces(Bitfield.empty(4), 2), 'none')
    assert.equal(describePieces(Bitfield.full(4), 2), '0-3')
  })
})
