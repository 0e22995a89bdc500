import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../base/errors.ts'
import type { DiskFile, OpenMode } from '../ports/disk.ts'
import { OpenFiles } from './open-files.ts'

/** Counts what is open. */
function counted(maxOpen: number) {
  const opened: string[] = []
  const closed: number[] = []
  let failures = 0
  const files = new OpenFiles({
    maxOpen,
    openFile: async (key: number, mode: OpenMode) => {
      await Promise.resolve()
      if (failures > 0) {
        failures--
        throw new EngineError('NOT_READABLE', 'Cannot open')
      }
      opened.push(`${key} ${mode}`)
      return { close: async () => void closed.push(key) } as unknown as DiskFile
    },
  })
  return {
    files,
    opened,
    closed,
    failNext: () => {
      failures++
    },
  }
}

describe('OpenFiles', () => {
  test('opens a file once, however many ask for it', async () => {
    const { files, opened } = counted(10)
    const [one, two] = await Promise.all([files.hold(1, 'read'), files.hold(1, 'read')])
    assert.equal(one.file, two.file)
    assert.deepEqual(opened, ['1 read'])
  })

  test('closes the longest unused one when there are too many', async () => {
    const { files, closed } = counted(2)
    for (const key of [1, 2]) (await files.hold(key, 'read')).release()
    files.peek(1)
    ;(await files.hold(3, 'read')).release()
    assert.deepEqual(closed, [2])
    assert.equal(files.peek(2), undefined)
    assert.notEqual(files.peek(1), undefined)
  })

  test('never closes what is held, and catches up when it is let go', async () => {
    const { files, closed } = counted(1)
    const held = await Promise.all([1, 2, 3].map((key) => files.hold(key, 'read')))
    assert.deepEqual(closed, [])
    assert.equal(files.openCount, 3)
    for (const file of held) file.release()
    for (const file of held) file.release()
    assert.equal(files.openCount, 1)
    assert.equal(closed.length, 2)
  })

  test('opens a file again when somebody wants to write, and keeps the reader going', async () => {
    const { files, opened, closed } = counted(10)
    const reader = await files.hold(1, 'read')
    const writer = await files.hold(1, 'write')
    assert.notEqual(reader.file, writer.file)
    assert.deepEqual(closed, [])
    reader.release()
    assert.deepEqual(closed, [1])
    assert.equal((await files.hold(1, 'read')).file, writer.file)
    assert.deepEqual(opened, ['1 read', '1 write'])
  })

  test('tries again after a failure', async () => {
    const { files, failNext } = counted(10)
    failNext()
    const [first, second] = await Promise.allSettled([files.hold(1, 'read'), files.hold(1, 'read')])
    assert.equal(first.status, 'rejected')
    assert.equal(second.status, 'fulfilled')
  })

  test('closes everything at the end', async () => {
    const { files, closed } = counted(10)
    for (const key of [1, 2, 3]) (await files.hold(key, 'write')).release()
    await files.close()
    assert.deepEqual(closed, [1, 2, 3])
  })
})
