import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DAY, MINUTE, TestSystem } from '../../test/accounts-world.ts'
import { openDatabase } from '../database/database.ts'
import { ATTEMPT_RULES, Attempts } from './attempts.ts'

async function world() {
  const system = new TestSystem()
  const database = await openDatabase({ file: ':memory:' })
  const load = () => Attempts.load(database, system, new Uint8Array(32))
  const rows = () => database.db.selectFrom('attempts').selectAll().execute()
  return { system, load, rows, attempts: await load() }
}

const { capacity, perMinute } = ATTEMPT_RULES.registerNetwork

describe('Attempts', () => {
  test('are forgotten one by one, at the rate of their rule', async () => {
    const { attempts, system } = await world()
    for (let i = 0; i < capacity; i++) await attempts.register('192.0.2.1')
    await assert.rejects(attempts.register('192.0.2.1'), { code: 'RATE_LIMITED', extras: { retryAfterSeconds: 30 } })
    system.time += MINUTE / perMinute - 1
    await assert.rejects(attempts.register('192.0.2.1'), { code: 'RATE_LIMITED', extras: { retryAfterSeconds: 1 } })
    system.time += 1
    await attempts.register('192.0.2.1')
    await assert.rejects(attempts.register('192.0.2.1'), { code: 'RATE_LIMITED' })
  })

  test('that are refused make nobody wait longer', async () => {
    const { attempts, system } = await world()
    for (let i = 0; i < capacity; i++) await attempts.register('192.0.2.1')
    for (let i = 0; i < 100; i++) await assert.rejects(attempts.register('192.0.2.1'))
    system.time += MINUTE
    await attempts.register('192.0.2.1')
  })

  test('that were good do not count, whenever that turns out', async () => {
    const { attempts, rows } = await world()
    const open = await Promise.all(Array.from({ length: capacity }, () => attempts.register('192.0.2.1')))
    await assert.rejects(attempts.register('192.0.2.1'))
    await Promise.all(open.map((attempt) => attempt.giveBack()))
    assert.deepEqual(await rows(), [])
  })

  test('count over a restart, and fade meanwhile', async () => {
    const { attempts, system, load } = await world()
    for (let i = 0; i < capacity; i++) await attempts.register('192.0.2.1')
    await assert.rejects((await load()).register('192.0.2.1'), { code: 'RATE_LIMITED' })
    system.time += DAY
    await (await load()).register('192.0.2.1')
  })

  test('are neither forgiven nor frozen by a clock that is set back', async () => {
    const { attempts, system } = await world()
    for (let i = 0; i < capacity; i++) await attempts.register('192.0.2.1')
    system.time -= DAY
    await assert.rejects(attempts.register('192.0.2.1'), { code: 'RATE_LIMITED' })
    system.time += MINUTE
    await attempts.register('192.0.2.1')
  })

  test('that have faded leave memory and database', async () => {
    const { attempts, system, rows } = await world()
    for (let i = 0; i < 300; i++) await attempts.register(`10.0.${i % 256}.1`)
    assert.equal((await rows()).length, 257)
    system.time += DAY
    await attempts.sweep()
    assert.deepEqual(await rows(), [])
  })

  test('of everybody together end, too: that bounds how much is remembered', async () => {
    const { attempts, rows } = await world()
    const most = ATTEMPT_RULES.registerAll.capacity
    for (let i = 0; i < most; i++) await attempts.register(`10.${i >> 8}.${i & 255}.1`)
    await assert.rejects(attempts.register('192.0.2.1'), { code: 'RATE_LIMITED' })
    assert.equal((await rows()).length, most + 1)
  })
})
