import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredPoint } from './state-file.ts'
import { Documents } from './state-store.ts'
import { Traffic } from './traffic.ts'

const MINUTE = 60_000
const NOON = 1_800_000_000_000 - (1_800_000_000_000 % 86_400_000) + 43_200_000

/** What a state store keeps, without a disk. */
class KeptTraffic {
  points: StoredPoint[] = []
  readonly #totals = new Map<string, unknown>()

  collection(): never {
    return new Documents(this.#totals, () => Promise.resolve()) as never
  }

  addPoint(point: StoredPoint, keepFrom: number): Promise<void> {
    this.points = this.points.filter((each) => each.span !== point.span || (each.at >= keepFrom && each.at !== point.at))
    this.points.push(point)
    return Promise.resolve()
  }
}

describe('the history of traffic', () => {
  test('has a point a minute, and says so where nothing was moved', () => {
    const traffic = new Traffic(new KeptTraffic())
    traffic.add({ downloaded: 10, uploaded: 1 })
    traffic.keep(NOON)
    traffic.keep(NOON + MINUTE)
    traffic.add({ downloaded: 5, uploaded: 0 })
    traffic.keep(NOON + 2 * MINUTE)
    assert.deepEqual(traffic.read('day', NOON + 2 * MINUTE), [
      { at: NOON, downloaded: 10, uploaded: 1 },
      { at: NOON + MINUTE, downloaded: 0, uploaded: 0 },
      { at: NOON + 2 * MINUTE, downloaded: 5, uploaded: 0 },
    ])
    assert.deepEqual(traffic.read('year', NOON), [{ at: NOON, downloaded: 15, uploaded: 1 }])
  })

  test('goes on after a restart, within the same minute too', () => {
    const kept = new KeptTraffic()
    const before = new Traffic(kept)
    before.add({ downloaded: 10, uploaded: 1 })
    before.keep(NOON)
    const after = new Traffic(kept)
    after.add({ downloaded: 7, uploaded: 1 })
    assert.deepEqual(after.totals, { downloaded: 17, uploaded: 2 })
    after.keep(NOON + 1_000)
    assert.deepEqual(after.read('day', NOON + 1_000), [{ at: NOON, downloaded: 17, uploaded: 2 }])
  })

  test('forgets minutes after a day, and hours after a year', () => {
    const kept = new KeptTraffic()
    const traffic = new Traffic(kept)
    const days = (count: number) => NOON + count * 1440 * MINUTE
    for (const at of [days(0), days(2), days(400)]) {
      traffic.add({ downloaded: 1, uploaded: 1 })
      traffic.keep(at)
    }
    assert.equal(kept.points.filter(({ span }) => span === 'day').length, 1)
    assert.equal(kept.points.filter(({ span }) => span === 'year').length, 1)
    assert.equal(traffic.read('day', days(400) + 1_000 * MINUTE).length, 1_001)
  })

  test('is one empty point where nothing was ever moved', () => {
    assert.deepEqual(new Traffic(new KeptTraffic()).read('day', NOON), [{ at: NOON, downloaded: 0, uploaded: 0 }])
  })
})
