import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { toHex } from '@shoal/protocol/bytes'
import { fuzzTarget } from './fuzz-run.ts'
import { TARGETS } from './targets.ts'

const RUNS = 2_000
const FIXED_SEED = 'shoal'
const randomSeed = String(randomInt(1, 2 ** 31))

describe(`bytes from outside (seeds ${FIXED_SEED} and ${randomSeed})`, () => {
  after(async () => {
    for (const target of TARGETS) await target.close?.()
  })

  test('have at least thirty ways in', () => {
    assert.ok(TARGETS.length >= 30)
    assert.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length)
  })

  for (const target of TARGETS) {
    test(`are taken or refused by ${target.name}`, async () => {
      for (const seed of [FIXED_SEED, randomSeed]) {
        const maxRuns = RUNS / (target.oneIn ?? 1)
        const { finding, outcomes, runs } = await fuzzTarget(target, { seed, goesOn: (count) => count < maxRuns })
        if (finding !== undefined) {
          const again = `npm run fuzz -- --target ${target.name} --seed ${seed} --runs ${finding.run * (target.oneIn ?? 1)}`
          assert.fail(`${finding.reason}\ninput ${toHex(finding.input.subarray(0, 4_000))}\nagain: ${again}`)
        }
        assert.equal(runs, maxRuns)
        assert.ok(outcomes.size >= 2, `only one thing ever happens: ${[...outcomes.keys()].join()}`)
      }
    })
  }
})
