import { CliError, EXIT, exitStatusOf, failureJson, failureLine, failureOf } from '../render/failure.ts'
import type { Terminal } from '../render/terminal.ts'
import { quoted } from '../render/text.ts'
import { verbNamed } from './completion.ts'
import { helpVerb } from './help.ts'
import type { LineSource } from './line-source.ts'
import { nearest } from './nearest.ts'
import { spoken } from './reply.ts'
import { misused, type ReadCall, type Reply, readCall, type Verb, type VerbCall } from './verb.ts'
import { wordsOf } from './words.ts'

export interface ShellOptions<W> {
  readonly verbs: readonly Verb<W>[]
  readonly world: W
  readonly lines: LineSource
  /** How answers look. They are written to `lines`. */
  readonly view: Terminal
  /** What goes wrong in a pipe is said here. */
  readonly messages: Terminal
  /** Every answer as one line of JSON. */
  readonly isJson: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** What `exit` is about to do, for its line of help. */
  readonly exitSummary: string
}

/**
 * An interactive shell: takes a line, runs its verb, shows the answer, takes the next.
 *
 * It knows neither hubs nor peers: verbs are data, and know their world. Nothing that a verb throws ends it. From a pipe
 * it does the same without prompts, and remembers the first failure as its exit status.
 */
export class Shell<W> {
  readonly #options: ShellOptions<W>
  readonly #verbs: readonly Verb<W>[]
  #running: AbortController | undefined
  #isLeaving = false
  #status: number = EXIT.done

  constructor(options: ShellOptions<W>) {
    this.#options = options
    this.#verbs = [...options.verbs, helpVerb(() => this.#verbs), this.#exitVerb()]
  }

  /** With those of the shell itself. */
  get verbs(): readonly Verb<W>[] {
    return this.#verbs
  }

  /** @returns the exit status, when there are no more lines or somebody left */
  async run(): Promise<number> {
    const { lines } = this.#options
    while (!this.#isLeaving) {
      const line = await lines.next()
      if (line === undefined) break
      await this.#runLine(line)
    }
    lines.close()
    return lines.isInteractive ? EXIT.done : this.#status
  }

  /** Stops the verb that runs, and nothing else. */
  cancel(): void {
    this.#running?.abort(new Cancelled())
  }

  /** Stops the verb that runs, and takes no more lines. */
  leave(): void {
    this.#isLeaving = true
    this.cancel()
    this.#options.lines.close()
  }

  async #runLine(line: string): Promise<void> {
    let isJson = this.#options.isJson
    try {
      const [name, ...given] = wordsOf(line)
      if (name === undefined || name.startsWith('#')) return
      const verb = this.#verbFor(name)
      const read = readCall(verb, given)
      isJson ||= read.isJson
      await this.#runVerb(verb, read, isJson)
    } catch (error) {
      this.#tell(error, isJson)
    }
  }

  async #runVerb(verb: Verb<W>, read: ReadCall, isJson: boolean): Promise<void> {
    const running = new AbortController()
    this.#running = running
    const show = (reply: Reply): void => this.#show(reply, isJson)
    const call: VerbCall<W> = {
      world: this.#options.world,
      signal: running.signal,
      now: this.#options.now,
      words: read.words,
      options: read.options,
      argument: (argument) => {
        const word = read.words[argument]?.[0]
        if (word === undefined) throw misused(verb, `${verb.name} needs <${argument}>`)
        return word
      },
      isInteractive: this.#options.lines.isInteractive,
      show,
      live: () => {}, // what goes on is shown above the prompt in any case
      ask: async (question, kind) => {
        const answer = await this.#options.lines.ask(question, kind, running.signal)
        if (answer === undefined)
          throw new CliError('USAGE', `${verb.name} asks "${question.trim()}", and there is no answer: the input has ended`)
        return answer
      },
    }
    try {
      const reply = await verb.run(call)
      if (reply !== undefined) show(reply)
    } finally {
      this.#running = undefined
    }
  }

  #verbFor(typed: string): Verb<W> {
    const verb = verbNamed(typed, this.#verbs)
    if (verb !== undefined) return verb
    const [close] = nearest(
      typed.replaceAll('-', '_'),
      this.#verbs.map(({ name }) => name),
      1,
    )
    const hint = close === undefined ? '' : `Did you mean ${close}? `
    throw new CliError('USAGE', `There is no command ${quoted(typed)}. ${hint}(help shows all)`)
  }

  #show(reply: Reply, isJson: boolean): void {
    const { lines, view } = this.#options
    const shown = isJson ? [JSON.stringify(reply.value)] : reply.lines(view)
    if (shown.length > 0) lines.write(`${shown.join('\n')}\n`)
  }

  #tell(error: unknown, isJson: boolean): void {
    if (error instanceof Cancelled) {
      this.#status ||= STATUS_OF_CTRL_C
      return
    }
    const failure = failureOf(error)
    this.#status ||= exitStatusOf(failure)
    const { lines, messages, view } = this.#options
    if (!lines.isInteractive) messages.write(`${isJson ? failureJson(failure) : failureLine(failure)}\n`)
    else if (isJson) lines.write(`${failureJson(failure)}\n`)
    // To a person the sentence says everything; the code is for those who have to look it up.
    else lines.write(`${spoken(failure.message, view).join('\n')}\n`)
  }

  #exitVerb(): Verb<W> {
    return {
      name: 'exit',
      aliases: ['q', 'quit'],
      summary: this.#options.exitSummary,
      example: 'exit',
      run: async () => {
        this.#isLeaving = true
        return undefined
      },
    }
  }
}

/** Ctrl-C: nothing went wrong, so nothing is said. */
class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

const STATUS_OF_CTRL_C = 130
