import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type QueueCandidate, torrentsToRun, withPlace } from './queue.ts'

function candidate(id: string, more: Partial<QueueCandidate> = {}): QueueCandidate {
  return { id, aim: 'download', isForced: false, isRunning: false, isSlow: false, ...more }
}

const LIMITS = { maxActiveDownloads: 2, maxActiveSeeds: 1 }

describe('the queue', () => {
  test('gives places in order, downloads and seeds apart', () => {
    const list = ['a', 'b', 'c'].map((id) => candidate(id))
    const seeds = ['s', 't'].map((id) => candidate(id, { aim: 'seed' }))
    assert.deepEqual([...torrentsToRun([seeds[0]!, ...list, seeds[1]!], LIMITS)], ['s', 'a', 'b'])
  })

  test('does not count slow ones that run', () => {
    const list = [candidate('a', { isRunning: true, isSlow: true }), candidate('b'), candidate('c'), candidate('d')]
    assert.deepEqual([...torrentsToRun(list, LIMITS)], ['a', 'b', 'c'])
  })

  test('stops the last one when a slow one is fast again', () => {
    const list = ['a', 'b', 'c'].map((id) => candidate(id, { isRunning: true }))
    assert.deepEqual([...torrentsToRun(list, LIMITS)], ['a', 'b'])
  })

  test('runs forced ones outside of it', () => {
    const list = [candidate('a'), candidate('b'), candidate('c', { isForced: true })]
    assert.deepEqual([...torrentsToRun(list, LIMITS)], ['a', 'b', 'c'])
  })

  test('puts a torrent to a place', () => {
    assert.deepEqual(withPlace(['a', 'b', 'c'], 'c', 1), ['c', 'a', 'b'])
    assert.deepEqual(withPlace(['a', 'b', 'c'], 'a', 2), ['b', 'a', 'c'])
    assert.deepEqual(withPlace(['a', 'b', 'c'], 'a', 99), ['b', 'c', 'a'])
  })
})
