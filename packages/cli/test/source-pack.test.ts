import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'

const BIN = join(import.meta.dirname, '..', 'bin')

describe('the pack of sources', () => {
  const worlds: SmallProgram[] = []
  const newProgram = (): SmallProgram => {
    const program = new SmallProgram()
    worlds.push(program)
    return program
  }
  after(() => {
    for (const world of worlds) world.remove()
  })

  test('is made by the first start, and used by the next one', () => {
    const program = newProgram()
    assert.equal(program.run(), 'one and far')
    const bytes = readFileSync(program.packPath(), 'latin1')
    assert.ok(!bytes.includes(': string'), 'types are taken out')
    writeFileSync(program.packPath(), bytes.replace("'one'", "'ONE'"), 'latin1')
    assert.equal(program.run(), 'ONE and far')
  })

  test('an edit is live at once', () => {
    const program = newProgram()
    program.run()
    program.write('packages/cli/src/word.ts', "export const word: string = 'two'\n")
    assert.equal(program.run(), 'two and far')
    program.write('packages/tale/src/far.ts', "export { word as far } from './farther.ts'\n")
    program.write('packages/tale/src/farther.ts', "export const word: string = 'farther'\n")
    assert.equal(program.run(), 'two and farther')
    program.write('packages/tale/package.json', JSON.stringify({ type: 'module', exports: { './*': './src/other/*.ts' } }))
    program.write('packages/tale/src/other/far.ts', "export const far: string = 'elsewhere'\n")
    assert.equal(program.run(), 'two and elsewhere')
  })

  test('one that is damaged is made again', () => {
    const program = newProgram()
    program.run()
    for (const length of [0, 10, 1000]) {
      truncateSync(program.packPath(), length)
      assert.equal(program.run(), 'one and far')
    }
    writeFileSync(program.packPath(), '{"names":{},"files":[]}\n')
    assert.equal(program.run(), 'one and far')
  })

  test('leaves addresses and line numbers as they are', () => {
    const program = newProgram()
    program.write(
      'packages/cli/src/word.ts',
      "interface Some {\n  a: 1\n}\nexport const word: string = new Error().stack?.split('\\n')[1] ?? ''\n",
    )
    program.run()
    assert.match(program.run(), /packages\/cli\/src\/word\.ts:4:/)
  })

  test('where nothing can be written, the sources are run as they are', () => {
    const program = newProgram()
    // A file where the folder of the pack would be: for whoever runs the tests as root, permissions are no obstacle.
    program.write('node_modules/.cache', '')
    assert.equal(program.run(), 'one and far')
    assert.equal(program.run(), 'one and far')
  })
})

/** A program of three modules in two packages, started as ours is. */
class SmallProgram {
  readonly #root = mkdtempSync(join(tmpdir(), 'shoal-pack-'))

  constructor() {
    cpSync(BIN, join(this.#root, 'packages/cli/bin'), { recursive: true })
    this.write('packages/cli/package.json', JSON.stringify({ type: 'module' }))
    this.write(
      'packages/cli/src/main.ts',
      "import { far } from '@shoal/tale/far'\nconst { word } = await import('./word.ts')\nconst said: string = word + ' and ' + far\nconsole.log(said)\n",
    )
    this.write('packages/cli/src/word.ts', "export const word: string = 'one'\n")
    this.write('packages/tale/package.json', JSON.stringify({ type: 'module', exports: { './*': './src/*.ts' } }))
    this.write('packages/tale/src/far.ts', "export const far: string = 'far'\n")
    mkdirSync(join(this.#root, 'node_modules/@shoal'), { recursive: true })
    symlinkSync(join(this.#root, 'packages/tale'), join(this.#root, 'node_modules/@shoal/tale'), 'junction')
  }

  write(path: string, text: string): void {
    const whole = join(this.#root, path)
    mkdirSync(dirname(whole), { recursive: true })
    writeFileSync(whole, text)
  }

  /** What it said. */
  run(): string {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(this.#root, 'packages/cli/bin/shoal.js')], { encoding: 'utf8' })
    assert.equal(stderr, '')
    assert.equal(status, 0)
    return stdout.trim()
  }

  packPath(): string {
    const cache = join(this.#root, 'node_modules/.cache')
    return join(cache, readdirSync(cache).find((name) => name.startsWith('shoal-sources-'))!)
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true })
  }
}
