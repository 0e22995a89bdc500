import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { runChild } from '../../test/twins/child.ts'
import { NodeDisk } from './disk.ts'
import { NodeHasher } from './hasher.ts'

/** What both twins do is in `test/twins`; here is what only real threads can show. */
describe('NodeHasher', () => {
  const disk = new NodeDisk()
  let root: string
  let workers: Worker[]
  const remember = (worker: Worker): void => {
    workers.push(worker)
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'shoal-hasher-'))
    workers = []
    process.on('worker', remember)
  })
  afterEach(() => {
    process.off('worker', remember)
    rmSync(root, { recursive: true, force: true })
  })

  test('no thread starts before there is work, and one core is left to those who bring it', async () => {
    const hasher = new NodeHasher({ threads: 3 })
    const slab = hasher.allocate(1000)
    assert.equal(workers.length, 0)
    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: 6 }, () => hasher.verifyAndWrite(slab, hasher.sha1(slab), [])))
    }
    assert.equal(workers.length, 2)
    await hasher.close()
  })

  test('threads that are woken start before there is work, and do it', async () => {
    const hasher = new NodeHasher({ threads: 2 })
    hasher.wake(1)
    hasher.wake(9)
    const file = await disk.openFile(root, ['f'], 'write')
    while (workers.length < 2) await new Promise((resolve) => setImmediate(resolve)) // Node tells of them a little later
    await file.write(new Uint8Array(1000), 0)
    const digests = await Promise.all(Array.from({ length: 100 }, (_, length) => hasher.hashSlices([{ file, offset: 0, length }])))
    for (const [length, digest] of digests.entries()) assert.deepEqual(digest, hasher.sha1(new Uint8Array(length)))
    assert.equal(await hasher.hashSlices([{ file, offset: 0, length: 1001 }]), undefined)
    await file.close()
    assert.equal(workers.length, 2)
    await hasher.close()
  })

  test('a hole hashes as the zeros it is, whatever is around it', async () => {
    const hasher = new NodeHasher({ threads: 1 })
    const step = 128 * 1024
    const file = await disk.openFile(root, ['hole'], 'write')
    await file.write(Uint8Array.of(1), 3 * step + 5)
    await file.grow(8 * step, false)
    const all = new Uint8Array(8 * step)
    all[3 * step + 5] = 1
    const cuts: readonly (readonly [offset: number, length: number])[] = [
      [0, 0],
      [0, 3 * step],
      [7, 3 * step],
      [0, 3 * step + 5],
      [0, 3 * step + 6],
      [0, 8 * step],
      [3 * step, step],
      [4 * step, 3 * step],
      [4 * step, 3 * step - 1],
    ]
    for (const [offset, length] of cuts) {
      const bytes = all.subarray(offset, offset + length)
      assert.deepEqual(await hasher.hashSlices([{ file, offset, length }]), hasher.sha1(bytes))
      const padded = Buffer.concat([new Uint8Array(step + 3), bytes, new Uint8Array(3)])
      const padding = { file: undefined, offset: 0 }
      const slices = [
        { ...padding, length: step + 3 },
        { file, offset, length },
        { ...padding, length: 3 },
      ]
      assert.deepEqual(await hasher.hashSlices(slices), hasher.sha1(padded))
    }
    await file.close()
    await hasher.close()
  })

  test('a thread that dies fails its work with DISK_FAILED, gives the files back, and is replaced', async () => {
    const hasher = new NodeHasher({ threads: 1 })
    const file = await disk.openFile(root, ['hole'], 'write')
    await file.grow(2 ** 36, false) // takes seconds to read
    const hashing = hasher.hashSlices([{ file, offset: 0, length: 2 ** 36 }])
    while (workers.length === 0) await new Promise((resolve) => setImmediate(resolve)) // Node tells of it a little later
    await workers[0]!.terminate()
    await assert.rejects(hashing, { code: 'DISK_FAILED', message: /hashing thread is gone/ })
    assert.deepEqual(await hasher.hashSlices([{ file, offset: 0, length: 10 }]), hasher.sha1(new Uint8Array(10)))
    assert.equal(workers.length, 2)
    await file.close()
    await hasher.close()
  })

  test('close ends work that is under way: DISK_FAILED', async () => {
    const hasher = new NodeHasher({ threads: 1 })
    const file = await disk.openFile(root, ['hole'], 'write')
    await file.grow(2 ** 36, false)
    const hashing = assert.rejects(hasher.hashSlices([{ file, offset: 0, length: 2 ** 36 }]), { code: 'DISK_FAILED' })
    await hasher.close()
    await hashing
    await file.close()
  })

  test('a write that fails in a thread tells the same as one that fails here', async () => {
    const hasher = new NodeHasher({ threads: 1 })
    await (await disk.openFile(root, ['x'], 'write')).close()
    const file = await disk.openFile(root, ['x'], 'read')
    const slab = hasher.allocate(10)
    const messages: string[] = []
    for (const failing of [
      file.write(new Uint8Array(10), 0),
      hasher.verifyAndWrite(slab, hasher.sha1(slab), [{ file, offset: 0, length: 10 }]),
    ]) {
      await assert.rejects(failing, (error: Error & { code?: string }) => {
        messages.push(error.message)
        return error.code === 'DISK_FAILED'
      })
    }
    assert.equal(messages[0], messages[1])
    await file.close()
    await hasher.close()
  })

  test('an idle pool keeps no process alive', async () => {
    const source = `
      const { NodeHasher } = await import(node + '/hasher.ts')
      const hasher = new NodeHasher({ threads: 2 })
      const slab = hasher.allocate(1000)
      console.log(await hasher.verifyAndWrite(slab, hasher.sha1(slab), []))`
    const child = runChild(source)
    assert.equal(await child.line(), 'true')
    assert.equal(await child.exit, 0)
  })

  test('a small torrent is hashed while it comes, as long as no thread has started anyway', async () => {
    const hasher = new NodeHasher({ threads: 2 })
    const small = 32 * 1024 * 1024 - 1
    assert.equal(hasher.hashesWhileReceiving(small), true)
    if (availableParallelism() > 1) assert.equal(hasher.hashesWhileReceiving(small + 1), false)
    hasher.wake(1)
    assert.equal(hasher.hashesWhileReceiving(small), availableParallelism() === 1)
    await hasher.close()
  })

  test('a number of threads that makes no sense: OPTION_INVALID', () => {
    for (const threads of [0, -1, 1.5, Number.NaN]) assert.throws(() => new NodeHasher({ threads }), { code: 'OPTION_INVALID' })
  })
})
