import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { EventQueue } from './event-queue.ts'

describe('EventQueue', () => {
  test('gives what a sorted list would give, whatever is added, taken and cancelled', () => {
    const action = fc.oneof(
      fc.record({ type: fc.constant('add' as const), timeMs: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ type: fc.constant('take' as const) }),
      fc.record({ type: fc.constant('cancel' as const), index: fc.nat(50) }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const queue = new EventQueue()
        const twin: ReturnType<EventQueue['add']>[] = []
        for (const each of actions) {
          if (each.type === 'add') twin.push(queue.add(each.timeMs, () => {}))
          const alive = twin
            .filter(({ callback }) => callback !== undefined)
            .toSorted((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)
          if (each.type === 'take') {
            const taken = queue.take()
            assert.equal(taken, alive[0])
            if (taken !== undefined) taken.callback = undefined
          } else if (each.type === 'cancel') {
            const event = alive[each.index]
            if (event !== undefined) event.callback = undefined
          }
        }
      }),
    )
  })
})
