import { CliError } from '../render/failure.ts'
import { fitted, padded, quoted } from '../render/text.ts'
import { verbNamed } from './completion.ts'
import { nearest } from './nearest.ts'
import { spoken } from './reply.ts'
import { type Reply, usageOf, type Verb } from './verb.ts'

/** `help` and `?`: all verbs, or everything about one. */
export function helpVerb<W>(verbs: () => readonly Verb<W>[]): Verb<W> {
  return {
    name: 'help',
    aliases: ['?'],
    summary: 'shows all commands, or how to use one',
    arguments: [{ name: 'command', isOptional: true, complete: async () => verbs().map(({ name }) => name) }],
    example: 'help ping',
    run: async ({ words }) => {
      const typed = words.command?.[0]
      if (typed === undefined) return helpOfAll(verbs())
      const verb = verbNamed(typed, verbs())
      if (verb !== undefined) return helpOf(verb)
      const [close] = nearest(
        typed,
        verbs().map(({ name }) => name),
        1,
      )
      throw new CliError(
        'USAGE',
        `There is no command ${quoted(typed)}. ${close === undefined ? '' : `Did you mean ${close}? `}(help shows all)`,
      )
    },
  }
}

function helpOfAll<W>(verbs: readonly Verb<W>[]): Reply {
  return {
    value: verbs.map((verb) => ({ name: verb.name, usage: usageOf(verb), summary: verb.summary })),
    lines: (view) => {
      const { isTerminal, palette } = view
      const rows = verbs.map((verb) => [shortUsage(verb), verb.summary] as const)
      if (!isTerminal) return rows.map((row) => row.join('\t'))
      const cells = Math.min(MOST_USAGE_CELLS, Math.max(...rows.map(([usage]) => usage.length)))
      const room = Math.max(MIN_SUMMARY_CELLS, view.columns() - cells - 5)
      const line = ([usage, summary]: readonly [string, string]): string =>
        `  ${palette.strong(padded(fitted(usage, cells), cells))}  ${fitted(summary, room)}`
      return [...rows.map(line), '', ...spoken(HINTS, view)]
    },
  }
}

/** Longer ones are cut: each command has a help of its own. */
const MOST_USAGE_CELLS = 30
const MIN_SUMMARY_CELLS = 20

const HINTS =
  'Each has its own help: help ping. Names with spaces stand in quotes. Tab completes, Ctrl-C stops what runs, --json behind a command answers for programs.'

function helpOf<W>(verb: Verb<W>): Reply {
  const aliases = verb.aliases ?? []
  return {
    value: { name: verb.name, usage: usageOf(verb), summary: verb.summary, aliases, options: verb.options ?? [], example: verb.example },
    lines: ({ palette }) => {
      const options = (verb.options ?? []).map(({ name, value, summary }) => [
        `--${name}${value === undefined ? '' : ` <${value}>`}`,
        summary,
      ])
      const cells = Math.max(0, ...options.map(([option]) => option?.length ?? 0))
      return [
        `  ${palette.strong(usageOf(verb))}`,
        `  ${verb.name} ${verb.summary}.`,
        ...options.map(([option = '', summary = '']) => `    ${padded(option, cells)}  ${summary}`),
        `  For example: ${verb.example}`,
        ...(aliases.length === 0 ? [] : [`  Also: ${aliases.join(', ')}`]),
      ]
    },
  }
}

/** Without the options: what stands beside it has to fit. */
function shortUsage<W>(verb: Verb<W>): string {
  return usageOf({ ...verb, options: [] })
}
