import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import type { Measure } from './measure.ts'
import type { Spread } from './statistics.ts'
import { ratiosOf, rounded, type Summary, summaryOf } from './summary.ts'
import type { Result } from './turns.ts'

export interface Report {
  /** The case. */
  readonly bench: string
  /** Told apart from others of the same case in the name of its chart. */
  readonly variant?: string
  /** What makes this run differ from another of the same case, such as size and piece length. */
  readonly options: Readonly<Record<string, string>>
  readonly measures: readonly Measure[]
  readonly results: readonly Result[]
}

/** Where runs leave what is worth looking at: charts and profiles. Git does not see it. */
export const ARTIFACTS = join(import.meta.dirname, '../../artifacts/bench')

/** A table for people on stderr, one JSON line for programs on stdout, and a chart. */
export async function report({ bench, variant, options, measures, results }: Report): Promise<void> {
  const where = {
    commit: execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', cwd: import.meta.dirname }).trim(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
  }
  const summaries = results.map((result) => summaryOf(result, measures))
  const ratios = ratiosOf(summaries, measures)
  for (const line of table(summaries, measures)) console.error(line)
  for (const [pair, each] of Object.entries(ratios)) console.error(`${pair}: ${ratioLine(each, measures)}`)
  const said = { bench, ...where, options, ratios, results: summaries }
  console.log(JSON.stringify(said, (_, value: unknown) => (typeof value === 'number' ? rounded(value) : value)))
  // Only now: it takes longer to load than a small case.
  const { chartSpec, writeChart } = await import('./chart.ts')
  const path = join(ARTIFACTS, `${[bench, ...(variant === undefined ? [] : [variant])].join('-')}.svg`)
  const title = [bench, ...Object.entries(options).map(([name, value]) => `${name} ${value}`), where.commit].join(' · ')
  await writeChart(path, chartSpec(title, summaries, measures))
  console.error(`chart: ${relative('.', path)}`)
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
  const shown = (figure: number): string => {
    if (unit === 's') return figure.toFixed(2)
    if (unit === 'µs') return figure.toFixed(1)
    return (unit === 'ms' ? figure * 1000 : figure).toFixed(0)
  }
  return `${shown(median)} (${shown(min)}-${shown(max)})`
}
