import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NodeSystem } from './system.ts'

describe('NodeSystem', () => {
  const system = new NodeSystem()

  test('soon comes after the running stack and before any timer, also from inside a timer', async () => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      const due = (name: string): void => {
        system.after(1, () => {
          order.push(name)
          system.soon(() => order.push(`soon after ${name}`))
          if (name === 'second') system.soon(resolve)
        })
      }
      due('first')
      due('second')
      system.soon(() => order.push('soon'))
      order.push('stack')
      for (const end = system.now() + 5; system.now() < end; ); // both timers are due at the same time
    })
    assert.deepEqual(order, ['stack', 'soon', 'first', 'soon after first', 'second', 'soon after second'])
  })

  test('a delay too long for the machine is cut, and does not fire at once', async () => {
    let fired = 0
    const timers = [system.after(2 ** 40, () => fired++), system.every(Infinity, () => fired++)]
    await new Promise<void>((resolve) => {
      system.after(5, resolve)
    })
    for (const timer of timers) timer.cancel()
    assert.equal(fired, 0)
  })

  test('a cancelled timer stays silent, and every repeats until then', async () => {
    let ticks = 0
    system.after(1, () => assert.fail('cancelled')).cancel()
    await new Promise<void>((resolve) => {
      const ticking = system.every(1, () => {
        if (++ticks < 3) return
        ticking.cancel()
        resolve()
      })
    })
    assert.equal(ticks, 3)
  })

  test('dice are fair and stay below the limit', () => {
    const counts = [0, 0, 0, 0, 0]
    for (let roll = 0; roll < 50_000; roll++) counts[system.randomBelow(5)]!++
    // Five standard deviations: a fair die fails here once in a million runs.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 5 * Math.sqrt(8000), counts.join(' '))
    for (const limit of [1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
      for (let roll = 0; roll < 100; roll++) {
        const die = system.randomBelow(limit)
        assert.ok(Number.isSafeInteger(die) && die >= 0 && die < limit, `${die} of ${limit}`)
      }
    }
    for (const limit of [0, -1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => system.randomBelow(limit), /Cannot happen/)
  })

  test('random bytes differ, and are plain', () => {
    assert.equal(system.randomBytes(16).constructor, Uint8Array)
    assert.notDeepEqual(system.randomBytes(16), system.randomBytes(16))
  })

  test('the clock never goes back, and the boot has one id', () => {
    for (let before = system.now(), turn = 0; turn < 1000; turn++) {
      const now = system.now()
      assert.ok(now >= before)
      before = now
    }
    assert.equal(system.bootId(), system.bootId())
    if (process.platform === 'linux') assert.match(system.bootId() ?? '', /^[0-9a-f-]{36}$/)
  })
})
