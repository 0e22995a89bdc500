import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimDisk, type SimDiskOptions } from './disk.ts'
import { PAGE_BYTES } from './platter.ts'
import { Random } from './random.ts'
import { SimSystem } from './system.ts'

const ROOT = '/downloads'

function setUp(options: SimDiskOptions = {}, seed: string | number = 1): { system: SimSystem; disk: SimDisk } {
  const system = new SimSystem({ seed })
  return { system, disk: new SimDisk(system, options) }
}

describe('SimDisk', () => {
  test('a full disk: DISK_FULL, until something is removed', async () => {
    const { system, disk } = setUp({ capacityBytes: 4 * PAGE_BYTES })
    const file = await system.complete(disk.openFile(ROOT, ['x'], 'write'))
    await system.complete(file.grow(100 * PAGE_BYTES, false)) // sparse: nothing taken yet
    await system.complete(file.write(new Uint8Array(3 * PAGE_BYTES), 0))
    assert.equal(await system.complete(disk.freeBytes(ROOT)), PAGE_BYTES)
    await assert.rejects(system.complete(file.write(new Uint8Array(2 * PAGE_BYTES), 50 * PAGE_BYTES)), { code: 'DISK_FULL' })
    await assert.rejects(system.complete(file.grow(200 * PAGE_BYTES, true)), { code: 'DISK_FULL' })
    await system.complete(disk.removeFile(ROOT, ['x']))
    assert.equal(await system.complete(disk.freeBytes(ROOT)), 4 * PAGE_BYTES)
  })

  test('the planned call fails, and only that', async () => {
    const { system, disk } = setUp()
    const file = await system.complete(disk.openFile(ROOT, ['x'], 'write'))
    disk.fail({ operation: 'write', nth: 2, code: 'DISK_FAILED', isTorn: true })
    const outcomes: string[] = []
    for (let index = 0; index < 4; index++) {
      await system.complete(
        file.write(new Uint8Array(10).fill(1), 10 * index).then(
          () => outcomes.push('done'),
          (error: { code: string }) => outcomes.push(error.code),
        ),
      )
    }
    assert.deepEqual(outcomes, ['done', 'DISK_FAILED', 'done', 'done'])
    assert.deepEqual([...disk.fileBytes(`${ROOT}/x`)!.subarray(10, 20)], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
  })

  test('a flipped byte shows in no stamp, an edit by somebody else does', async () => {
    const { system, disk } = setUp()
    disk.putFile(`${ROOT}/x`, new Uint8Array(10))
    await system.run(1000)
    const before = await system.complete(disk.stat(ROOT, ['x']))
    disk.flip(`${ROOT}/x`, 3)
    assert.deepEqual(await system.complete(disk.stat(ROOT, ['x'])), before)
    assert.equal(disk.fileBytes(`${ROOT}/x`)![3], 0xff)
    disk.editFile(`${ROOT}/x`, { offset: 0, bytes: Uint8Array.of(9) })
    assert.notDeepEqual(await system.complete(disk.stat(ROOT, ['x'])), before)
  })

  test('a slow disk takes its time, at once or not', async () => {
    const { system, disk } = setUp({ latencyMs: 500 })
    const file = await system.complete(disk.openFile(ROOT, ['x'], 'write'))
    assert.equal(system.now(), 500)
    disk.readSyncMs = 20
    file.readSync([new Uint8Array(1)], 0)
    assert.equal(system.now(), 520)
  })

  test('a killed process loses nothing that was written, and its leftovers can do nothing', async () => {
    const { system, disk } = setUp({ latencyMs: 5 })
    const file = await system.complete(disk.openFile(ROOT, ['x'], 'write'))
    await system.complete(file.write(Uint8Array.of(1, 2, 3), 0))
    await system.complete(disk.lockState('/state/lock'))
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    file.write(Uint8Array.of(9), 0).then(settled, settled)
    const after = disk.crash('process')
    disk.replaceState('/state/x', Uint8Array.of(1)).then(settled, settled)
    await system.run(1000)
    assert.equal(isSettled, false)
    assert.throws(() => file.readSync([new Uint8Array(1)], 0), { code: 'CLOSED' })
    assert.deepEqual(after.filePaths(), [`${ROOT}/x`])
    assert.deepEqual([...after.fileBytes(`${ROOT}/x`)!], [1, 2, 3])
    await system.complete((await system.complete(after.lockState('/state/lock'))).release())
  })

  describe('a power cut', () => {
    test('never takes what was synced, and may take or tear what was not', async () => {
      const seen = { lost: 0, kept: 0, torn: 0, nameLost: 0 }
      for (let seed = 0; seed < 200; seed++) {
        const { system, disk } = setUp({ tracksPowerLoss: true }, seed)
        const file = await system.complete(disk.openFile(ROOT, ['a', 'x'], 'write'))
        await system.complete(file.write(new Uint8Array(4096).fill(1), 0))
        await system.complete(file.sync())
        await system.complete(file.write(new Uint8Array(4096).fill(2), 4096))
        await system.complete(disk.openFile(ROOT, ['a', 'new'], 'write'))
        const after = disk.crash('power', new Random(seed))
        const bytes = after.fileBytes(`${ROOT}/a/x`)!
        assert.ok(
          bytes.subarray(0, 4096).every((byte) => byte === 1),
          `seed ${seed}`,
        )
        const arrived = bytes.subarray(4096).filter((byte) => byte === 2).length
        assert.equal(arrived % 512, 0)
        if (arrived === 0) seen.lost++
        else if (arrived === 4096) seen.kept++
        else seen.torn++
        if (after.fileBytes(`${ROOT}/a/new`) === undefined) seen.nameLost++
      }
      for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} never happened`)
    })

    test('at any moment leaves the old or the new state, and once it was said to be saved the new one', async () => {
      for (let seed = 0; seed < 300; seed++) {
        const { system, disk } = setUp({ tracksPowerLoss: true, latencyMs: 1 }, seed)
        let saved = -1
        const saving = async (): Promise<void> => {
          for (let generation = 0; ; generation++) {
            await disk.replaceState('/state/session', new Uint8Array(3000).fill(generation))
            saved = generation
          }
        }
        void saving()
        await system.run(system.random.fraction() * 30)
        const after = disk.crash('power', new Random(seed))
        const bytes = await system.complete(after.readState('/state/session', 10_000))
        if (bytes === undefined) {
          assert.equal(saved, -1, `seed ${seed}: a saved state is gone`)
          continue
        }
        assert.equal(bytes.length, 3000, `seed ${seed}`)
        assert.ok(
          bytes.every((byte) => byte === bytes[0]),
          `seed ${seed}: a mixture`,
        )
        assert.ok(bytes[0]! >= saved && bytes[0]! <= saved + 1, `seed ${seed}: generation ${bytes[0]} after ${saved} was saved`)
      }
    })

    test('two cuts in a row take nothing more', async () => {
      const { system, disk } = setUp({ tracksPowerLoss: true })
      const file = await system.complete(disk.openFile(ROOT, ['x'], 'write'))
      await system.complete(file.write(new Uint8Array(4096).fill(1), 0))
      const once = disk.crash('power', new Random(1))
      const bytes = once.fileBytes(`${ROOT}/x`)
      assert.deepEqual(once.crash('power', new Random(2)).fileBytes(`${ROOT}/x`), bytes)
    })
  })

  test('any single call may fail, and the error is one of the port', async () => {
    const story = async (disk: SimDisk): Promise<void> => {
      const file = await disk.openFile(ROOT, ['a', 'x'], 'write')
      await file.grow(1000, true)
      await file.write(new Uint8Array(10), 0)
      file.readSync([new Uint8Array(10)], 0)
      await file.sync()
      await disk.replaceState('/state/session', new Uint8Array(10))
      const journal = await disk.openAppend('/state/journal')
      journal.append(new Uint8Array(10))
      await journal.sync()
      await disk.readState('/state/session', 100)
      await disk.removeFile(ROOT, ['a', 'x'])
    }
    const counting = setUp()
    await counting.system.complete(story(counting.disk))
    const { callCount } = counting.disk
    assert.ok(callCount >= 10)
    for (let nth = 1; nth <= callCount; nth++) {
      const { system, disk } = setUp()
      disk.fail({ nth, code: 'DISK_FAILED' })
      await assert.rejects(system.complete(story(disk)), { code: 'DISK_FAILED' }, `call ${nth}`)
    }
  })
})
