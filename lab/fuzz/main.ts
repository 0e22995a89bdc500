import { createHash, randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { toHex } from '@shoal/protocol/bytes'
import type { Finding, TargetReport } from './fuzz-run.ts'
import { FuzzThread } from './fuzz-thread.ts'
import { TARGETS } from './targets.ts'

/*
 * Every parser, conversation and saved state of Shoal on changed inputs, for as long as it is told:
 *
 *     npm run fuzz                                      a minute, spread over all targets
 *     npm run fuzz -- --seconds 3600                    an hour
 *     npm run fuzz -- --runs 20000                      so many inputs a target (whole sessions: fewer, see `oneIn`)
 *     npm run fuzz -- --target metainfo --target info   only these
 *     npm run fuzz -- --target metainfo --seed 7 --runs 123
 *                                                       the same inputs again, up to the one that was wrong
 *
 * A finding is written to lab/fuzz/findings/ and ends its target. Once it is mended it moves to
 * fixtures/regressions/<target>/, which a test replays. The exit code is 1 when there was one.
 */

const DEFAULT_SECONDS = 60
const FINDINGS = join(import.meta.dirname, 'findings')

interface Options {
  readonly seed: string
  readonly seconds: number | undefined
  readonly runs: number | undefined
  readonly targets: readonly string[]
}

const options = readOptions()
process.stdout.write(`seed ${options.seed}\n\n${row(['target', 'runs', 'runs/s', 'outcomes', 'most often'])}\n`)
const reports: TargetReport[] = []
const thread = new FuzzThread()
for (const name of options.targets) {
  const { oneIn = 1 } = TARGETS.find((target) => target.name === name)!
  const report = await thread.run({
    target: name,
    seed: options.seed,
    maxRuns: options.runs === undefined ? undefined : Math.ceil(options.runs / oneIn),
    maxMs: options.seconds === undefined ? undefined : (options.seconds * 1000) / options.targets.length,
  })
  reports.push(report)
  process.stdout.write(`${rowOf(report)}\n`)
  if (report.finding !== undefined) process.stdout.write(told(report.finding))
}
await thread.close()
const findings = reports.filter(({ finding }) => finding !== undefined).length
const runs = reports.reduce((sum, report) => sum + report.runs, 0)
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(`\n${reports.length} targets, ${runs} runs, ${findings} findings, at most ${peakMiB} MiB of memory\n`)
process.exitCode = findings > 0 ? 1 : 0

function readOptions(): Options {
  const names = TARGETS.map((target) => target.name)
  const values = readArguments()
  if (values.list === true) {
    process.stdout.write(`${names.join('\n')}\n`)
    process.exit(0)
  }
  const unknown = values.target?.find((name) => !names.includes(name))
  if (unknown !== undefined) stop(`There is no target "${unknown}": ${names.join(', ')}`)
  const [seconds, runs] = [number('--seconds', values.seconds), number('--runs', values.runs)]
  return {
    seed: values.seed ?? String(randomInt(1, 2 ** 31)),
    seconds: seconds ?? (runs === undefined ? DEFAULT_SECONDS : undefined),
    runs,
    targets: values.target ?? names,
  }
}

/** @returns the options as they are written; what is none of them ends the program. */
function readArguments(): {
  readonly seconds?: string
  readonly runs?: string
  readonly seed?: string
  readonly target?: string[]
  readonly list?: boolean
} {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string' },
        runs: { type: 'string' },
        seed: { type: 'string' },
        target: { type: 'string', multiple: true },
        list: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    return stop((error as Error).message)
  }
}

function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!(value > 0)) stop(`${name} is a number above 0, not "${text}"`)
  return value
}

function stop(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}

function rowOf({ target, runs, elapsedMs, outcomes, finding }: TargetReport): string {
  const perSecond = Math.round((runs * 1000) / Math.max(1, elapsedMs))
  const often = [...outcomes].sort((one, two) => two[1] - one[1]).map(([label]) => label)
  return row([
    target,
    String(runs),
    String(perSecond),
    String(outcomes.size),
    finding === undefined ? often.slice(0, 3).join(' | ') : 'FINDING',
  ])
}

function row(cells: readonly string[]): string {
  const [target = '', runs = '', perSecond = '', outcomes = '', often = ''] = cells
  return `${target.padEnd(22)}${runs.padStart(9)}${perSecond.padStart(9)}${outcomes.padStart(10)}  ${often}`
}

/** Writes the finding down, and says how to have it again. */
function told({ target, seed, run, reason, input }: Finding): string {
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12)
  mkdirSync(FINDINGS, { recursive: true })
  const path = join(FINDINGS, `${target}-${digest}.bin`)
  writeFileSync(path, input)
  const shown = toHex(input.subarray(0, 512))
  return [
    `  seed ${seed}, run ${run}: ${reason.replaceAll('\n', '\n    ')}`,
    `  input of ${input.length} bytes: ${shown}${input.length > 512 ? '…' : ''}`,
    `  kept as ${relative(process.cwd(), path)}; again: npm run fuzz -- --target ${target} --seed ${seed} --runs ${run}`,
    '',
  ].join('\n')
}
