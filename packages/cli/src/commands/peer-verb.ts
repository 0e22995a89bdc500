import { Command, Option } from 'commander'
import { ADD_VERBS } from '../shell/peer/add-verbs.ts'
import { GROUP_VERBS } from '../shell/peer/group-verbs.ts'
import { ALL_PEER_VERBS } from '../shell/peer/peer-verbs.ts'
import type { PeerWorld } from '../shell/peer/peer-world.ts'
import { usageOf, type Verb } from '../shell/verb.ts'
import type { CommandContext } from './command.ts'

/** The verb of that name, with underscores, dashes, or as one of its aliases. */
export function isPeerVerb(name: string): boolean {
  return ALL_PEER_VERBS.some((verb) => namesOf(verb).includes(name))
}

/** Every verb of the peer's shell as a command of the program, besides those that are commands already. */
export function buildPeerVerbs(context: CommandContext, taken: readonly string[], only?: string): Command[] {
  // In the order of the help: what one does with others first.
  const others = ALL_PEER_VERBS.filter((verb) => !GROUP_VERBS.includes(verb) && !ADD_VERBS.includes(verb))
  const verbs = [...GROUP_VERBS, ...ADD_VERBS, ...others].filter(({ name }) => !taken.includes(name))
  const wanted = only === undefined ? verbs : verbs.filter((verb) => namesOf(verb).includes(only))
  return wanted.map((verb) => build(verb, context, taken))
}

function build(verb: Verb<PeerWorld>, context: CommandContext, taken: readonly string[]): Command {
  const command = new Command(verb.name)
    .summary(verb.summary)
    .description(`${verb.name} ${verb.summary}.`)
    .helpGroup(groupOf(verb))
    .aliases(namesOf(verb).filter((name) => name !== verb.name && !taken.includes(name)))
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .addHelpText('after', `\nExamples:\n  shoal ${verb.example}\n`)
  const parameters = verb.arguments ?? []
  for (const { name, isOptional, isRest } of parameters) {
    const shown = isRest ? `${name}...` : name
    command.argument(isOptional ? `[${shown}]` : `<${shown}>`)
  }
  for (const { name, value, summary, choices } of verb.options ?? []) {
    const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`, summary)
    command.addOption(choices === undefined ? option : option.choices([...choices]))
  }
  if (verb.usage !== undefined) command.usage(usageOf({ ...verb, name: '' }).trim())
  return command.option('--json', 'the answer as JSON, for programs').action(async (...given: unknown[]) => {
    const options = command.opts<Record<string, string | boolean | undefined>>()
    const words = Object.fromEntries(parameters.map(({ name }, at) => [name, wordsOf(given[at])]))
    const { runPeerVerb } = await import('./run-peer-verb.ts')
    await runPeerVerb(verb, { words, options: chosen(options), isJson: options.json === true }, context)
  })
}

function wordsOf(given: unknown): readonly string[] {
  if (Array.isArray(given)) return given.map(String)
  return typeof given === 'string' ? [given] : []
}

/** As the shell reads them: an option that stands alone is empty. */
function chosen(options: Readonly<Record<string, string | boolean | undefined>>): Map<string, string> {
  const map = new Map<string, string>()
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'json' && value !== undefined && value !== false) map.set(name, value === true ? '' : value)
  }
  return map
}

/** Both spellings of the name, and of its aliases. */
function namesOf({ name, aliases = [] }: Verb<PeerWorld>): string[] {
  return [...new Set([name, ...aliases].flatMap((each) => [each, each.replaceAll('_', '-')]))]
}

function groupOf(verb: Verb<PeerWorld>): string {
  if (GROUP_VERBS.includes(verb)) return 'With a group:'
  return ADD_VERBS.includes(verb) ? 'Getting and sharing by torrents:' : 'Your torrents:'
}
