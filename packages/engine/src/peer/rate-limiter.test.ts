import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { System, Timer } from '../ports/system.ts'
import { RateLimiter } from './rate-limiter.ts'

const BLOCK = 16_384

/** Virtual time: timers only, which is all that a limiter needs of a system. */
class VirtualTime {
  time = 1000
  readonly #timers = new Set<{ at: number; callback: () => void }>()

  get system(): System {
    return this as unknown as System
  }
  get timerCount(): number {
    return this.#timers.size
  }
  now(): number {
    return this.time
  }
  after(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.time + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }
  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      let next: { at: number; callback: () => void } | undefined
      for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
      if (next === undefined) break
      this.#timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.callback()
    }
    this.time = end
  }
}

/** Takes whole blocks whenever it may, without end: what an uploading connection does. */
class Greedy {
  moved = 0
  readonly #limiter: RateLimiter
  readonly #time: VirtualTime
  constructor(limiter: RateLimiter, time: VirtualTime) {
    this.#limiter = limiter
    this.#time = time
    this.go()
  }
  go(): void {
    for (;;) {
      const granted = this.#limiter.take(16 * BLOCK, this.#time.now())
      const whole = granted - (granted % BLOCK)
      this.#limiter.refund(granted - whole)
      this.moved += whole
      if (whole === 0) break
    }
    this.#limiter.whenAvailable(() => this.go())
  }
}

function assertWithin(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= expected * share, `${actual} is not within ${share * 100} % of ${expected}`)
}

describe('RateLimiter', () => {
  test('lets everything pass when there is no ceiling', () => {
    const time = new VirtualTime()
    const root = new RateLimiter({ bytesPerSecond: Infinity, system: time.system })
    const child = new RateLimiter({ bytesPerSecond: Infinity, system: time.system, parent: root })
    assert.equal(root.take(1e12, time.now()), 1e12)
    assert.equal(child.take(1e12, time.now()), 1e12)
    let called = 0
    child.whenAvailable(() => called++)
    assert.equal(called, 0)
    time.advance(0)
    assert.equal(called, 1)
  })

  for (const rate of [100_000, 1_000_000, 50_000_000]) {
    test(`holds ${rate} bytes a second over ten seconds within 2 %`, () => {
      const time = new VirtualTime()
      const limiter = new RateLimiter({ bytesPerSecond: rate, system: time.system })
      const greedy = new Greedy(limiter, time)
      time.advance(10_000)
      assertWithin(greedy.moved, rate * 10, 0.02)
      limiter.close()
      assert.equal(time.timerCount, 0)
    })
  }

  test('moves whole blocks also when a block takes seconds', () => {
    const time = new VirtualTime()
    const greedy = new Greedy(new RateLimiter({ bytesPerSecond: 5_000, system: time.system }), time)
    time.advance(100_000)
    assert.ok(greedy.moved > 500_000 - 2 * BLOCK && greedy.moved <= 500_000 + BLOCK, String(greedy.moved))
  })

  test('lets no tenth of a second carry more than one and a half of its share, even after a pause', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 10_000_000, system: time.system })
    time.advance(60_000)
    const greedy = new Greedy(limiter, time)
    const moved = [0]
    for (let ms = 0; ms < 1_000; ms++) {
      moved.push(greedy.moved)
      time.advance(1)
    }
    const most = Math.max(...moved.map((bytes, at) => bytes - moved[Math.max(0, at - 100)]!))
    assert.ok(most <= 1_500_000, String(most))
  })

  test('makes up for timers that come late', () => {
    const time = new VirtualTime()
    const greedy = new Greedy(new RateLimiter({ bytesPerSecond: 10_000_000, system: time.system }), time)
    // A busy program: it looks at its timers ten times a second.
    for (let turn = 0; turn < 100; turn++) {
      time.time += 99
      time.advance(1)
    }
    assertWithin(greedy.moved, 100_000_000, 0.02)
  })

  test('does not save up more than a twentieth of a second', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 10_000_000, system: time.system })
    time.advance(60_000)
    assert.equal(limiter.take(1e9, time.now()), 500_000)
    assert.equal(limiter.take(1e9, time.now()), 0)
  })

  test('needs the consent of the parent too', () => {
    const time = new VirtualTime()
    const root = new RateLimiter({ bytesPerSecond: 1_000_000, system: time.system })
    const child = new RateLimiter({ bytesPerSecond: 10_000_000, system: time.system, parent: root })
    assert.equal(child.take(1e9, time.now()), 50_000)
    assert.equal(child.take(1e9, time.now()), 0)
    assert.equal(root.take(1, time.now()), 0)
    child.refund(50_000)
    assert.equal(root.take(1e9, time.now()), 50_000)
  })

  test('shares fairly among all who wait', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 2_000_000, system: time.system })
    const all = Array.from({ length: 7 }, () => new Greedy(limiter, time))
    time.advance(20_000)
    for (const greedy of all) assertWithin(greedy.moved, 40_000_000 / 7, 0.1)
  })

  test('shares fairly under an unlimited torrent', () => {
    const time = new VirtualTime()
    const root = new RateLimiter({ bytesPerSecond: 2_000_000, system: time.system })
    const torrent = new RateLimiter({ bytesPerSecond: Infinity, system: time.system, parent: root })
    const all = Array.from({ length: 7 }, () => new Greedy(torrent, time))
    time.advance(20_000)
    for (const greedy of all) assertWithin(greedy.moved, 40_000_000 / 7, 0.1)
  })

  test('shares fairly between torrents, and a torrent keeps its own ceiling', () => {
    const time = new VirtualTime()
    const root = new RateLimiter({ bytesPerSecond: 4_000_000, system: time.system })
    const small = new RateLimiter({ bytesPerSecond: 500_000, system: time.system, parent: root })
    const large = new RateLimiter({ bytesPerSecond: Infinity, system: time.system, parent: root })
    const ofSmall = [new Greedy(small, time), new Greedy(small, time)]
    const ofLarge = new Greedy(large, time)
    time.advance(20_000)
    assertWithin(ofSmall[0]!.moved + ofSmall[1]!.moved, 10_000_000, 0.03)
    assertWithin(ofSmall[0]!.moved, ofSmall[1]!.moved, 0.1)
    assertWithin(ofLarge.moved, 70_000_000, 0.03)
  })

  test('lets nobody overtake those who wait', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 1_000_000, system: time.system })
    limiter.take(1e9, time.now())
    let isServed = false
    limiter.whenAvailable(() => {
      isServed = limiter.take(BLOCK, time.now()) === BLOCK
    })
    time.time += 15
    assert.equal(limiter.take(1, time.now()), 0)
    time.advance(100)
    assert.ok(isServed)
    assert.ok(limiter.take(1, time.now()) > 0)
  })

  test('pays off a debt before anything else goes', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 1_000_000, system: time.system })
    limiter.spend(1_100_000, time.now())
    time.advance(900)
    assert.equal(limiter.take(BLOCK, time.now()), 0)
    time.advance(200)
    assert.equal(limiter.take(BLOCK, time.now()), BLOCK)
  })

  test('lets nothing pass at a rate of nothing, and goes on when the rate is raised', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 0, system: time.system })
    const greedy = new Greedy(limiter, time)
    time.advance(10_000)
    assert.equal(greedy.moved, 0)
    assert.equal(time.timerCount, 0)
    limiter.setRate(1_000_000)
    time.advance(10_000)
    assertWithin(greedy.moved, 10_000_000, 0.02)
  })

  test('wakes everybody when the ceiling is taken away', () => {
    const time = new VirtualTime()
    const limiter = new RateLimiter({ bytesPerSecond: 10, system: time.system })
    let woken = 0
    for (let count = 0; count < 5; count++) limiter.whenAvailable(() => woken++)
    limiter.setRate(Infinity)
    time.advance(1)
    assert.equal(woken, 5)
    assert.equal(time.timerCount, 0)
  })

  test('forgets who has left the line', () => {
    const time = new VirtualTime()
    const root = new RateLimiter({ bytesPerSecond: 20, system: time.system })
    const child = new RateLimiter({ bytesPerSecond: Infinity, system: time.system, parent: root })
    let woken = 0
    const leave = child.whenAvailable(() => woken++)
    time.advance(10)
    assert.equal(root.waiting, 1)
    leave()
    assert.equal(root.waiting, 0)
    time.advance(1e7)
    assert.equal(woken, 0)
    assert.equal(time.timerCount, 0)
  })

  test('never lets more through than rate, saved time and one block allow', () => {
    const moment = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 1 << 20 }))
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 10_000_000 }), fc.array(moment, { maxLength: 100 }), (rate, moments) => {
        const time = new VirtualTime()
        const limiter = new RateLimiter({ bytesPerSecond: rate, system: time.system })
        let moved = 0
        for (const [pause, bytes] of moments) {
          time.advance(pause)
          const granted = limiter.take(bytes, time.now())
          assert.ok(Number.isInteger(granted) && granted >= 0 && granted <= bytes)
          moved += granted
          assert.ok(moved <= (rate * (time.now() - 1000)) / 1000 + Math.max(rate / 10, BLOCK) + 1)
        }
      }),
    )
  })
})
