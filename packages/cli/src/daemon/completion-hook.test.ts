import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { runOnComplete } from './completion-hook.ts'

const TORRENT = { id: 'a'.repeat(40), name: '$(touch pwned); `x` "y"', path: '/data/with space' }

describe('what runs when a download has come', () => {
  let home: string
  let said: string[]
  const say = (_: string, text: string): void => void said.push(text)

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'shoal-hook-'))
    said = []
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  function write(hook: unknown): void {
    writeFileSync(join(home, 'on-complete.json'), JSON.stringify(hook), { mode: 0o600 })
  }

  test('is nothing unless a file says so', async () => {
    await runOnComplete(home, TORRENT, say)
    assert.deepEqual(said, [])
  })

  test('gets names as single arguments, whatever is in them', async () => {
    const out = join(home, 'out')
    const program = 'require("node:fs").writeFileSync(process.argv[1], JSON.stringify(process.argv.slice(2)))'
    write({ command: [process.execPath, '-e', program, out, '{name}', 'at {path}', '{id}', '{other}'] })
    await runOnComplete(home, TORRENT, say)
    assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), [TORRENT.name, `at ${TORRENT.path}`, TORRENT.id, '{other}'])
    assert.match(said.join(), /has run/)
    assert.ok(!existsSync('pwned'))
  })

  test('is refused when the file is not a vector of arguments, or others may write it', async () => {
    write({ command: 'rm -rf /' })
    await runOnComplete(home, TORRENT, say)
    write({ command: ['relative'] })
    await runOnComplete(home, TORRENT, say)
    write({ command: [process.execPath] })
    chmodSync(join(home, 'on-complete.json'), 0o666)
    await runOnComplete(home, TORRENT, say)
    assert.equal(said.length, 3)
    assert.match(said[0]!, /must be \{ "command"/)
    assert.match(said[1]!, /no absolute path/)
    assert.match(said[2]!, /others may write/)
  })

  test('says how it failed', async () => {
    write({ command: [process.execPath, '-e', 'process.exit(3)'] })
    await runOnComplete(home, TORRENT, say)
    assert.match(said.join(), /ended with code 3/)
    write({ command: ['/no/such/program'] })
    await runOnComplete(home, TORRENT, say)
    assert.match(said[1]!, /ENOENT/)
  })
})
