import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { LONGEST_REQUEST, UploadQueue } from './upload-queue.ts'

const BLOCK = 16_384

function run(queue: UploadQueue, maxBlocks = 16): readonly number[] | undefined {
  if (!queue.nextRun(maxBlocks)) return undefined
  return [queue.runPieceIndex, queue.runBegin, queue.runBlockCount, queue.runLastLength]
}

describe('UploadQueue', () => {
  test('serves neighbouring blocks of a piece as one run', () => {
    const queue = new UploadQueue()
    for (let block = 0; block < 20; block++) queue.push(7, block * BLOCK, BLOCK)
    assert.equal(queue.waitingBytes, 20 * BLOCK)
    assert.deepEqual(run(queue), [7, 0, 16, BLOCK])
    assert.deepEqual(run(queue), [7, 16 * BLOCK, 4, BLOCK])
    assert.equal(run(queue), undefined)
    assert.equal(queue.waitingBytes, 0)
  })

  test('ends a run at another piece, at a gap and after a short block', () => {
    const queue = new UploadQueue()
    queue.push(1, 0, BLOCK)
    queue.push(1, BLOCK, 100)
    queue.push(1, 2 * BLOCK, BLOCK)
    queue.push(2, 3 * BLOCK, BLOCK)
    queue.push(2, 5 * BLOCK, BLOCK)
    assert.deepEqual(run(queue), [1, 0, 2, 100])
    assert.deepEqual(run(queue), [1, 2 * BLOCK, 1, BLOCK])
    assert.deepEqual(run(queue), [2, 3 * BLOCK, 1, BLOCK])
    assert.deepEqual(run(queue), [2, 5 * BLOCK, 1, BLOCK])
  })

  test('serves odd requests of other clients one by one', () => {
    const queue = new UploadQueue()
    assert.ok(queue.push(0, 5, BLOCK))
    assert.ok(queue.push(0, 5 + BLOCK, BLOCK))
    assert.ok(queue.push(0, 0, LONGEST_REQUEST))
    assert.ok(queue.push(0, LONGEST_REQUEST, BLOCK))
    assert.deepEqual(run(queue), [0, 5, 1, BLOCK])
    assert.deepEqual(run(queue), [0, 5 + BLOCK, 1, BLOCK])
    assert.deepEqual(run(queue), [0, 0, 1, LONGEST_REQUEST])
    assert.deepEqual(run(queue), [0, LONGEST_REQUEST, 1, BLOCK])
  })

  test('does not take a long request into the run of its neighbours', () => {
    const queue = new UploadQueue()
    queue.push(0, 0, BLOCK)
    queue.push(0, BLOCK, 2 * BLOCK)
    assert.deepEqual(run(queue), [0, 0, 1, BLOCK])
    assert.deepEqual(run(queue), [0, BLOCK, 1, 2 * BLOCK])
  })

  test('refuses more than its bound, and lengths that nobody may ask for', () => {
    const queue = new UploadQueue(3)
    assert.ok(!queue.push(0, 0, 0))
    assert.ok(!queue.push(0, 0, LONGEST_REQUEST + 1))
    for (let block = 0; block < 3; block++) assert.ok(queue.push(0, block * BLOCK, BLOCK))
    assert.ok(!queue.push(0, 3 * BLOCK, BLOCK))
    assert.equal(queue.size, 3)
    queue.nextRun(1)
    assert.ok(queue.push(0, 3 * BLOCK, BLOCK))
  })

  test('holds 500 requests unless told otherwise', () => {
    const queue = new UploadQueue()
    let taken = 0
    while (queue.push(0, taken * BLOCK, BLOCK)) taken++
    assert.equal(taken, 500)
  })

  test('cancels exactly what was asked', () => {
    const queue = new UploadQueue()
    for (let block = 0; block < 4; block++) queue.push(0, block * BLOCK, BLOCK)
    assert.ok(!queue.cancel(0, BLOCK, BLOCK - 1))
    assert.ok(queue.cancel(0, BLOCK, BLOCK))
    assert.ok(!queue.cancel(0, BLOCK, BLOCK))
    assert.deepEqual(run(queue), [0, 0, 1, BLOCK])
    assert.deepEqual(run(queue), [0, 2 * BLOCK, 2, BLOCK])
  })

  test('tells every request that it forgets, in order', () => {
    const queue = new UploadQueue()
    for (let block = 0; block < 40; block++) queue.push(9, block * BLOCK, BLOCK)
    queue.nextRun(16)
    const rejected: number[] = []
    queue.clear((_, begin) => {
      rejected.push(begin / BLOCK)
    })
    assert.deepEqual(
      rejected,
      Array.from({ length: 24 }, (_, place) => place + 16),
    )
    assert.equal(queue.size, 0)
    assert.equal(queue.waitingBytes, 0)
  })

  test('agrees with a plain list', () => {
    const length = fc.constantFrom(BLOCK, BLOCK, BLOCK, 100, 3 * BLOCK)
    const command = fc.tuple(fc.constantFrom('push', 'push', 'push', 'cancel', 'run'), fc.nat(2), fc.nat(6), length)
    fc.assert(
      fc.property(fc.array(command, { maxLength: 400 }), (commands) => {
        const queue = new UploadQueue(60)
        let twin: (readonly [number, number, number])[] = []
        for (const [name, pieceIndex, block, length] of commands) {
          const begin = block * BLOCK
          if (name === 'push') {
            assert.equal(queue.push(pieceIndex, begin, length), twin.length < 60)
            if (twin.length < 60) twin.push([pieceIndex, begin, length])
          } else if (name === 'cancel') {
            const place = twin.findIndex((request) => request[0] === pieceIndex && request[1] === begin && request[2] === length)
            assert.equal(queue.cancel(pieceIndex, begin, length), place >= 0)
            twin = twin.filter((_, other) => other !== place)
          } else if (queue.nextRun(block + 1)) {
            assert.ok(queue.runBlockCount <= block + 1)
            for (let count = 0; count < queue.runBlockCount; count++) {
              const isLast = count === queue.runBlockCount - 1
              assert.deepEqual(twin.shift(), [queue.runPieceIndex, queue.runBegin + count * BLOCK, isLast ? queue.runLastLength : BLOCK])
            }
          } else assert.equal(twin.length, 0)
          assert.equal(queue.size, twin.length)
          assert.equal(
            queue.waitingBytes,
            twin.reduce((sum, request) => sum + request[2], 0),
          )
        }
      }),
    )
  })
})
