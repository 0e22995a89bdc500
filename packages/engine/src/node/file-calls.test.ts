import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { FileCalls } from './file-calls.ts'

describe('FileCalls', () => {
  const there = tmpdir()

  /** On this clock every call takes as long as it is told. */
  function withClock(): { calls: FileCalls; clock: { nowMs: number; callMs: number } } {
    const clock = { nowMs: 0, callMs: 0 }
    const calls = new FileCalls(() => {
      clock.nowMs += clock.callMs
      return clock.nowMs
    })
    return { calls, clock }
  }

  async function isAtOnce(calls: FileCalls): Promise<boolean> {
    const answer = calls.lstat(there)
    assert.equal((await answer)?.isDirectory(), true)
    return !(answer instanceof Promise)
  }

  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('answers at once as long as the disk does', async () => {
    const { calls, clock } = withClock()
    clock.callMs = 0.01
    for (let call = 0; call < 100; call++) assert.equal(await isAtOnce(calls), true)
  })

  test('takes no more than its share of one turn of the loop', async () => {
    const { calls, clock } = withClock()
    clock.callMs = 0.5
    let count = 0
    while (!(calls.lstat(there) instanceof Promise)) count++
    assert.equal(count, 9)
    await nextTurn()
    assert.equal(await isAtOnce(calls), true)
  })

  test('leaves a slow disk to threads for a while, then tries again', async () => {
    const { calls, clock } = withClock()
    clock.callMs = 150
    assert.equal(await isAtOnce(calls), true)
    await nextTurn()
    clock.callMs = 0
    assert.equal(await isAtOnce(calls), false)
    clock.nowMs += 2_900
    assert.equal(await isAtOnce(calls), false)
    clock.nowMs += 200
    assert.equal(await isAtOnce(calls), true)
  })

  for (const [how, callMs] of [
    ['at once', 0],
    ['through a thread', 150],
  ] as const) {
    test(`what is not there is undefined, and any other failure has its code: ${how}`, async () => {
      const { calls, clock } = withClock()
      clock.callMs = callMs
      await calls.lstat(there)
      assert.equal(await calls.lstat(join(there, 'shoal', 'nothing', 'here')), undefined)
      await assert.rejects(async () => calls.open(join(there, 'shoal', 'nothing', 'here'), 0), { code: 'ENOENT' })
      await assert.rejects(async () => calls.lstat(`${import.meta.filename}/below`), { code: 'ENOTDIR' })
    })
  }
})
