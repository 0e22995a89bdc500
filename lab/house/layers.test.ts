// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are source texts
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { describeFinding, findingsIn } from './layers.ts'
import { PLAN, type Plan } from './plan.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** What the house test says of a tree with just these files in it. */
function saidOf(files: Readonly<Record<string, string>>, plan: Plan = PLAN): string[] {
  const root = mkdtempSync(join(tmpdir(), 'shoal-house-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return findingsIn(root, plan).map(describeFinding)
  } finally {
    rmSync(root, { recursive: true })
  }
}

describe('the house test', () => {
  test('finds nothing in this repository', () => {
    assert.deepEqual(findingsIn(ROOT).map(describeFinding), [])
  })

  test('catches an import that points up, and says which rooms', () => {
    const said = saidOf({
      'packages/engine/src/swarm/x.ts': "import { NodeDisk } from '../node/disk.ts'\n",
      'packages/engine/src/node/disk.ts': 'export class NodeDisk {}\n',
    })
    assert.deepEqual(said, ['packages/engine/src/swarm/x.ts: engine/swarm may not import engine/node'])
  })

  for (const [kind, text] of Object.entries({
    'a type import': "import type { Torrent } from '../torrent/torrent.ts'",
    'a re-export': "export { Torrent } from '../torrent/torrent.ts'",
    'a dynamic import': "const torrent = await import('../torrent/torrent.ts')",
    'an import for its effect': "import '../torrent/torrent.ts'",
    'an import over several lines': "import {\n  // the torrent\n  Torrent,\n} from '../torrent/torrent.ts'",
    'a type in the middle of a line': "export type T = import('../torrent/torrent.ts').Torrent",
    'a worker': "new Worker(new URL('../torrent/torrent.ts', import.meta.url))",
  })) {
    test(`catches ${kind}`, () => {
      assert.deepEqual(saidOf({ 'packages/engine/src/peer/x.ts': text }), [
        'packages/engine/src/peer/x.ts: engine/peer may not import engine/torrent',
      ])
    })
  }

  test('catches a clock outside the rooms that keep one', () => {
    const said = saidOf({
      'packages/engine/src/swarm/a.ts': 'export const now = () => Date.now()\n',
      'packages/engine/src/swarm/b.ts': 'export const now = () => `it is ${new Date().toISOString()}`\n',
      'packages/hub/src/tracker/c.ts': 'export const now = () => Date\n  .now()\n',
      'packages/engine/src/node/system.ts': 'export const now = () => Date.now()\n',
      'packages/hub/src/system.ts': 'export const now = () => Date.now()\n',
    })
    assert.equal(said.length, 3)
    assert.match(said[0] ?? '', /^packages\/engine\/src\/swarm\/a\.ts: engine\/swarm may not read the clock/)
    assert.match(said[1] ?? '', /^packages\/engine\/src\/swarm\/b\.ts: engine\/swarm may not read the clock/)
    assert.match(said[2] ?? '', /^packages\/hub\/src\/tracker\/c\.ts: hub\/tracker may not read the clock/)
  })

  test('lets a date be made from a known time', () => {
    assert.deepEqual(saidOf({ 'packages/api/src/x.ts': 'export const day = (ms: number) => new Date(ms).toISOString()\n' }), [])
  })

  test('catches dice everywhere, even in tests and in the attic', () => {
    const dice = 'export const roll = () => Math.random()\n'
    const said = saidOf({
      'packages/engine/src/swarm/x.ts': dice,
      'packages/engine/src/swarm/x.test.ts': dice,
      'packages/cli/src/commands/x.ts': dice,
      'lab/fuzz/x.ts': dice,
      'packages/engine/src/node/system.ts': dice,
      'packages/hub/src/system.ts': dice,
    })
    assert.deepEqual(
      said.map((line) => line.replace(/ may not call Math\.random.*/, '')),
      [
        'lab/fuzz/x.ts: lab',
        'packages/cli/src/commands/x.ts: cli/commands',
        'packages/engine/src/swarm/x.test.ts: tests',
        'packages/engine/src/swarm/x.ts: engine/swarm',
      ],
    )
  })

  test('catches a file in no room', () => {
    const said = saidOf({
      'packages/engine/src/misc/x.ts': 'export {}\n',
      'packages/engine/src/loose.ts': 'export {}\n',
      'packages/gadgets/src/x.ts': 'export {}\n',
      'script.mjs': '',
    })
    assert.equal(said.length, 4)
    for (const line of said) assert.match(line, /is in no room; put the room on the plan/)
  })

  test('catches node: where the plan has none', () => {
    const text = "import { readFileSync } from 'node:fs'\n"
    assert.deepEqual(
      saidOf({
        'packages/protocol/src/wire/x.ts': text,
        'packages/engine/src/sim/x.ts': text,
        'packages/api/src/x.ts': text,
        'packages/engine/src/node/x.ts': text,
        'packages/cli/src/commands/x.ts': text,
      }),
      [
        'packages/api/src/x.ts: api may not import node:fs',
        'packages/engine/src/sim/x.ts: engine/sim may not import node:fs',
        'packages/protocol/src/wire/x.ts: protocol may not import node:fs',
      ],
    )
  })

  test('catches a package that the room has no line for', () => {
    const said = saidOf({
      'packages/protocol/src/x.ts': "import fc from 'fast-check'\n",
      'packages/protocol/src/x.test.ts': "import fc from 'fast-check'\n",
      'packages/cli/src/render/x.ts': "import width from 'string-width'\nimport { parse } from '@scope/name/deep'\n",
    })
    assert.deepEqual(said, [
      'packages/cli/src/render/x.ts: cli/render may not import npm:@scope/name',
      'packages/protocol/src/x.ts: protocol may not import npm:fast-check',
    ])
  })

  test('catches a workspace that does not exist, or does not export that', () => {
    const said = saidOf({
      'packages/cli/src/commands/x.ts': "import '@shoal/daemon'\nimport '@shoal/engine/swarm/choker'\n",
    })
    assert.deepEqual(said, [
      'packages/cli/src/commands/x.ts: imports @shoal/daemon, which no workspace exports',
      'packages/cli/src/commands/x.ts: imports @shoal/engine/swarm/choker, which no workspace exports',
    ])
  })

  test('catches a way around the package names', () => {
    const said = saidOf({
      'packages/cli/src/commands/x.ts': "import '../../../protocol/src/bytes.ts'\nimport '../../../../elsewhere/x.ts'\n",
    })
    assert.deepEqual(said, [
      'packages/cli/src/commands/x.ts: reaches into another workspace with ../../../protocol/src/bytes.ts; import it by its package name',
      'packages/cli/src/commands/x.ts: imports ../../../../elsewhere/x.ts, which is in no room',
    ])
  })

  test('keeps the commands away from the engine itself', () => {
    const said = saidOf({
      'packages/cli/src/commands/get.ts': "import { createSession } from '@shoal/engine'\n",
      'packages/cli/src/commands/create.ts': "import { createTorrent } from '@shoal/engine/create-torrent'\n",
    })
    assert.deepEqual(said, ['packages/cli/src/commands/get.ts: cli/commands may not import engine/index'])
  })

  test('catches rooms that import each other in a circle, even where the plan lets each of them', () => {
    const plan: Plan = { ...PLAN, 'engine/ports': { mayImport: ['engine/base'] }, 'engine/base': { mayImport: ['engine/ports'] } }
    const said = saidOf(
      {
        'packages/engine/src/base/a.ts': "import '../ports/b.ts'\n",
        'packages/engine/src/ports/b.ts': 'export {}\n',
        'packages/engine/src/ports/c.ts': "import '../base/a.ts'\n",
      },
      plan,
    )
    assert.deepEqual(said, [
      'packages/engine/src/base/a.ts: rooms import each other in a circle: engine/base -> engine/ports -> engine/base',
    ])
  })

  test('nobody may import a test or the attic', () => {
    const said = saidOf({
      'packages/engine/src/peer/x.ts': "import './y.test.ts'\n",
      'packages/engine/src/index.ts': "import '../test/swarm.ts'\n",
    })
    assert.deepEqual(said, [
      'packages/engine/src/index.ts: engine/index may not import tests',
      'packages/engine/src/peer/x.ts: engine/peer may not import tests',
    ])
  })

  test('does not take comments, strings and regular expressions for code', () => {
    const text = [
      '// Date.now() and Math.random() are for others',
      "/* import '../node/disk.ts' */",
      'const a = "Date.now()", b = \'Math.random()\'',
      "const c = `import '../node/disk.ts'; ${a + `Date.now() ${b}`} Math.random()`",
      "const d = /Math.random()|[/]Date.now()'/.test(c), e = 4 / 2 // \"'",
      "const f = a.replace(/\"/g, '//'), g = 'it\\'s Date.now()'",
      'export default [a, b, c, d, e / 2, f, g]',
    ].join('\n')
    assert.deepEqual(saidOf({ 'packages/engine/src/swarm/x.ts': text }), [])
  })

  test('sees code behind all of those', () => {
    for (const before of ['/* // */', 'const a = /[/"]/', "const a = '//'", 'const a = `//${1}`', 'const a = 4 / 2 / 1', "// don't\n"]) {
      const said = saidOf({ 'packages/engine/src/swarm/x.ts': `${before}; export const b = Math.random()\n` })
      assert.equal(said.length, 1, before)
    }
    assert.equal(saidOf({ 'packages/engine/src/swarm/x.ts': 'export const a = `${`${Math.random()}`}`\n' }).length, 1)
  })

  test('the plan names only rooms that exist in it', () => {
    for (const [name, room] of Object.entries(PLAN)) {
      for (const target of room.mayImport) assert.ok(target.includes(':') || Object.hasOwn(PLAN, target), `${name}: ${target}`)
    }
  })
})
