// What `npm test` runs: from the cheapest check to the dearest, until one fails.
//
//   npm test                 everything, in this order
//   npm test -- unit         one stage (or several: npm test -- format lint)
//   npm test -- --list       the stages
//
// A test that needs a program this machine does not have is skipped, and its reason is listed at the end; with
// SHOAL_TEST_ALL=1 it fails instead (lab/interop/requirement.ts).
import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = join(root, 'node_modules', '.bin')

/** @typedef {{ kind: 'tool', arguments: string[] } | { kind: 'tests', files: string[], oneAtATime?: boolean }} Step */

/** @type {{ name: string, says: string, steps: () => Step[] }[]} */
const STAGES = [
  { name: 'format', says: 'format and simple rules (biome)', steps: () => [tool('@biomejs/biome', 'biome', 'check', '.')] },
  { name: 'lint', says: 'lint with types (oxlint)', steps: () => [tool('oxlint', 'oxlint', '--type-aware', '--deny-warnings')] },
  { name: 'types', says: 'types (tsc)', steps: () => [tool('typescript', 'tsc', '-b')] },
  {
    name: 'house',
    says: 'house test: the floor plan holds',
    steps: () => [{ kind: 'tool', arguments: [join('lab', 'house', 'main.ts')] }, tests(['lab/house/**/*.test.ts'])],
  },
  { name: 'dead', says: 'dead code (knip)', steps: () => [tool('knip', 'knip', '--no-progress')] },
  {
    name: 'unit',
    says: 'unit tests',
    steps: () => [tests(['packages/*/src/**/*.test.ts', 'lab/**/*.test.ts'], ['lab/house/**', 'lab/hub/**', 'lab/interop/**'])],
  },
  {
    name: 'swarms',
    says: 'simulated swarms',
    steps: () => [tests(['packages/engine/test/**/*.test.ts'], ['packages/engine/test/real/**'])],
  },
  {
    name: 'sockets',
    says: 'real sockets, disks and processes',
    steps: () => [
      {
        ...tests(['packages/{protocol,api,hub,cli}/test/**/*.test.ts', 'packages/engine/test/real/**/*.test.ts', 'lab/hub/**/*.test.ts']),
        oneAtATime: true,
      },
    ],
  },
  { name: 'interop', says: 'other clients', steps: () => [{ ...tests(['lab/interop/**/*.test.ts']), oneAtATime: true }] },
]

/** A stage that takes longer than this hangs: most often a test file left a socket or a timer open. */
const STAGE_LIMIT_MS = 15 * 60_000

/** A program from node_modules, run by the same Node as this one (its launcher scripts differ between systems). */
function tool(packageName, command, ...commandArguments) {
  const folder = join(root, 'node_modules', packageName)
  const declared = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin
  return { kind: 'tool', arguments: [join(folder, typeof declared === 'string' ? declared : declared[command]), ...commandArguments] }
}

function tests(patterns, exclude = []) {
  return { kind: 'tests', files: globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**', ...exclude] }).sort() }
}

function run(step) {
  const nodeArguments =
    step.kind === 'tool'
      ? step.arguments
      : [
          '--test',
          '--test-reporter=spec',
          `--test-concurrency=${step.oneAtATime ? 1 : Math.max(2, availableParallelism() - 1)}`,
          ...step.files,
        ]
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
  if (process.stdout.isTTY && env.NO_COLOR === undefined) env.FORCE_COLOR ??= '1'
  return new Promise((resolve) => {
    const child = spawn(process.execPath, nodeArguments, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const limit = setTimeout(() => {
      process.stdout.write(`\nStill running after ${STAGE_LIMIT_MS / 60_000} min: stopped. Does a test leave a socket or a timer open?\n`)
      child.kill()
    }, STAGE_LIMIT_MS)
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text) => {
      process.stdout.write(text)
      if (step.kind === 'tests') output += text
    })
    child.on('error', (error) => process.stdout.write(`Cannot start ${nodeArguments[0]}: ${error.message}\n`))
    child.on('close', (status) => {
      clearTimeout(limit)
      resolve({ ok: status === 0, output: stripVTControlCharacters(output) })
    })
  })
}

/** The figure that node's runner closes with: `ℹ pass 12`. */
function figure(output, name) {
  const lines = [...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, 'gm'))]
  return Number(lines.at(-1)?.[1] ?? 0)
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}

const asked = process.argv.slice(2)
if (asked.includes('--list')) {
  for (const stage of STAGES) process.stdout.write(`${stage.name.padEnd(10)}${stage.says}\n`)
  process.exit(0)
}
const unknown = asked.find((name) => !STAGES.some((stage) => stage.name === name))
if (unknown !== undefined) {
  process.stderr.write(`There is no stage "${unknown}". Stages: ${STAGES.map((stage) => stage.name).join(', ')}\n`)
  process.exit(2)
}
if (!existsSync(join(root, 'node_modules'))) {
  process.stderr.write('Nothing is installed yet: run "npm test" (it installs), or "npm ci" first.\n')
  process.exit(1)
}

const totals = { pass: 0, fail: 0, skipped: 0 }
const skips = []
let failedStage
const begun = performance.now()

for (const stage of STAGES) {
  if (asked.length > 0 && !asked.includes(stage.name)) continue
  const stageBegun = performance.now()
  process.stdout.write(`\n=== ${stage.name}: ${stage.says}\n`)
  let ok = true
  for (const step of stage.steps()) {
    if (step.kind === 'tests' && step.files.length === 0) {
      process.stdout.write('no test files\n')
      continue
    }
    const result = await run(step)
    if (step.kind === 'tests') {
      totals.pass += figure(result.output, 'pass')
      totals.fail += figure(result.output, 'fail') + figure(result.output, 'cancelled')
      totals.skipped += figure(result.output, 'skipped')
      for (const [, name, reason] of result.output.matchAll(/^\s*﹣ (.+?)(?: \([\d.]+ms\))? # (.+)$/gm)) skips.push(`${name}: ${reason}`)
    }
    ok &&= result.ok
    if (!ok) break
  }
  process.stdout.write(`--- ${stage.name}: ${ok ? 'ok' : 'FAILED'} in ${seconds(performance.now() - stageBegun)}\n`)
  if (!ok) {
    failedStage = stage.name
    break
  }
}

process.stdout.write('\n')
if (skips.length > 0) process.stdout.write(`Skipped:\n${skips.map((skip) => `  ${skip}\n`).join('')}`)
if (failedStage !== undefined) {
  const rest = asked.length === 0 ? ' What comes after it did not run.' : ''
  process.stdout.write(`Stopped at "${failedStage}": see above.${rest} Again with: npm test -- ${failedStage}\n`)
  process.exitCode = 1
}
process.stdout.write(
  `${failedStage === undefined ? 'All stages passed' : 'Failed'} in ${seconds(performance.now() - begun)}\n` +
    `${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped\n`,
)
