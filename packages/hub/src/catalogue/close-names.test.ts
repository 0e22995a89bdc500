import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { closeNames, slipsBetween } from './close-names.ts'

const NAMES = ['lecture-04', 'lecture-04-slides', 'Bài giảng 04.mp4', '机器学习.mkv', 'holiday', 'x']

describe('close names', () => {
  test('another number, a part, a slip of the finger', () => {
    assert.deepEqual(closeNames('lecture-05', NAMES), ['lecture-04', 'lecture-04-slides'])
    assert.deepEqual(closeNames('lectrue-04', NAMES)[0], 'lecture-04')
    assert.deepEqual(closeNames('slides', NAMES), ['lecture-04-slides'])
    assert.deepEqual(closeNames('hoilday', NAMES), ['holiday'])
  })

  test('without marks, without spaces, in Chinese', () => {
    assert.deepEqual(closeNames('bai giang 04', NAMES), ['Bài giảng 04.mp4'])
    assert.deepEqual(closeNames('机器学', NAMES), ['机器学习.mkv'])
  })

  test('nothing is like what is like nothing', () => {
    assert.deepEqual(closeNames('zebra', NAMES), [])
    assert.deepEqual(closeNames('', NAMES), [])
    assert.deepEqual(closeNames('???', NAMES), [])
  })

  test('slips are counted', () => {
    assert.equal(slipsBetween('abc', 'abc'), 0)
    assert.equal(slipsBetween('abc', 'acb'), 1)
    assert.equal(slipsBetween('', 'abc'), 3)
    assert.equal(slipsBetween('kitten', 'sitting'), 3)
  })
})
