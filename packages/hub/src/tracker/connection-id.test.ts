import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HubSystem } from '../system.ts'
import { ConnectionIds } from './connection-id.ts'

const MINUTE = 60_000
const HERE = Uint8Array.of(192, 0, 2, 1)

class Clock implements HubSystem {
  time = 0
  #seed = 1
  now = () => this.time
  wallClock = () => this.time
  randomBytes = (length: number) => Uint8Array.from({ length }, () => this.#seed++ * 37)
  randomBelow = () => 0
}

describe('ConnectionIds', () => {
  test('are good for at least one and at most two minutes', () => {
    const clock = new Clock()
    const ids = new ConnectionIds(clock)
    for (const start of [0, 1, 59_999, 3_000 * MINUTE]) {
      clock.time = start
      const id = ids.issue(HERE)
      for (const later of [0, 1, 30_000, MINUTE]) {
        clock.time = start + later
        assert.equal(ids.isValid(id, HERE), true, `${later} ms after ${start}`)
      }
      clock.time = start + 2 * MINUTE
      assert.equal(ids.isValid(id, HERE), false)
    }
  })

  test('are good for their address only', () => {
    const ids = new ConnectionIds(new Clock())
    const id = ids.issue(HERE)
    assert.equal(ids.isValid(id, Uint8Array.of(192, 0, 2, 2)), false)
    const six = new Uint8Array(16).fill(1)
    assert.equal(ids.isValid(ids.issue(six), six), true)
    assert.equal(ids.isValid(id, six), false)
  })

  test('from the future or with any bit changed are worth nothing', () => {
    const clock = new Clock()
    clock.time = 60 * MINUTE
    const ids = new ConnectionIds(clock)
    const future = ids.issue(HERE)
    clock.time = 50 * MINUTE
    assert.equal(ids.isValid(future, HERE), false)
    const id = ids.issue(HERE)
    for (let bit = 0; bit < 64; bit++) {
      const forged = id.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(ids.isValid(forged, HERE), false, `bit ${bit}`)
    }
  })

  test('of another hub are worth nothing', () => {
    const clock = new Clock()
    const ours = new ConnectionIds(clock)
    const theirs = new ConnectionIds(clock)
    assert.equal(ours.isValid(theirs.issue(HERE), HERE), false)
  })
})
