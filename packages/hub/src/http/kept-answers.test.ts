import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { IdempotentCalls, KEEP_ANSWERS_MS, type KeptAnswer } from '@shoal/door/idempotent-calls'
import { openDatabase } from '../database/database.ts'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { KeptAnswers } from './kept-answers.ts'

const MADE: KeptAnswer = { status: 201, body: '{"id":1}' }
const CALL = { caller: 'an', key: 'k', request: 'POST /v1/files {}' }

async function open(): Promise<{ calls: IdempotentCalls; pass(ms: number): void } & AsyncDisposable> {
  let ahead = 0
  const database = await openDatabase({ file: ':memory:' })
  const system = { ...REAL_HUB_SYSTEM, wallClock: () => 1_000_000 + ahead }
  return {
    calls: new IdempotentCalls(new KeptAnswers(database), system),
    pass: (ms) => {
      ahead += ms
    },
    [Symbol.asyncDispose]: () => database.close(),
  }
}

describe('IdempotentCalls', () => {
  test('runs once, gives the same answer again, and forgets after a day', async () => {
    await using world = await open()
    let runs = 0
    const run = async () => {
      runs++
      return MADE
    }
    assert.deepEqual(await world.calls.once(CALL, run), { answer: MADE, isRepeated: false })
    assert.deepEqual(await world.calls.once(CALL, run), { answer: MADE, isRepeated: true })
    world.pass(KEEP_ANSWERS_MS)
    await world.calls.sweep()
    assert.equal((await world.calls.once(CALL, run)).isRepeated, true)
    world.pass(1)
    await world.calls.sweep()
    assert.equal((await world.calls.once(CALL, run)).isRepeated, false)
    assert.equal(runs, 2)
  })

  test('is another call with another key or caller, and refuses another request with the same', async () => {
    await using world = await open()
    const run = async () => MADE
    await world.calls.once(CALL, run)
    assert.equal((await world.calls.once({ ...CALL, caller: 'binh' }, run)).isRepeated, false)
    assert.equal((await world.calls.once({ ...CALL, key: 'l' }, run)).isRepeated, false)
    await assert.rejects(
      world.calls.once({ ...CALL, request: 'POST /v1/files {"a":1}' }, run),
      (error) => error instanceof ProblemError && error.code === 'IDEMPOTENCY_MISMATCH',
    )
    for (const key of ['', ' ', 'a b', 'é', 'x'.repeat(201)])
      await assert.rejects(world.calls.once({ ...CALL, key }, run), ProblemError, key)
  })

  test('keeps a refusal, and neither a fault nor a limit', async () => {
    await using world = await open()
    const statuses = [503, 429, 409, 200]
    const run = async (): Promise<KeptAnswer> => ({ status: statuses.shift() ?? 0, body: '' })
    const seen: number[] = []
    for (let at = 0; at < 4; at++) seen.push((await world.calls.once(CALL, run)).answer.status)
    assert.deepEqual(seen, [503, 429, 409, 409])
  })

  test('tells all who wait when the first fails, and lets the next one try', async () => {
    await using world = await open()
    const fails = () => Promise.reject(new Error('no'))
    const both = await Promise.allSettled([world.calls.once(CALL, fails), world.calls.once(CALL, fails)])
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal((await world.calls.once(CALL, async () => MADE)).isRepeated, false)
  })
})
