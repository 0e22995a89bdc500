import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sourceOf, tableRows } from './tables.ts'

const PACKAGES = join(import.meta.dirname, '../../packages')
const ROWS = tableRows('beps.md')
const numberOf = (cells: readonly string[]): number => Number(/^\[(\d+)\]/.exec(cells[0] ?? '')?.[1])

describe('docs/beps.md', () => {
  test('names files that exist', () => {
    for (const cells of ROWS) {
      for (const [, path] of cells.join(' ').matchAll(/`((?:protocol|engine|hub)\/[^`]+\.ts)`/g))
        assert.ok(existsSync(sourceOf(path!)), path)
    }
  })

  test('says where everything is that it calls complete', () => {
    for (const [bep, , where = '', state = ''] of ROWS) assert.equal(where === '', state === 'not yet', bep)
  })

  test('has every proposal that the code speaks of, in order', () => {
    const listed = ROWS.map(numberOf)
    assert.deepEqual(
      listed,
      [...listed].sort((one, two) => one - two),
    )
    const spoken = new Set<number>()
    for (const path of globSync('{protocol,engine,hub}/src/**/*.ts', { cwd: PACKAGES })) {
      for (const [, numbers] of readFileSync(join(PACKAGES, path), 'utf8').matchAll(/\bBEP ((?:\d+(?:, )?)+)/g)) {
        for (const number of numbers!.split(', ')) if (number !== '') spoken.add(Number(number))
      }
    }
    assert.deepEqual(
      [...spoken].filter((bep) => !listed.includes(bep)),
      [],
    )
  })
})
