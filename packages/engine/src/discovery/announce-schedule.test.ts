import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnnounceReply } from '@shoal/protocol/tracker/announce'
import fc from 'fast-check'
import { hungryDelayMs, intervalMs, leastIntervalMs, DEFAULT_ANNOUNCE_OPTIONS as options, retryDelayMs } from './announce-schedule.ts'

function reply(intervalSeconds: number, minIntervalSeconds?: number): AnnounceReply {
  return { intervalSeconds, peers: [], ...(minIntervalSeconds === undefined ? {} : { minIntervalSeconds }) }
}

describe('the announce schedule', () => {
  test('obeys a sensible interval', () => {
    assert.equal(intervalMs(reply(1800), options), 1_800_000)
    assert.equal(intervalMs(reply(900, 1200), options), 1_200_000)
  })

  test('does not let a tracker make us storm it, or send us away for ever', () => {
    for (const lie of [0, -1, -Infinity, Number.NaN, 1e-9]) assert.equal(intervalMs(reply(lie), options), 60_000)
    for (const lie of [2 ** 63, Infinity, 86_400]) assert.equal(intervalMs(reply(lie), options), 3_600_000)
    assert.equal(intervalMs(reply(1800, 2 ** 63), options), 3_600_000)
    assert.equal(leastIntervalMs(reply(1800, 2 ** 63), options), 3_600_000)
    assert.equal(leastIntervalMs(reply(1800, -7), options), 0)
    assert.equal(leastIntervalMs(reply(1800), options), 0)
  })

  test('asks every 15 to 30 seconds in need, and more seldom when that does not help', () => {
    assert.equal(hungryDelayMs(0, 0, options), 15_000)
    assert.ok(hungryDelayMs(0, 0.999, options) < 30_000)
    assert.equal(hungryDelayMs(20, 0, options), 60_000)
  })

  test('backs off from 15 seconds to 30 minutes, 10 % up or down', () => {
    for (let round = 1; round < 2000; round++) {
      const middle = Math.min(15_000 * 2 ** (round - 1), 1_800_000)
      assert.equal(retryDelayMs(round, 0.5, options), middle)
      assert.ok(retryDelayMs(round, 0, options) >= 0.9 * middle - 1)
      assert.ok(retryDelayMs(round, 0.9999, options) <= 1.1 * middle)
    }
  })

  test('has a finite delay within its bounds for every answer', () => {
    const seconds = fc.oneof(fc.double(), fc.integer())
    fc.assert(
      fc.property(seconds, fc.option(seconds, { nil: undefined }), (interval, least) => {
        const delay = intervalMs(reply(interval, least), options)
        assert.ok(delay >= options.shortestIntervalMs && delay <= options.longestIntervalMs)
      }),
    )
  })
})
