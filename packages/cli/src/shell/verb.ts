import { CliError } from '../render/failure.ts'
import type { Terminal } from '../render/terminal.ts'

/** Something that a person can type into a shell, as data. `W` is the world it works in: a hub, or a peer. */
export interface Verb<W> {
  /** As the founding documents spell it, with underscores; dashes are understood, too. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** One line, without a full stop. */
  readonly summary: string
  readonly arguments?: readonly VerbArgument<W>[]
  /** Shown instead of the arguments when there is more than one way to give them. */
  readonly usage?: string
  readonly options?: readonly VerbOption[]
  readonly example: string
  /** @throws anything with a code: it is told, and the shell goes on */
  run(call: VerbCall<W>): Promise<Reply | undefined>
}

export interface VerbArgument<W> {
  readonly name: string
  readonly isOptional?: true
  /** All words that are left. Only the last one. */
  readonly isRest?: true
  /** What may stand here, whole; the shell looks for what begins as typed. */
  complete?(world: W, before: readonly string[], signal: AbortSignal): Promise<readonly string[]>
}

export interface VerbOption {
  readonly name: string
  /** What is given with it: `--uses <n>`. Absent: it stands alone. */
  readonly value?: string
  readonly summary: string
  readonly choices?: readonly string[]
}

/** Where an answer is going to stand. */
export type View = Pick<Terminal, 'isTerminal' | 'columns' | 'palette'>

/** What a verb found out: a value for programs, lines for people. */
export interface Reply {
  readonly value: unknown
  lines(view: View): readonly string[]
}

export interface VerbCall<W> {
  readonly world: W
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The words of each argument by its name; none for one that was left out. */
  readonly words: Readonly<Record<string, readonly string[]>>
  readonly options: ReadonlyMap<string, string>
  /** An argument that is always there. */
  readonly argument: (name: string) => string
  /** Whether somebody sits there, who can be asked twice. */
  readonly isInteractive: boolean
  /** Shows something before the end. */
  readonly show: (reply: Reply) => void
  /** Lines for the moment, drawn again in place until the verb ends; nothing where nobody looks. */
  readonly live: (lines: (view: View) => readonly string[]) => void
  /** What the person answers; what is secret is not shown while it is typed. */
  readonly ask: (question: string, kind: 'open' | 'secret') => Promise<string>
}

/** `ping <ip> <port>` */
export function usageOf<W>(verb: Verb<W>): string {
  const shown = (verb.arguments ?? []).map(({ name, isOptional, isRest }) => {
    const all = isRest ? `${name}...` : name
    return isOptional ? `[${all}]` : `<${all}>`
  })
  const options = (verb.options ?? []).map(({ name, value }) => `[--${name}${value === undefined ? '' : ` <${value}>`}]`)
  return [verb.name, ...(verb.usage === undefined ? shown : [verb.usage]), ...options].join(' ')
}

export interface ReadCall {
  readonly words: Readonly<Record<string, readonly string[]>>
  readonly options: ReadonlyMap<string, string>
  readonly isJson: boolean
}

/**
 * The words behind a verb as its arguments and options. `--` ends the options.
 *
 * @throws {CliError} `USAGE`
 */
export function readCall<W>(verb: Verb<W>, given: readonly string[]): ReadCall {
  const plain: string[] = []
  const options = new Map<string, string>()
  let isJson = false
  for (let at = 0; at < given.length; at++) {
    const word = given[at]!
    if (word === '--') {
      plain.push(...given.slice(at + 1))
      break
    }
    if (!word.startsWith('--')) {
      plain.push(word)
      continue
    }
    const [, name = '', , inline] = /^--([^=]*)(=(.*))?$/s.exec(word) ?? []
    if (name === 'json' && inline === undefined) {
      isJson = true
      continue
    }
    const option = verb.options?.find((each) => each.name === name)
    if (option === undefined) throw misused(verb, `${verb.name} has no option --${name}`)
    if (option.value === undefined) {
      if (inline !== undefined) throw misused(verb, `--${name} stands alone`)
      options.set(name, '')
      continue
    }
    const value = inline ?? given[++at]
    if (value === undefined) throw misused(verb, `--${name} needs its <${option.value}>`)
    if (option.choices !== undefined && !option.choices.includes(value)) {
      throw misused(verb, `--${name} is one of ${option.choices.join(', ')}`)
    }
    options.set(name, value)
  }
  return { words: spreadOver(verb, plain), options, isJson }
}

function spreadOver<W>(verb: Verb<W>, plain: readonly string[]): Record<string, readonly string[]> {
  const words: Record<string, readonly string[]> = {}
  let at = 0
  for (const { name, isOptional, isRest } of verb.arguments ?? []) {
    const taken = isRest ? plain.slice(at) : plain.slice(at, at + 1)
    if (taken.length === 0 && !isOptional) throw misused(verb, `${verb.name} needs <${name}>`)
    words[name] = taken
    at += taken.length
  }
  if (at < plain.length)
    throw misused(verb, `${verb.name} takes no more than ${at === 1 ? 'one word' : `${at} words`}; put a name with spaces in quotes`)
  return words
}

export function misused<W>(verb: Pick<Verb<W>, 'name'> & Partial<Verb<W>>, problem: string): CliError {
  return new CliError('USAGE', `${problem}. So: ${usageOf(verb as Verb<W>)}`)
}
