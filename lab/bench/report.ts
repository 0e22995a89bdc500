import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import type { Measure } from './measure.ts'
import { type Spread, spreadOf } from './statistics.ts'
import type { Result } from './turns.ts'

export interface Report {
  /** The case. */
  readonly bench: string
  /** What makes this run differ from another of the same case, such as size and piece length. */
  readonly options: Readonly<Record<string, string>>
  readonly measures: readonly Measure[]
  readonly results: readonly Result[]
}

/** For people on stderr, one JSON line for programs on stdout. */
export function report({ bench, options, measures, results }: Report): void {
  const where = {
    commit: execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
  }
  const spreads = results.map((result) => ({ ...result, spreads: spreadsOf(result, measures) }))
  const ratios = ratiosOf(spreads, measures)
  for (const line of table(spreads, measures)) console.error(line)
  for (const [pair, each] of Object.entries(ratios)) console.error(`${pair}: ${ratioLine(each, measures)}`)
  console.log(
    JSON.stringify({ bench, ...where, options, ratios, results: spreads }, (_, value) =>
      typeof value === 'number' ? rounded(value) : value,
    ),
  )
}

interface Summary extends Result {
  readonly spreads: Readonly<Record<string, Spread>>
}

function spreadsOf({ rounds }: Result, measures: readonly Measure[]): Record<string, Spread> {
  return Object.fromEntries(measures.map(({ key }) => [key, spreadOf(rounds.map((round) => rounded(round[key]!)))]))
}

/** Of medians: of each of ours to each of the others. */
function ratiosOf(summaries: readonly Summary[], measures: readonly Measure[]): Record<string, Record<string, number>> {
  const ratios: Record<string, Record<string, number>> = {}
  for (const ours of summaries.filter(({ isOurs }) => isOurs)) {
    for (const other of summaries.filter(({ isOurs }) => !isOurs)) {
      ratios[`${ours.contender} / ${other.contender}`] = Object.fromEntries(
        measures
          .filter(({ key }) => other.spreads[key]!.median > 0)
          .map(({ key }) => [key, rounded(ours.spreads[key]!.median / other.spreads[key]!.median)]),
      )
    }
  }
  return ratios
}

/** A figure with as many digits as mean something. */
function rounded(figure: number): number {
  return Number(figure.toPrecision(4))
}

function ratioLine(ratios: Readonly<Record<string, number>>, measures: readonly Measure[]): string {
  return measures
    .filter(({ key }) => ratios[key] !== undefined)
    .map(({ key, label }) => `${label} ${ratios[key]!.toFixed(2)}`)
    .join(' · ')
}

/** Median and, in parentheses, least and most. */
function table(summaries: readonly Summary[], measures: readonly Measure[]): string[] {
  const rows = [
    ['', ...measures.map(({ label, unit }) => `${label} ${unit}`)],
    ...summaries.map(({ contender, spreads }) => [contender, ...measures.map((measure) => spreadText(spreads[measure.key]!, measure))]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

function spreadText({ min, median, max }: Spread, { unit }: Measure): string {
  const shown = (figure: number): string => (unit === 's' ? figure.toFixed(2) : (unit === 'ms' ? figure * 1000 : figure).toFixed(0))
  return `${shown(median)} (${shown(min)}-${shown(max)})`
}
