import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inHashLanes } from './hash-lanes.ts'

const MIB = 1024 * 1024

/** What was woken, how many pieces were under way at most here and in threads, and all that were worked on. */
async function lanesOf({ threads, pieceCount, alsoHere }: { threads: number; pieceCount: number; alsoHere: boolean }) {
  let woken = 0
  const most = { here: 0, inThreads: 0 }
  const now = { here: 0, inThreads: 0 }
  const done: number[] = []
  const hasher = {
    threads,
    wake: (count: number) => {
      woken = Math.max(woken, count)
    },
  }
  await inHashLanes({ hasher, pieceLength: MIB, pieceCount, alsoHere }, Array(pieceCount).keys(), async (pieceIndex, isHere) => {
    const where = isHere ? 'here' : 'inThreads'
    now[where]++
    most[where] = Math.max(most[where], now[where])
    await Promise.resolve()
    now[where]--
    done.push(pieceIndex)
  })
  assert.deepEqual(
    done.toSorted((a, b) => a - b),
    [...Array(pieceCount).keys()],
  )
  return { woken, ...most }
}

describe('inHashLanes', () => {
  test('keeps every thread busy, and wakes those that are worth their start', async () => {
    assert.deepEqual(await lanesOf({ threads: 2, pieceCount: 1024, alsoHere: false }), { woken: 2, here: 0, inThreads: 4 })
    assert.deepEqual(await lanesOf({ threads: 2, pieceCount: 10, alsoHere: false }), { woken: 0, here: 0, inThreads: 4 })
  })

  test('with this thread among them, one piece at a time is its own, and there is one thread fewer', async () => {
    assert.deepEqual(await lanesOf({ threads: 4, pieceCount: 1024, alsoHere: true }), { woken: 3, here: 1, inThreads: 6 })
    assert.deepEqual(await lanesOf({ threads: 1, pieceCount: 1024, alsoHere: true }), { woken: 0, here: 1, inThreads: 0 })
  })

  test('with this thread among them, little work starts no other', async () => {
    assert.deepEqual(await lanesOf({ threads: 4, pieceCount: 159, alsoHere: true }), { woken: 0, here: 1, inThreads: 0 })
    assert.deepEqual(await lanesOf({ threads: 4, pieceCount: 160, alsoHere: true }), { woken: 1, here: 1, inThreads: 2 })
  })
})
