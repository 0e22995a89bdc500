import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SimSystem } from '@shoal/engine/simulation'
import { openHubStateFile } from './hub-state-file.ts'

function world(context: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'shoal-hubs-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'peer')
  const notices: string[] = []
  const system = new SimSystem({ seed: 'state' })
  const openFile = () => openHubStateFile({ folder, system, onNotice: (text) => notices.push(text) })
  return { folder, path: join(folder, 'hubs.json'), notices, system, openFile }
}

const HUB = {
  url: 'http://h',
  name: 'class',
  token: 'secret',
  announceUrls: [],
  openUrls: [],
  isMembersOnly: true,
  mayPublish: true,
  fetched: [],
}

describe('the state of hubs', () => {
  test('keeps the key of this peer, and is for its owner only', async (context) => {
    const { openFile, path } = world(context)
    const first = await openFile()
    first.state.hubs.push(HUB)
    await first.save()
    await first.close()
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const again = await openFile()
    assert.match(again.state.hostKey, /^[\w-]{43}$/)
    assert.deepEqual(again.state, first.state)
    assert.deepEqual(again.notes, [])
  })

  test('many changes at once are few writes, and the last one is there', async (context) => {
    const { openFile, folder } = world(context)
    const file = await openFile()
    const saves = Array.from({ length: 100 }, (_, index) => {
      file.state.defaultHub = `http://${index}`
      return file.save()
    })
    await Promise.all(saves)
    assert.equal((await openFile()).state.defaultHub, 'http://99')
    assert.deepEqual(readdirSync(folder), ['hubs.json'])
  })

  test('sets a damaged file aside, and says so', async (context) => {
    const { openFile, path, folder } = world(context)
    await openFile()
    writeFileSync(path, '{"version":1,"hostKey":"')
    const file = await openFile()
    assert.match(file.notes[0] ?? '', /damaged/)
    assert.equal(readdirSync(folder).length, 2)
  })

  test('refuses what a newer version wrote, and leaves it alone', async (context) => {
    const { openFile, path } = world(context)
    await openFile()
    writeFileSync(path, '{"version":2}')
    await assert.rejects(openFile(), { code: 'STATE_NEWER' })
    assert.equal(readFileSync(path, 'utf8'), '{"version":2}')
  })

  test('goes on without its disk, says so once, and writes when it is back', async (context) => {
    // A file where the folder was is as good as a disk that is gone, also for root.
    const { openFile, folder, notices, system, path } = world(context)
    const file = await openFile()
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
    file.state.defaultHub = 'http://x'
    await file.save()
    await file.save()
    assert.equal(notices.length, 1)
    rmSync(folder)
    await system.run(10_000)
    await file.close()
    assert.match(readFileSync(path, 'utf8'), /http:\/\/x/)
    assert.equal(notices.length, 2)
  })
})
