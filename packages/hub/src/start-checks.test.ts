import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { resolveHubConfig } from './config.ts'
import { type MachineFacts, machineFacts, startWarnings } from './start-checks.ts'

const NOW = Date.UTC(2026, 10, 25)
const GOOD: MachineFacts = {
  wallClock: NOW,
  openFiles: 65_536,
  freeSpaceBytes: 10 * 2 ** 30,
  stateMode: 0o700,
  certificateExpiresAt: NOW + 60 * 86_400_000,
}
const CONFIG = resolveHubConfig({ stateDirectory: '/state' })

describe('startWarnings', () => {
  test('is silent on a machine that is fine, and where the machine tells nothing', () => {
    assert.deepEqual(startWarnings(CONFIG, GOOD), [])
    const nothing = { openFiles: undefined, freeSpaceBytes: undefined, stateMode: undefined, certificateExpiresAt: undefined }
    assert.deepEqual(startWarnings(CONFIG, { wallClock: NOW, ...nothing }), [])
  })

  const worries: [string, Partial<MachineFacts>, RegExp][] = [
    ['few descriptors', { openFiles: 1_024 }, /1024 open files.*LimitNOFILE/],
    ['a clock that was never set', { wallClock: 0 }, /clock .* 1970/],
    ['a state directory that others can read', { stateMode: 0o755 }, /mode 755.*chmod 700/],
    ['a disk that is nearly full', { freeSpaceBytes: 100 * 2 ** 20 }, /100 MiB left/],
    ['a certificate that ends soon', { certificateExpiresAt: NOW + 86_400_000 }, /ends on 2026-11-26/],
    ['a certificate that has ended', { certificateExpiresAt: NOW - 86_400_000 }, /ended on 2026-11-24/],
  ]
  for (const [what, facts, said] of worries) {
    test(`tells of ${what}`, () => {
      const warnings = startWarnings(CONFIG, { ...GOOD, ...facts })
      assert.equal(warnings.length, 1)
      assert.match(warnings[0]!, said)
    })
  }

  test('tells of passwords that cross a network readable, and only of those', () => {
    const warningsOf = (changes: object) => startWarnings(resolveHubConfig({ stateDirectory: '/state', ...changes }), GOOD)
    assert.match(warningsOf({ host: '0.0.0.0' })[0]!, /Passwords/)
    assert.deepEqual(warningsOf({ host: '0.0.0.0', publicUrl: 'https://class.example' }), [])
    assert.deepEqual(warningsOf({ host: '0.0.0.0', tls: { certificate: 'a', key: 'b' } }), [])
    assert.deepEqual(warningsOf({ host: '0.0.0.0', settings: { visitors: 'member' } }), [])
  })
})

describe('machineFacts', () => {
  test('asks this machine', { skip: process.platform === 'win32' }, async (t) => {
    const state = mkdtempSync(join(tmpdir(), 'shoal-checks-'))
    t.after(() => rmSync(state, { recursive: true }))
    chmodSync(state, 0o750)
    const facts = await machineFacts(resolveHubConfig({ stateDirectory: state }), NOW)
    assert.equal(facts.stateMode, 0o750)
    assert.ok(facts.freeSpaceBytes! > 0)
    if (process.platform === 'linux') assert.ok(facts.openFiles === undefined || facts.openFiles > 16)
  })

  test('has nothing to say of a folder that is not there, or of none', async () => {
    const facts = await machineFacts(resolveHubConfig({ stateDirectory: '/nowhere/at/all' }), NOW)
    assert.deepEqual([facts.stateMode, facts.freeSpaceBytes], [undefined, undefined])
    assert.deepEqual((await machineFacts(resolveHubConfig(), NOW)).stateMode, undefined)
  })
})
