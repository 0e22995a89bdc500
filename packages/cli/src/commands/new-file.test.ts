import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { requireFree, writeNewFile } from './new-file.ts'

describe('a new file', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-new-file-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  test('is written whole, and nothing else stays behind', async () => {
    await writeNewFile(join(folder, 'a.torrent'), new Uint8Array([1, 2, 3]), { mayReplace: false })
    assert.deepEqual(readdirSync(folder), ['a.torrent'])
    assert.deepEqual([...readFileSync(join(folder, 'a.torrent'))], [1, 2, 3])
  })

  test('never takes the place of another, unless it is told to', async () => {
    const path = join(folder, 'a.torrent')
    writeFileSync(path, 'mine')
    await assert.rejects(requireFree(path), { code: 'FILE_EXISTS' })
    await assert.rejects(writeNewFile(path, new Uint8Array([1]), { mayReplace: false }), { code: 'FILE_EXISTS' })
    assert.equal(readFileSync(path, 'utf8'), 'mine')
    await writeNewFile(path, new Uint8Array([65]), { mayReplace: true })
    assert.equal(readFileSync(path, 'utf8'), 'A')
    assert.deepEqual(readdirSync(folder), ['a.torrent'])
  })

  test('says what to do when it cannot be written', async () => {
    await assert.rejects(writeNewFile(join(folder, 'no', 'a.torrent'), new Uint8Array(), { mayReplace: false }), {
      code: 'NOT_WRITABLE',
      message: /its folder does not exist\. Make it, or choose another with -o/,
    })
  })
})
