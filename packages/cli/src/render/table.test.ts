import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Table, tableLines } from './table.ts'
import { widthOf } from './text.ts'

const same = (text: string): string => text
const palette = { good: same, waiting: same, bad: same, dim: same, strong: same }
const terminal = (width: number) => ({ isTerminal: true, columns: () => width, palette })
const PIPE = { isTerminal: false, columns: () => 80, palette }

const FILES: Table = {
  columns: [{ title: 'name', leastCells: 8 }, { title: 'size', isNumber: true }, { title: 'address' }],
  rows: [
    ['Bài giảng số 4', '1.42 GiB', '192.168.1.10:6881'],
    ['数据结构与算法讲义', '3 B', '192.168.1.31:6999'],
    ['Ba\u0300i', '97.7 KiB', ''],
  ],
}

describe('tableLines', () => {
  test('aligns by cells of the terminal: a Chinese character has two, a mark none', () => {
    assert.deepEqual(tableLines(FILES, terminal(80)), [
      '  name                    size  address',
      '  Bài giảng số 4      1.42 GiB  192.168.1.10:6881',
      '  数据结构与算法讲义       3 B  192.168.1.31:6999',
      '  Ba\u0300i                 97.7 KiB',
    ])
  })

  test('fits the terminal by cutting what may be cut, never an address or a figure', () => {
    for (const width of [45, 46, 47, 50, 60]) {
      const lines = tableLines(FILES, terminal(width))
      for (const line of lines) assert.ok(widthOf(line) < width, `${width}: ${line}`)
      assert.match(lines[2] ?? '', /^ {2}数据.*… .* {2}192\.168\.1\.31:6999$|讲义/)
    }
    assert.match(tableLines(FILES, terminal(20))[1] ?? '', /1\.42 GiB {2}192\.168\.1\.10:6881$/, 'there is nothing more to take')
  })

  test('takes from the widest column first', () => {
    const table: Table = {
      columns: [
        { title: 'a', leastCells: 4 },
        { title: 'b', leastCells: 4 },
      ],
      rows: [['x'.repeat(30), 'y'.repeat(10)]],
    }
    assert.deepEqual(tableLines(table, terminal(29))[1], `  ${'x'.repeat(13)}…  ${'y'.repeat(10)}`)
  })

  test('is tab-separated and uncut in a pipe, and no cell can break out of its place', () => {
    const table: Table = { columns: [{ title: 'name', leastCells: 4 }, { title: 'note' }], rows: [['a\tb\nc\u001b[2J', 'z'.repeat(200)]] }
    assert.deepEqual(tableLines(table, PIPE), ['name\tnote', `a b c [2J\t${'z'.repeat(200)}`])
    assert.equal(tableLines(table, terminal(300))[1], `  a b c [2J  ${'z'.repeat(200)}`)
  })
})
