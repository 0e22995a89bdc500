import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clean, fitted, padded, quoted, spread, widthOf } from './text.ts'

describe('text in cells', () => {
  test('counts what a terminal shows, not what a string holds', () => {
    assert.equal(widthOf('bài giảng'), 9)
    assert.equal(widthOf('bài giảng'.normalize('NFD')), 9)
    assert.equal(widthOf('讲座'), 4)
  })

  test('cuts between characters as people see them', () => {
    assert.equal(fitted('lecture-04', 10), 'lecture-04')
    assert.equal(fitted('lecture-04', 5), 'lect…')
    assert.equal(fitted('讲座讲座', 6), '讲座…')
    assert.equal(fitted('e\u0301e\u0301e\u0301', 2), 'e\u0301…')
    assert.equal(fitted('x', 0), '')
  })

  test('pads by width', () => {
    assert.equal(padded('讲座', 6), '讲座  ')
    assert.equal(padded('lecture', 3), 'lecture')
  })

  test('spreads a line, and the left gives way', () => {
    assert.equal(spread('name', '1 MiB', 15), 'name      1 MiB')
    assert.equal(spread('a long name', '1 MiB', 15), 'a long …  1 MiB')
  })
})

describe('text of strangers', () => {
  test('cannot move the cursor, ring, or turn the writing around', () => {
    assert.equal(clean('a\u001b[2J\u0007b\r\nc\u202Etxt.exe'), 'a [2J b ctxt.exe')
  })

  test('cannot close its quotes', () => {
    assert.equal(quoted('a" (BUG) "b'), '"a\' (BUG) \'b"')
  })
})
