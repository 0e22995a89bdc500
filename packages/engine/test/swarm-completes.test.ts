import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runSwarms } from './swarm-thread.ts'

const SEEDS = 200
const SEEDS_A_TEST = 20

describe('a swarm drawn from a seed', () => {
  for (let first = 1; first <= SEEDS; first += SEEDS_A_TEST) {
    const last = first + SEEDS_A_TEST - 1
    test(`completes, equal to the byte, and leaves nothing behind: seeds ${first} to ${last}`, async () => {
      assert.equal((await runSwarms({ first, last })).length, SEEDS_A_TEST)
    })
  }

  test('tells the same story each time it is told', async () => {
    const seeds = { first: 2, last: 5 }
    assert.deepEqual(await runSwarms(seeds), await runSwarms(seeds))
  })
})
