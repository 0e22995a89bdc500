import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { sourceOf, tableRows } from './tables.ts'

const ROWS = tableRows('limits.md').filter((cells) => cells[2]?.startsWith('`'))

/** The values that a name has in a file: constants, and defaults of options. */
function valuesOf(source: string, name: string): number[] {
  const found = source.matchAll(new RegExp(`\\b${name}(?:\\s*=|:(?: number =)?| \\?\\?)\\s*([\\d_][\\w.* <]*)`, 'g'))
  return [...found].map(([, expression]) => numberIn(expression ?? '')).filter((value) => !Number.isNaN(value))
}

/** `16 * 1024`, `1 << 20`, `10_000`. */
function numberIn(expression: string): number {
  const shift = /^([\d_]+) << (\d+)/.exec(expression)
  if (shift !== null) return plain(shift[1]) * 2 ** Number(shift[2])
  return expression
    .split('*')
    .map((factor) => plain(factor.trim()))
    .reduce((product, factor) => product * factor, 1)
}

function plain(digits: string | undefined): number {
  return Number(digits?.replaceAll('_', '') ?? Number.NaN)
}

/** How people write that number. */
function writings(value: number): string[] {
  const texts = [String(value), value.toLocaleString('en')]
  for (const [unit, size] of [
    ['KiB', 1024],
    ['MiB', 1024 ** 2],
    ['s', 1000],
    ['min', 60_000],
  ] as const) {
    if (value % size === 0) texts.push(`${value / size} ${unit}`)
  }
  return texts
}

describe('docs/limits.md', () => {
  test('is a long list', () => {
    assert.ok(ROWS.length >= 90, `${ROWS.length} limits`)
  })

  for (const [what = '', limit = '', where = ''] of ROWS) {
    test(`${what} ends at ${limit}`, () => {
      const [, path, name] = /^`([^`]+)` `([^`]+)`$/.exec(where) ?? []
      assert.ok(path !== undefined && name !== undefined, `where is it? ${where}`)
      const values = valuesOf(readFileSync(sourceOf(path), 'utf8'), name)
      assert.ok(values.length > 0, `there is no ${name} in ${path}`)
      const said = limit.replace(/ (?:bytes|characters)$/, '')
      assert.ok(values.flatMap(writings).includes(said), `${path} says ${name} = ${values.join(' or ')}`)
    })
  }
})
