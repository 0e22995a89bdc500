import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { readHubConfig } from '../../packages/hub/src/config-file.ts'
import { withSettingsTable } from './hub-settings.ts'

const ROOT = new URL('../../', import.meta.url)
const PAGE = readFileSync(new URL('docs/hub.md', ROOT), 'utf8')

function configOf(t: TestContext, toml: string) {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-docs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'hub.toml'), toml)
  return readHubConfig({ file: join(folder, 'hub.toml'), environment: {} }).config
}

describe('docs/hub.md', () => {
  test('has the settings as the hub reads them (node lab/docs/make.ts writes them)', () => {
    assert.equal(PAGE, withSettingsTable(PAGE))
  })

  test('shows configurations that a hub takes', (t) => {
    const examples = [...PAGE.matchAll(/```toml\n([\s\S]*?)```/g)].map(([, toml]) => toml ?? '')
    assert.ok(examples.length >= 3)
    for (const example of examples) assert.equal(configOf(t, example).settings.visitors, 'none', example)
  })

  test('explains errors that exist, all that keep a hub from starting', () => {
    const source = readFileSync(new URL('packages/hub/src/errors.ts', ROOT), 'utf8')
    const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code!)
    const explained = new Set([...PAGE.matchAll(/\(`([A-Z_]+)`\)/g)].map(([, code]) => code!))
    assert.ok(codes.length > 5)
    for (const code of explained) assert.ok(codes.includes(code), `there is no ${code}`)
    const missing = codes.filter((code) => !explained.has(code))
    // what else the system may say about listening has its reason in the message
    assert.deepEqual(missing, ['LISTEN_FAILED'])
  })

  test('has links to places that are there', () => {
    const headings = new Set(
      [...PAGE.matchAll(/^## (.+)$/gm)].map(([, text]) =>
        text!
          .toLowerCase()
          .replaceAll(/[^\w ]/g, '')
          .replaceAll(' ', '-'),
      ),
    )
    for (const [, target] of PAGE.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(headings.has(target!), target)
  })
})

describe('the files for systemd', () => {
  const file = (name: string) => readFileSync(new URL(`packages/hub/systemd/${name}`, ROOT), 'utf8')

  test('begin with a configuration for members, also with its examples switched on', (t) => {
    const toml = file('hub.toml')
    assert.equal(configOf(t, toml).settings.visitors, 'none')
    const switchedOn = configOf(t, toml.replaceAll(/^# (?=[\w-]+ = |\[)/gm, ''))
    assert.deepEqual([switchedOn.publicUrl, switchedOn.trustedProxies.length], ['https://class.example', 2])
    assert.match(switchedOn.tls!.key, /credentials/)
  })

  test('run the program that is there', () => {
    const [, program] = /^ExecStart=\S+ \/opt\/shoal\/(\S+) --config/m.exec(file('shoal-hub.service')) ?? []
    assert.ok(readFileSync(new URL(program!, ROOT), 'utf8').length > 0)
  })
})
