import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { chartSpec, writeChart } from './chart.ts'
import type { Measure } from './measure.ts'
import { summaryOf } from './summary.ts'

const MEASURES: readonly Measure[] = [
  { key: 'wallSeconds', label: 'wall', unit: 'ms' },
  { key: 'peakMiB', label: 'memory', unit: 'MiB' },
]
const SUMMARIES = [
  summaryOf({ contender: 'shoal', isOurs: true, rounds: [{ wallSeconds: 0.5, peakMiB: 10 }] }, MEASURES),
  summaryOf({ contender: 'another', isOurs: false, rounds: [{ wallSeconds: 1, peakMiB: 20 }] }, MEASURES),
]

describe('a chart', () => {
  test('shows every measure of every contender, in its unit', () => {
    const { data } = chartSpec('a case', SUMMARIES, MEASURES) as {
      data: { values: { measure: string; contender: string; median: number }[] }
    }
    assert.deepEqual(
      data.values.map(({ measure, contender, median }) => [measure, contender, median]),
      [
        ['wall, ms', 'shoal', 500],
        ['wall, ms', 'another', 1000],
        ['memory, MiB', 'shoal', 10],
        ['memory, MiB', 'another', 20],
      ],
    )
  })

  test('is a picture with their names', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-chart-'))
    try {
      const path = join(folder, 'new', 'case.svg')
      await writeChart(path, chartSpec('a case', SUMMARIES, MEASURES))
      const svg = readFileSync(path, 'utf8')
      for (const text of ['<svg', 'a case', 'shoal', 'another', 'memory, MiB']) assert.ok(svg.includes(text), text)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
