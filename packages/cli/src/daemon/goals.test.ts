import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reachedGoal, type SharingFacts } from './goals.ts'

const NONE = { ratio: null, seedMinutes: null, idleMinutes: null, action: 'pause' } as const
const FACTS: SharingFacts = { size: 1_000, uploaded: 1_500, seedingMs: 600_000, idleMs: 120_000 }

describe('goals', () => {
  test('are never reached when there are none', () => {
    assert.equal(reachedGoal(FACTS, NONE), undefined)
  })

  test('are reached by ratio, by time or by nobody being there', () => {
    assert.match(reachedGoal(FACTS, { ...NONE, ratio: 1.5 })?.reason ?? '', /ratio of 1\.5/)
    assert.equal(reachedGoal(FACTS, { ...NONE, ratio: 1.6 }), undefined)
    assert.match(reachedGoal(FACTS, { ...NONE, seedMinutes: 10 })?.reason ?? '', /shared for 10 minutes/)
    assert.equal(reachedGoal(FACTS, { ...NONE, seedMinutes: 11 }), undefined)
    assert.match(reachedGoal(FACTS, { ...NONE, idleMinutes: 2 })?.reason ?? '', /nobody wanted/)
    assert.equal(reachedGoal(FACTS, { ...NONE, idleMinutes: 3 }), undefined)
  })

  test('say what is to be done then', () => {
    assert.equal(reachedGoal(FACTS, { ...NONE, ratio: 1, action: 'remove-with-data' })?.action, 'remove-with-data')
  })
})
