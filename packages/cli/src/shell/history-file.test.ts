import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { HISTORY_LINES, HistoryFile } from './history-file.ts'

describe('HistoryFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-history-'))
  after(() => rmSync(folder, { recursive: true }))

  test('keeps what was typed for the next session, and for nobody else', () => {
    const path = join(folder, 'new', 'history')
    const first = new HistoryFile(path)
    assert.deepEqual(first.lines, [])
    first.add('list_peers')
    first.add('ping "Bình Nguyễn"')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(new HistoryFile(path).lines, ['ping "Bình Nguyễn"', 'list_peers'])
  })

  test('does not grow for ever', () => {
    const path = join(folder, 'long')
    writeFileSync(path, Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join(''))
    const { lines } = new HistoryFile(path)
    assert.equal(lines.length, HISTORY_LINES)
    assert.equal(lines[0], 'line 4999')
    assert.equal(readFileSync(path, 'utf8').split('\n').length, HISTORY_LINES + 1)
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('that cannot be kept is no failure', () => {
    const path = join(folder, 'folder')
    mkdirSync(path)
    const history = new HistoryFile(path)
    assert.deepEqual(history.lines, [])
    history.add('list_peers')
  })
})
