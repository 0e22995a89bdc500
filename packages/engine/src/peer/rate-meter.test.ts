import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RateMeter } from './rate-meter.ts'

function feed(meter: RateMeter, from: number, to: number, bytesPerSecond: number): void {
  for (let now = from; now < to; now += 10) meter.add(bytesPerSecond / 100, now)
}

function assertWithin(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= expected * share, `${actual} is not within ${share * 100} % of ${expected}`)
}

describe('RateMeter', () => {
  test('is right after one second and after ten', () => {
    const meter = new RateMeter(5_000)
    feed(meter, 5_000, 6_000, 1_000_000)
    assertWithin(meter.bytesPerSecond(6_000), 1_000_000, 0.02)
    feed(meter, 6_000, 15_000, 1_000_000)
    assertWithin(meter.bytesPerSecond(15_000), 1_000_000, 0.02)
    assertWithin(meter.bytesPerSecond(15_073), 1_000_000, 0.05)
  })

  test('follows a change of rate within its window', () => {
    const meter = new RateMeter(0)
    feed(meter, 0, 10_000, 1_000_000)
    feed(meter, 10_000, 12_000, 50_000)
    assertWithin(meter.bytesPerSecond(12_000), 50_000, 0.05)
  })

  test('decays to nothing when bytes stop', () => {
    const meter = new RateMeter(0)
    feed(meter, 0, 5_000, 1_000_000)
    assert.ok(meter.bytesPerSecond(6_000) < 600_000)
    assert.equal(meter.bytesPerSecond(7_200), 0)
    assert.equal(meter.bytesPerSecond(1e12), 0)
    assert.equal(meter.total, 5_000_000)
  })

  test('does not call the first block of a connection a gigabyte a second', () => {
    const meter = new RateMeter(1_000)
    meter.add(16_384, 1_000.01)
    assert.ok(meter.bytesPerSecond(1_000.02) <= 163_840)
  })

  test('agrees with a list of everything that came', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 1 << 20 })), { maxLength: 200 }),
        (events) => {
          const meter = new RateMeter(0)
          const came: { at: number; bytes: number }[] = []
          let now = 0
          for (const [pause, bytes] of events) {
            now += pause
            meter.add(bytes, now)
            came.push({ at: now, bytes })
          }
          const begin = Math.max(0, (Math.floor(now / 100) - 19) * 100)
          const sum = came.reduce((bytes, event) => bytes + (event.at >= begin ? event.bytes : 0), 0)
          assert.ok(Math.abs(meter.bytesPerSecond(now) - (sum * 1000) / Math.max(now - begin, 100)) < 1)
        },
      ),
    )
  })
})
