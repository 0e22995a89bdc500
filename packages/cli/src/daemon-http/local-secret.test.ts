import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { loadToken, readToken } from './local-secret.ts'

function inFolder(): { path: string; folder: string; [Symbol.dispose]: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-token-'))
  return { folder, path: join(folder, 'peer', 'token'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

let drawn = 0
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(++drawn)

describe('the token of a daemon', () => {
  test('is made once, for its owner only', async () => {
    using place = inFolder()
    assert.equal(await readToken(place.path), undefined)
    const token = await loadToken(place.path, randomBytes)
    assert.match(token, /^[\w-]{43}$/)
    assert.equal(await loadToken(place.path, randomBytes), token)
    assert.equal(await readToken(place.path), token)
    assert.equal(statSync(place.path).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(join(place.folder, 'peer')), ['token'])
  })

  test('is taken away from others who could read it', async () => {
    using place = inFolder()
    await loadToken(place.path, randomBytes)
    chmodSync(place.path, 0o644)
    await loadToken(place.path, randomBytes)
    assert.equal(statSync(place.path).mode & 0o777, 0o600)
  })

  test('is made anew where the file holds none', async () => {
    using place = inFolder()
    await loadToken(place.path, randomBytes)
    writeFileSync(place.path, 'x')
    assert.match(await loadToken(place.path, randomBytes), /^[\w-]{43}$/)
  })

  test('says what is wrong with a folder that is none', async () => {
    using place = inFolder()
    writeFileSync(join(place.folder, 'peer'), '')
    await assert.rejects(loadToken(place.path, randomBytes), { code: 'STATE_UNAVAILABLE', message: /token/ })
  })
})
