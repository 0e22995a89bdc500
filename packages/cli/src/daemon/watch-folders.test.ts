import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { AddTorrent } from '@shoal/api/daemon-api'
import { WatchFolders } from './watch-folders.ts'

describe('watched folders', () => {
  let home: string
  let folder: string
  let added: AddTorrent[]
  let said: string[]
  let watch: WatchFolders
  let refusal: Error | undefined

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'shoal-watch-'))
    folder = join(home, 'in')
    mkdirSync(folder)
    added = []
    said = []
    refusal = undefined
    watch = new WatchFolders({
      folders: () => [{ path: folder, dir: '/data', labels: ['watched'] }],
      add: async (what) => {
        if (refusal !== undefined) throw refusal
        added.push(what)
      },
      say: (_, text) => void said.push(text),
    })
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  test('give their new torrents, and call them added', async () => {
    writeFileSync(join(folder, 'a.torrent'), 'bytes')
    writeFileSync(join(folder, 'notes.txt'), 'other')
    await watch.look()
    assert.equal(added.length, 0)
    await watch.look()
    assert.deepEqual(added, [{ metainfo: Buffer.from('bytes').toString('base64'), dir: '/data', labels: ['watched'] }])
    assert.deepEqual(readdirSync(folder).sort(), ['a.torrent.added', 'notes.txt'])
    await watch.look()
    assert.equal(added.length, 1)
  })

  test('wait for a file that is still being written', async () => {
    writeFileSync(join(folder, 'a.torrent'), 'half')
    await watch.look()
    writeFileSync(join(folder, 'a.torrent'), 'half and the rest')
    await watch.look()
    assert.equal(added.length, 0)
    await watch.look()
    assert.equal(added.length, 1)
  })

  test('say once what cannot be added, and try again when it has changed', async () => {
    refusal = new Error('no torrent at all')
    writeFileSync(join(folder, 'a.torrent'), 'nonsense')
    for (let look = 0; look < 4; look++) await watch.look()
    assert.equal(said.length, 1)
    assert.match(said[0]!, /a\.torrent: no torrent at all/)
    assert.ok(existsSync(join(folder, 'a.torrent')))

    refusal = undefined
    writeFileSync(join(folder, 'a.torrent'), 'a torrent after all')
    await watch.look()
    await watch.look()
    assert.equal(added.length, 1)
  })

  test('may go and come back', async () => {
    rmSync(folder, { recursive: true })
    await watch.look()
    await watch.look()
    assert.equal(said.length, 1)
    mkdirSync(folder)
    writeFileSync(join(folder, 'b.torrent'), 'bytes')
    await watch.look()
    await watch.look()
    assert.equal(added.length, 1)
  })
})
