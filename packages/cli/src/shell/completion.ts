import { folded } from './nearest.ts'
import type { Verb } from './verb.ts'
import { asTyped, readTypedLine } from './words.ts'

/** What may stand at the end of a line: each of the hits stands for the text `instead`. */
export type Completions = readonly [hits: readonly string[], instead: string]

/** Answers later than this come too late for whoever has pressed Tab. */
export const COMPLETION_TIMEOUT_MS = 1_500

/** Verbs first, then what the verb's argument says may stand there, and its options. */
export async function completionsOf<W>(line: string, verbs: readonly Verb<W>[], world: W, signal: AbortSignal): Promise<Completions> {
  const { words, last } = readTypedLine(line)
  const before = last.raw === '' ? words : words.slice(0, -1)
  const [name, ...given] = before
  if (name === undefined) return [beginning(last.text, verbNames(last.text, verbs)), last.raw]
  const verb = verbNamed(name, verbs)
  if (verb === undefined) return [[], last.raw]
  if (last.raw.startsWith('--')) return [optionsOf(last.raw, verb), last.raw]
  const chosen = verb.options?.find((option) => `--${option.name}` === given.at(-1) && option.value !== undefined)
  if (chosen !== undefined) return [beginning(last.text, chosen.choices ?? []), last.raw]
  const places = given.filter((word) => !word.startsWith('--'))
  const expected = verb.arguments ?? []
  const argument = expected[places.length] ?? (expected.at(-1)?.isRest ? expected.at(-1) : undefined)
  const offered = (await argument?.complete?.(world, places, signal)) ?? []
  return [beginning(last.text, offered), last.raw]
}

export function verbNamed<W>(typed: string, verbs: readonly Verb<W>[]): Verb<W> | undefined {
  const name = typed.toLowerCase().replaceAll('-', '_')
  return verbs.find((verb) => verb.name === name || verb.aliases?.includes(name))
}

/** Those who type dashes are offered dashes. */
function verbNames<W>(typed: string, verbs: readonly Verb<W>[]): string[] {
  const names = verbs.map((verb) => verb.name)
  return typed.includes('-') ? names.map((name) => name.replaceAll('_', '-')) : names
}

function optionsOf<W>(raw: string, verb: Verb<W>): string[] {
  const names = [...(verb.options ?? []).map((option) => option.name), 'json']
  return names.map((name) => `--${name} `).filter((option) => option.startsWith(raw))
}

/** Each as one types it, with a space behind it: what follows is another word. */
function beginning(typed: string, offered: readonly string[]): string[] {
  const start = folded(typed)
  return [...new Set(offered)].filter((each) => folded(each).startsWith(start)).map((each) => `${asTyped(each)} `)
}
