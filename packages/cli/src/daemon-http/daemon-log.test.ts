import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DaemonLog } from './daemon-log.ts'

describe('DaemonLog', () => {
  test('keeps one file and three older ones, whatever is said', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-log-'))
    try {
      const path = join(folder, 'peer', 'daemon.log')
      for (let at = 0; at < 100; at++) new DaemonLog(path, undefined, 500).write({ at, level: 'note', text: `line ${at}` }, 'abcdef0123456')
      const names = readdirSync(join(folder, 'peer')).toSorted()
      assert.deepEqual(names, ['daemon.log', 'daemon.log.1', 'daemon.log.2', 'daemon.log.3'])
      for (const name of names) assert.ok(readFileSync(join(folder, 'peer', name)).length < 600)
      assert.match(readFileSync(path, 'utf8'), /1970-01-01T00:00:00\.099Z note {4}abcdef01 line 99\n$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('is one line for whatever a stranger’s name is, and goes on where it cannot write', () => {
    const said: string[] = []
    const log = new DaemonLog('/dev/null/daemon.log', (line) => said.push(line))
    log.write({ at: 0, level: 'error', text: 'Cannot read "a\nb\u001b[2J"' })
    assert.deepEqual(said, ['1970-01-01T00:00:00.000Z error   Cannot read "a b [2J"'])
  })
})
