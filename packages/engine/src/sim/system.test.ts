import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Random } from './random.ts'
import { SimSystem } from './system.ts'

describe('Random', () => {
  test('one seed gives one story, another seed another', () => {
    const story = (seed: string): number[] =>
      Array.from({ length: 20 }, () => 0).map(
        (
          (random) => () =>
            random.next()
        )(new Random(seed)),
      )
    assert.deepEqual(story('a'), story('a'))
    assert.notDeepEqual(story('a'), story('b'))
  })

  test('a fork is not changed by what its parent throws', () => {
    const one = new Random(1)
    const two = new Random(1)
    one.next()
    assert.equal(one.fork('x').next(), two.fork('x').next())
    assert.notEqual(one.fork('x').next(), one.fork('y').next())
  })

  test('dice are fair', () => {
    const random = new Random('fair')
    const counts = [0, 0, 0, 0, 0]
    for (let roll = 0; roll < 50_000; roll++) counts[random.below(5)]!++
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 5 * Math.sqrt(8000), counts.join(' '))
  })
})

describe('SimSystem', () => {
  test('events happen at their time, in the order in which they were asked for', async () => {
    const system = new SimSystem({ seed: 1 })
    const seen: string[] = []
    for (const [name, delay] of [
      ['late', 20],
      ['first', 10],
      ['second', 10],
    ] as const) {
      system.after(delay, () => seen.push(`${name} ${system.now()}`))
    }
    system.after(15, () => assert.fail('cancelled')).cancel()
    await system.run(10)
    assert.deepEqual(seen, ['first 10', 'second 10'])
    await system.run(100)
    assert.deepEqual(seen, ['first 10', 'second 10', 'late 20'])
    assert.equal(system.now(), 110)
  })

  test('what was put off until soon, and what was promised, comes before time moves on', async () => {
    const system = new SimSystem({ seed: 1 })
    const seen: string[] = []
    system.after(5, () => {
      const chain = async (): Promise<void> => {
        for (let step = 0; step < 20; step++) await Promise.resolve()
        seen.push(`promise ${system.now()}`)
        system.soon(() => seen.push(`soon ${system.now()}`))
        await Promise.resolve()
        system.after(1, () => seen.push(`timer ${system.now()}`))
      }
      void chain()
      seen.push('stack')
    })
    system.after(5.5, () => seen.push('next'))
    await system.run(10)
    assert.deepEqual(seen, ['stack', 'promise 5', 'soon 5', 'next', 'timer 6'])
  })

  test('complete runs until a promise has settled, and no longer', async () => {
    const system = new SimSystem({ seed: 1 })
    const wait = (ms: number): Promise<string> =>
      new Promise((resolve) => {
        system.after(ms, () => resolve(`after ${ms}`))
      })
    assert.equal(await system.complete(wait(1000)), 'after 1000')
    assert.equal(system.now(), 1000)
    await assert.rejects(system.complete(Promise.reject(new Error('no'))), /no/)
    await assert.rejects(system.complete(wait(1000), 10), /has not settled within 10 ms .*seed 1/)
  })

  test('an error in an event comes out of the run', async () => {
    const system = new SimSystem({ seed: 1 })
    system.after(1, () => {
      throw new Error('a bug')
    })
    await assert.rejects(system.run(10), /a bug/)
  })

  test('every repeats until it is cancelled, also from inside', async () => {
    const system = new SimSystem({ seed: 1 })
    let ticks = 0
    const timer = system.every(10, () => {
      if (++ticks === 3) timer.cancel()
    })
    await system.run(1000)
    assert.equal(ticks, 3)
  })

  test('the clock on the wall jumps, the monotonic one does not', async () => {
    const system = new SimSystem({ seed: 1, wallClockMs: 1000 })
    system.after(5, () => system.jumpWallClock(-3_600_000))
    await system.run(10)
    assert.deepEqual([system.now(), system.wallClock()], [10, 1010 - 3_600_000])
  })

  test('time that a call takes makes the rest late, never early', async () => {
    const system = new SimSystem({ seed: 1 })
    const seen: number[] = []
    system.after(1, () => system.spend(50))
    system.after(2, () => seen.push(system.now()))
    await system.run(100)
    assert.deepEqual(seen, [51])
  })

  test('the digest tells two stories apart', async () => {
    const digest = async (text: string, delay: number): Promise<string> => {
      const system = new SimSystem({ seed: 1 })
      system.after(delay, () => system.log(text))
      await system.run(10)
      return system.digest
    }
    assert.equal(await digest('a', 1), await digest('a', 1))
    assert.notEqual(await digest('a', 1), await digest('b', 1))
    assert.notEqual(await digest('a', 1), await digest('a', 2))
  })
})
