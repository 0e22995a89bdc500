import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { RateLimits } from './rate-limits.ts'
import type { DoorSystem } from './system.ts'

function limitsAt(clock: { now: number }): RateLimits {
  const system: DoorSystem = {
    now: () => clock.now,
    wallClock: () => clock.now,
    randomBytes: (length) => new Uint8Array(length),
  }
  return new RateLimits(system, { ping: { burst: 2, perMinute: 6 } })
}

describe('RateLimits', () => {
  test('gives a burst, and then one call in so many seconds', () => {
    const clock = { now: 0 }
    const limits = limitsAt(clock)
    assert.equal(limits.draw('ping', 'an').remaining, 1)
    assert.equal(limits.draw('ping', 'an').remaining, 0)
    assert.throws(
      () => limits.draw('ping', 'an'),
      (error) => error instanceof ProblemError && error.code === 'RATE_LIMITED' && error.extras.retryAfterSeconds === 10,
    )
    assert.equal(limits.draw('ping', 'binh').remaining, 1)
    clock.now += 10_000
    assert.equal(limits.draw('ping', 'an').remaining, 0)
    clock.now += 1_000_000
    assert.equal(limits.draw('ping', 'an').remaining, 1)
  })

  test('gives a network more than a caller', () => {
    const limits = limitsAt({ now: 0 })
    for (let at = 0; at < 60; at++) limits.draw('ping', '192.0.2.0/24', 30)
    assert.throws(() => limits.draw('ping', '192.0.2.0/24', 30), ProblemError)
  })

  test('forgets those that were not here for longest, beyond twenty thousand', () => {
    const limits = limitsAt({ now: 0 })
    const draw = (who: string) => limits.draw('ping', who).remaining
    assert.equal(draw('first'), 1)
    assert.equal(draw('second'), 1)
    for (let at = 0; at < 19_999; at++) draw(`${at}`)
    assert.equal(draw('second'), 0)
    assert.equal(draw('first'), 1)
  })
})
