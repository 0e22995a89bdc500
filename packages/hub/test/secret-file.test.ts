import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseCredential } from '../src/accounts/credential.ts'
import { loadHubSecret, removeOperatorToken, writeOperatorToken } from '../src/accounts/secret-file.ts'
import { REAL_HUB_SYSTEM } from '../src/system.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-secret-'))
  try {
    await work(join(folder, 'state'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

const permissionsOf = async (path: string) => (await stat(path)).mode & 0o777

describe('the hub’s secret', () => {
  test('is made once, for its owner’s eyes only', () =>
    inFolder(async (state) => {
      const secret = await loadHubSecret(state, REAL_HUB_SYSTEM)
      assert.equal(secret.length, 32)
      assert.deepEqual(await loadHubSecret(state, REAL_HUB_SYSTEM), secret)
      assert.equal(await permissionsOf(join(state, 'secret')), 0o600)
      assert.deepEqual(await readdir(state), ['secret'])
    }))

  test('is the same for all who make it at the same moment', () =>
    inFolder(async (state) => {
      const secrets = await Promise.all(Array.from({ length: 8 }, () => loadHubSecret(state, REAL_HUB_SYSTEM)))
      assert.equal(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size, 1)
      assert.deepEqual(await readdir(state), ['secret'])
    }))

  test('that is damaged is never replaced in silence', () =>
    inFolder(async (state) => {
      await loadHubSecret(state, REAL_HUB_SYSTEM)
      for (const damaged of ['', 'x', 'A'.repeat(100), '\u0000'.repeat(43)]) {
        await writeFile(join(state, 'secret'), damaged)
        await assert.rejects(loadHubSecret(state, REAL_HUB_SYSTEM), /Put the file back from a backup/)
        assert.equal(await readFile(join(state, 'secret'), 'utf8'), damaged)
      }
    }))
})

describe('the operator’s token', () => {
  test('lies in a file for its owner’s eyes only, is new at each start, and gone at the end', () =>
    inFolder(async (state) => {
      const path = join(state, 'operator-token')
      const first = await writeOperatorToken(state, REAL_HUB_SYSTEM)
      assert.equal(await readFile(path, 'utf8'), `${first.text}\n`)
      assert.deepEqual(parseCredential(first.text)?.kind, 'operator')
      assert.equal(await permissionsOf(path), 0o600)
      const second = await writeOperatorToken(state, REAL_HUB_SYSTEM)
      assert.notEqual(second.text, first.text)
      assert.equal(await readFile(path, 'utf8'), `${second.text}\n`)
      await removeOperatorToken(state)
      assert.deepEqual(await readdir(state), [])
    }))
})
