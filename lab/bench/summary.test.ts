import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Measure } from './measure.ts'
import { ratiosOf, summaryOf } from './summary.ts'

const WALL: Measure = { key: 'wallSeconds', label: 'wall', unit: 's' }

function summary(contender: string, isOurs: boolean, ...seconds: number[]): ReturnType<typeof summaryOf> {
  return summaryOf({ contender, isOurs, rounds: seconds.map((wallSeconds) => ({ wallSeconds })) }, [WALL])
}

describe('a summary', () => {
  test('has the spread of each measure, in as many digits as mean something', () => {
    assert.deepEqual(summary('shoal', true, 1.23456, 2, 3).spreads, { wallSeconds: { min: 1.235, median: 2, max: 3 } })
  })
})

describe('ratios', () => {
  test('are of the medians of ours to those of each other one', () => {
    const ratios = ratiosOf([summary('shoal', true, 9, 1, 2), summary('a', false, 4), summary('b', false, 1)], [WALL])
    assert.deepEqual(ratios, { 'shoal / a': { wallSeconds: 0.5 }, 'shoal / b': { wallSeconds: 2 } })
  })

  test('are none to nothing', () => {
    assert.deepEqual(ratiosOf([summary('shoal', true, 1), summary('a', false, 0)], [WALL]), { 'shoal / a': {} })
  })
})
