import type { Terminal } from './terminal.ts'
import { clean, fitted, padded, widthOf } from './text.ts'

export interface TableColumn {
  readonly title: string
  readonly isNumber?: true
  /** Cells that it keeps when the table is too wide for the terminal; absent: it is never cut. */
  readonly leastCells?: number
}

/** Cells are plain text from anywhere: the table cleans them. */
export interface Table {
  readonly columns: readonly TableColumn[]
  readonly rows: readonly (readonly string[])[]
}

const INDENT = '  '
const GAP = '  '

/**
 * For a person: aligned by terminal cells, not wider than the terminal, cut with `…`. For a pipe: the same header and
 * rows, uncut, with one tab between the cells, so that `cut`, `awk` and spreadsheets read it.
 */
export function tableLines(table: Table, terminal: Pick<Terminal, 'isTerminal' | 'columns' | 'palette'>): string[] {
  const titles = table.columns.map((column) => column.title)
  const rows = table.rows.map((row) => row.map(clean))
  if (!terminal.isTerminal) return [titles, ...rows].map((row) => row.join('\t'))
  const widths = widthsWithin(table.columns, [titles, ...rows], terminal.columns() - 1)
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => aligned(fitted(cell, widths[index] ?? 0), widths[index] ?? 0, table.columns[index]))
      .join(GAP)
      .trimEnd()
  return [INDENT + terminal.palette.dim(line(titles)), ...rows.map((row) => INDENT + line(row))]
}

function aligned(text: string, cells: number, column: TableColumn | undefined): string {
  return column?.isNumber ? ' '.repeat(Math.max(0, cells - widthOf(text))) + text : padded(text, cells)
}

/** As wide as the widest cell; what is too much is taken from whichever column that may give is the widest. */
function widthsWithin(columns: readonly TableColumn[], rows: readonly (readonly string[])[], cells: number): number[] {
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))))
  const room = cells - INDENT.length - GAP.length * (columns.length - 1)
  let excess = widths.reduce((sum, width) => sum + width, 0) - room
  for (; excess > 0; excess--) {
    let widest: number | undefined
    for (const [index, { leastCells }] of columns.entries()) {
      if (leastCells === undefined || widths[index]! <= leastCells) continue
      if (widest === undefined || widths[index]! > widths[widest]!) widest = index
    }
    if (widest === undefined) break
    widths[widest]!--
  }
  return widths
}
