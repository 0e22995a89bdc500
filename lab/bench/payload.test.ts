import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Payload } from './payload.ts'

describe('a payload', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-payload-'))
    mkdirSync(join(folder, 'target'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  test('knows itself, and one changed byte', async () => {
    const payload = Payload.file(join(folder, 'source'), 100_000)
    const target = join(folder, 'target')
    copyFileSync(payload.content, join(target, payload.name))
    await payload.verify(target, 'somebody')
    const bytes = readFileSync(payload.content)
    bytes[70_000]! ^= 1
    writeFileSync(join(target, payload.name), bytes)
    await assert.rejects(payload.verify(target, 'somebody'), /^Error: somebody: SHA-256/)
  })

  test('can be a folder of equal files', async () => {
    const payload = Payload.folder(join(folder, 'source'), { bytes: 12_000, fileCount: 12 })
    assert.equal(payload.bytes, 12_000)
    assert.equal(readFileSync(join(payload.content, '1', 'file-11.bin')).length, 1_000)
    await payload.verify(payload.dir, 'its maker')
  })

  test('has parts that are pieces of it, and come to the whole', () => {
    const payload = Payload.file(join(folder, 'source'), 100_000)
    const whole = new Uint8Array(100_000)
    for (let part = 0; part < 3; part++) {
      const dir = join(folder, `part ${part}`)
      mkdirSync(dir)
      payload.putPart(dir, { part, of: 3, pieceLength: 16_384 })
      const bytes = readFileSync(join(dir, payload.name))
      assert.equal(bytes.length, 100_000)
      for (const [at, byte] of bytes.entries()) whole[at]! |= byte
    }
    assert.deepEqual(Buffer.from(whole), readFileSync(payload.content))
  })
})
