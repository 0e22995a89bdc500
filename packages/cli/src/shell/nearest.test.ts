import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nearest } from './nearest.ts'

const VERBS = ['list_peers', 'list_files', 'list_chunkinfo', 'ping', 'discover', 'exit']

describe('nearest', () => {
  test('finds what was mistyped by a letter or two, or with two letters swapped', () => {
    assert.deepEqual(nearest('pign', VERBS, 1), ['ping'])
    assert.deepEqual(nearest('lst_files', VERBS, 1), ['list_files'])
    assert.deepEqual(nearest('Discovr', VERBS, 1), ['discover'])
    assert.deepEqual(nearest('exti', VERBS, 1), ['exit'])
  })

  test('finds what it is a part of', () => {
    assert.deepEqual(nearest('chunk', VERBS, 3), ['list_chunkinfo'])
    assert.deepEqual(nearest('lecture-05', ['lecture-04', 'lecture-04-slides', 'film'], 3), ['lecture-04'])
  })

  test('sees no case, no marks and no width', () => {
    assert.deepEqual(nearest('bai giang', ['Bài giảng', 'film'], 2), ['Bài giảng'])
    assert.deepEqual(nearest('đưa', ['Dua', 'x'], 2), ['Dua'])
    assert.deepEqual(nearest('ＡＢＣ', ['abc'], 1), ['abc'])
  })

  test('says nothing rather than nonsense', () => {
    assert.deepEqual(nearest('xyzzy', VERBS, 3), [])
    assert.deepEqual(nearest('q', ['ping', 'exit'], 3), [])
    assert.deepEqual(nearest('a'.repeat(5_000), ['a'.repeat(4_999)], 1), ['a'.repeat(4_999)])
  })
})
