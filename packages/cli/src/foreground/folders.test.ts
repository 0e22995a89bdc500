import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { downloadFolder, homeFolder, parseUserDirs, transferStateFolder } from './folders.ts'

describe('folders', () => {
  test('SHOAL_HOME is where everything is kept', () => {
    assert.equal(homeFolder({ SHOAL_HOME: '/srv/shoal' }), '/srv/shoal')
    assert.ok(transferStateFolder({ SHOAL_HOME: '/srv/shoal' }, 'aa', '/data').startsWith('/srv/shoal/transfers/'))
  })

  test('every torrent in every folder has its own state', () => {
    const folder = (hash: string, dir: string): string => transferStateFolder({ SHOAL_HOME: '/h' }, hash, dir)
    assert.equal(folder('aa', '/data'), folder('aa', '/data/'))
    assert.notEqual(folder('aa', '/data'), folder('aa', '/other'))
    assert.notEqual(folder('aa', '/data'), folder('bb', '/data'))
  })

  test('the desktop names the download folder', () => {
    assert.equal(parseUserDirs('# x\nXDG_DOWNLOAD_DIR="$HOME/T\u1ea3i v\u1ec1"\n', '/home/an'), '/home/an/T\u1ea3i v\u1ec1')
    assert.equal(parseUserDirs('XDG_DOWNLOAD_DIR="/data/in"', '/home/an'), '/data/in')
    assert.equal(parseUserDirs('XDG_DOWNLOAD_DIR="relative"', '/home/an'), undefined)
    assert.equal(parseUserDirs('XDG_MUSIC_DIR="$HOME/Music"', '/home/an'), undefined)
  })

  test('without a download folder, downloads go to the current one', () => {
    const home = mkdtempSync(join(tmpdir(), 'shoal-folders-'))
    try {
      assert.equal(downloadFolder({ HOME: home }), process.cwd())
      mkdirSync(join(home, 'Downloads'))
      assert.equal(downloadFolder({ HOME: home }), join(home, 'Downloads'))
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})
