import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { spreadOf } from './statistics.ts'

describe('the spread of some values', () => {
  test('is of one value that value', () => {
    assert.deepEqual(spreadOf([3]), { min: 3, median: 3, max: 3 })
  })

  test('has the middle one of an odd number as its median, in whatever order they come', () => {
    const values = [10, 9, 1, 100, 2]
    assert.deepEqual(spreadOf(values), { min: 1, median: 9, max: 100 })
    assert.deepEqual(values, [10, 9, 1, 100, 2])
  })

  test('has the mean of the middle two of an even number', () => {
    assert.equal(spreadOf([1, 2, 4, 100]).median, 3)
  })
})
