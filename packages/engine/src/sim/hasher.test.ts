import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimHasher } from './hasher.ts'
import { SimSystem } from './system.ts'

describe('SimHasher', () => {
  test('bytes that change while they are with it are told', async () => {
    const system = new SimSystem({ seed: 1 })
    const hasher = new SimHasher(system)
    const piece = hasher.allocate(1000)
    const verifying = hasher.verifyAndWrite(piece, hasher.sha1(piece), [])
    piece[500] = 1
    await assert.rejects(system.complete(verifying), /changed while it was with the hasher/)
  })

  test('jobs wait for a free thread', async () => {
    const system = new SimSystem({ seed: 1 })
    const hasher = new SimHasher(system, { threads: 2, jobMs: 10 })
    await system.complete(Promise.all(Array.from({ length: 5 }, () => hasher.hashSlices([]))))
    assert.equal(system.now(), 30)
  })

  test('a thread that dies fails its job, and the next one works', async () => {
    const system = new SimSystem({ seed: 1 })
    const hasher = new SimHasher(system)
    hasher.failNext()
    await assert.rejects(system.complete(hasher.hashSlices([])), { code: 'DISK_FAILED' })
    assert.deepEqual(await system.complete(hasher.hashSlices([])), hasher.sha1(new Uint8Array(0)))
  })
})
