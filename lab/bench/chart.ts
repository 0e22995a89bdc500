import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Measure } from './measure.ts'
import type { Summary } from './summary.ts'

const OURS = '#0b7285'
const OTHERS = '#adb5bd'
const COLUMNS = 3
const PANEL_WIDTH = 220
const BAR_HEIGHT = 22

/** One small chart for each measure: a bar to the median for each contender, and a line from the least to the most. */
export function chartSpec(title: string, summaries: readonly Summary[], measures: readonly Measure[]): TopLevelSpec {
  const values = measures.flatMap(({ key, label, unit }) =>
    summaries.map(({ contender, isOurs, spreads }) => {
      const { min, median, max } = spreads[key]!
      const scale = unit === 'ms' ? 1000 : 1
      return { measure: `${label}, ${unit}`, contender, isOurs, min: min * scale, median: median * scale, max: max * scale }
    }),
  )
  const y = { field: 'contender', type: 'nominal', sort: summaries.map(({ contender }) => contender), title: null } as const
  return {
    title,
    background: 'white',
    data: { values },
    facet: { field: 'measure', type: 'nominal', sort: measures.map(({ label, unit }) => `${label}, ${unit}`), title: null },
    columns: COLUMNS,
    spec: {
      width: PANEL_WIDTH,
      height: { step: BAR_HEIGHT },
      layer: [
        {
          mark: 'bar',
          encoding: {
            y,
            x: { field: 'median', type: 'quantitative', title: null },
            color: { field: 'isOurs', type: 'nominal', scale: { domain: [true, false], range: [OURS, OTHERS] }, legend: null },
          },
        },
        {
          mark: 'rule',
          encoding: { y, x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
        },
      ],
    },
    resolve: { scale: { x: 'independent' } },
  }
}

export async function writeChart(path: string, spec: TopLevelSpec): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG())
}
