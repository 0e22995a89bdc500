import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { fixtures } from './corpus.ts'
import { faultOf } from './fuzz-run.ts'
import { TARGETS } from './targets.ts'

const FOLDER = new URL('../../fixtures/regressions/', import.meta.url)

describe('inputs that were too much once', () => {
  after(async () => {
    for (const target of TARGETS) await target.close?.()
  })

  for (const name of readdirSync(FOLDER)) {
    test(`are dealt with by ${name}`, async () => {
      const target = TARGETS.find((each) => each.name === name)
      assert.ok(target, `there is no target ${name}`)
      for (const input of fixtures(`regressions/${name}`)) assert.equal(await faultOf(target, input), undefined)
    })
  }
})
