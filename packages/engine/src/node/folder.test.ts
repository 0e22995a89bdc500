import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { FolderSyncs } from './folder.ts'

describe('FolderSyncs', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-folder-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('those who ask while one is under way share the next, which begins after it', async () => {
    const syncs = new FolderSyncs()
    const ended: string[] = []
    const first = syncs.sync(folder).then(() => ended.push('first'))
    const second = syncs.sync(folder)
    assert.equal(syncs.sync(folder), second)
    void second.then(() => ended.push('second'))
    await first
    await second
    assert.deepEqual(ended, ['first', 'second'])
    const third = syncs.sync(folder)
    assert.notEqual(third, second)
    await third
  })

  test('folders do not wait for each other', async () => {
    const syncs = new FolderSyncs()
    const gone = syncs.sync(join(folder, 'gone'))
    await Promise.all([assert.rejects(gone, { code: 'ENOENT' }), syncs.sync(folder)])
  })

  test('a failure is told to those who shared it, and the next sync is a new one', { skip: process.platform === 'win32' }, async () => {
    const syncs = new FolderSyncs()
    const gone = join(folder, 'gone')
    const [first, second, third] = [syncs.sync(gone), syncs.sync(gone), syncs.sync(gone)]
    for (const sync of [first, second, third]) await assert.rejects(sync, { code: 'ENOENT' })
    await assert.rejects(syncs.sync(gone), { code: 'ENOENT' })
    await syncs.sync(folder)
  })
})
