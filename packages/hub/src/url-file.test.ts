import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { findUrls, leaveUrls } from './url-file.ts'

describe('where a hub is reached', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-url-'))
  after(() => rmSync(folder, { recursive: true }))

  test('is left for programs of its owner, and taken back', () => {
    const urls = { localUrl: 'http://127.0.0.1:7000', url: 'https://class.example/hub' }
    const takeBack = leaveUrls(folder, urls)
    assert.deepEqual(findUrls(folder), urls)
    assert.equal(statSync(join(folder, 'url')).mode & 0o777, 0o600)
    takeBack()
    takeBack()
    assert.deepEqual(readdirSync(folder), [])
  })

  test('is the usual port where no hub has said otherwise, and no reason not to start', () => {
    assert.deepEqual(findUrls(folder), { localUrl: 'http://127.0.0.1:6880', url: 'http://127.0.0.1:6880' })
    const takeBack = leaveUrls(join(folder, 'nothing'), { localUrl: 'http://127.0.0.1:1', url: 'http://127.0.0.1:1' })
    takeBack()
  })
})
