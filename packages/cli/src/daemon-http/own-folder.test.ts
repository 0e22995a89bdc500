import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { OwnFolder } from './own-folder.ts'

describe('OwnFolder', () => {
  let home: string
  let own: OwnFolder

  before(() => {
    home = mkdtempSync(join(tmpdir(), 'shoal-own-'))
    mkdirSync(join(home, 'peer', 'torrents'), { recursive: true })
    mkdirSync(join(home, 'films'))
    symlinkSync(join(home, 'peer'), join(home, 'films', 'link'))
    own = new OwnFolder(join(home, 'peer'))
  })
  after(() => rmSync(home, { recursive: true }))

  test('is refused wherever a call names a path in it, also through a link or one that is not there yet', async () => {
    for (const body of [
      { dir: join(home, 'peer') },
      { dir: join(home, 'peer', 'torrents', 'new') },
      { dir: join(home, 'films', '..', 'peer') },
      { destination: join(home, 'films', 'link', 'on-complete.json') },
      { path: join(home, 'peer', 'token') },
      { path: home },
      { downloadDir: join(home, 'peer') },
      { watchFolders: [{ path: join(home, 'films') }, { path: join(home, 'films'), dir: join(home, 'peer') }] },
    ]) {
      await assert.rejects(own.requireOutside(body), { code: 'VALIDATION' }, JSON.stringify(body))
    }
  })

  test('keeps nothing else from being used', async () => {
    for (const body of [
      undefined,
      null,
      { dir: home },
      { watchFolders: [{ path: home }] },
      { dir: join(home, 'peer2') },
      { dir: join(home, '..peer') },
      { path: join(home, 'films', 'new') },
      { name: join(home, 'peer') },
      { link: join(home, 'peer') },
    ]) {
      await own.requireOutside(body)
    }
  })
})
