import { type Table, tableLines } from '../render/table.ts'
import { padded, wrapped } from '../render/text.ts'
import type { Reply, View } from './verb.ts'

const INDENT = '  '

/** A sentence where it stands in a shell; a pipe gets it whole. */
export function spoken(text: string, view: View): string[] {
  if (!view.isTerminal) return [text]
  return wrapped(text, view.columns() - INDENT.length - 1).map((line) => INDENT + line)
}

/** A sentence as an answer; `value` is for programs. Names of strangers in it are quoted by whoever writes it. */
export function sentence(text: string, value: unknown): Reply {
  return { value, lines: (view) => spoken(text, view) }
}

/** A table, or the sentence when there is nothing to put into it. A pipe gets the header in any case. */
export function tableReply(table: Table, value: unknown, whenEmpty: string, below?: string): Reply {
  return {
    value,
    lines: (view) => {
      if (!view.isTerminal) return tableLines(table, view)
      if (table.rows.length === 0) return spoken(whenEmpty, view)
      return [...tableLines(table, view), ...(below === undefined ? [] : spoken(below, view))]
    },
  }
}

/** A name and a value on each line. */
export function pairsReply(pairs: readonly (readonly [name: string, value: string])[], value: unknown): Reply {
  return { value, lines: (view) => pairLines(pairs, view) }
}

export function pairLines(pairs: readonly (readonly [name: string, value: string])[], { isTerminal, palette }: View): string[] {
  if (!isTerminal) return pairs.map((pair) => pair.join('\t'))
  const cells = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, shown]) => `${INDENT}${palette.dim(padded(name, cells))}  ${shown}`)
}
