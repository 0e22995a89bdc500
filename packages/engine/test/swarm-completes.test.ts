import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { planSwarm, runSwarm } from './random-swarm.ts'

const SEEDS = 200
const SEEDS_A_TEST = 20

describe('a swarm drawn from a seed', () => {
  for (let first = 1; first <= SEEDS; first += SEEDS_A_TEST) {
    const last = first + SEEDS_A_TEST - 1
    test(`completes, equal to the byte, and leaves nothing behind: seeds ${first} to ${last}`, async () => {
      for (let seed = first; seed <= last; seed++) await runSwarm(planSwarm(seed))
    })
  }

  test('tells the same story each time it is told', async () => {
    for (const seed of [3, 7, 11]) {
      const once = await runSwarm(planSwarm(seed))
      const again = await runSwarm(planSwarm(seed))
      assert.deepEqual(again, once, `seed ${seed}`)
    }
  })
})
