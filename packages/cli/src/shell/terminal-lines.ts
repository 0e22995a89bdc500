import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { widthOf } from '../render/text.ts'
import type { LineSource } from './line-source.ts'

/** What is typed now: a line for the shell, one that comes too early, or an answer. */
type Mode = 'prompt' | 'running' | 'question' | 'secret'

/** What is kept of what was typed; a file, or nothing. */
export interface LineHistory {
  /** The newest first. */
  readonly lines: readonly string[]
  add(line: string): void
}

export interface TerminalLinesOptions {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly prompt: string
  readonly history: LineHistory
  /** What may stand where the line ends, and the part of the line that each of them stands for. */
  complete(line: string): Promise<readonly [hits: readonly string[], instead: string]>
  /** Ctrl-C while something runs, or waits for an answer. */
  onCancel(): void
}

/**
 * Lines that a person types at a terminal, edited as in any shell, with history and completion.
 *
 * What is written while somebody types goes above the line that is being typed. While a verb runs there is no prompt;
 * what is typed then is the next line.
 */
export class TerminalLines implements LineSource {
  readonly isInteractive = true
  readonly #options: TerminalLinesOptions
  readonly #screen: MutedStream
  readonly #reader: Interface
  readonly #typed: string[] = []
  /** What stands above the line that is typed, for the moment. */
  #live: readonly string[] = []
  #mode: Mode = 'running'
  #isClosed = false
  #onChange = (): void => {}

  constructor(options: TerminalLinesOptions) {
    this.#options = options
    this.#screen = new MutedStream(options.output)
    this.#reader = createInterface({
      input: options.input,
      output: this.#screen,
      terminal: true,
      prompt: '',
      history: [...options.history.lines],
      historySize: options.history.lines.length + SESSION_LINES,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => void this.#complete(line, done),
    })
    this.#reader.on('history', (lines) => {
      // An answer is no line of the shell, and a password least of all.
      if (this.#mode !== 'prompt' && this.#mode !== 'running') lines.shift()
    })
    this.#reader.on('line', (line) => {
      this.#typed.push(line)
      this.#onChange()
    })
    this.#reader.on('SIGINT', () => this.#onInterrupt())
    const end = (): void => {
      this.#isClosed = true
      this.#onChange()
    }
    this.#reader.on('close', end)
    // A terminal that is closed cannot even be put back as it was (EIO): there is nobody left to tell.
    options.input.on('error', end)
    this.#reader.on('error', end)
  }

  async next(): Promise<string | undefined> {
    this.#enter('prompt', this.#options.prompt)
    const wasTypedAhead = this.#typed.length > 0
    const line = await this.#line()
    this.#enter('running', '')
    this.#letLineBehind(wasTypedAhead ? undefined : line)
    if (line !== undefined && line.trim() !== '' && !line.startsWith(' ')) this.#options.history.add(line)
    // Ctrl-D leaves the cursor behind the prompt.
    if (line === undefined) this.#options.output.write('\n')
    return line
  }

  async ask(question: string, kind: 'open' | 'secret', signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted()
    this.live([])
    this.#typed.length = 0
    if (kind === 'secret') this.#options.output.write(question)
    this.#enter(kind === 'secret' ? 'secret' : 'question', kind === 'secret' ? '' : question)
    const abort = (): void => this.#onChange()
    signal.addEventListener('abort', abort)
    try {
      const answer = await this.#line(signal)
      if (kind === 'secret' || answer === undefined) this.#options.output.write('\n')
      return answer
    } finally {
      signal.removeEventListener('abort', abort)
      this.#emptyLine()
      this.#enter('running', '')
    }
  }

  write(text: string): void {
    if (this.#isClosed || this.#mode === 'secret') {
      this.#options.output.write(text)
      return
    }
    this.#redraw(text, this.#live)
  }

  /**
   * Lines for the moment above the line that is typed, in the place of those before; none takes them away. None may be wider
   * than the terminal.
   */
  live(lines: readonly string[]): void {
    if (this.#isClosed || this.#mode === 'secret' || this.#mode === 'question') return
    if (lines.length > 0 || this.#live.length > 0) this.#redraw('', lines)
  }

  close(): void {
    this.#reader.close()
  }

  /** The next line that was typed, when nothing aborts it before. */
  async #line(signal?: AbortSignal): Promise<string | undefined> {
    while (this.#typed.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
      signal?.throwIfAborted()
    }
    return this.#typed.shift()
  }

  /** Everything from the first live line on, anew, with what stays above it. */
  #redraw(text: string, live: readonly string[]): void {
    const { rows } = this.#reader.getCursorPos()
    this.#eraseFrom(rows + this.#rowsOf(this.#live))
    this.#options.output.write(text + live.map((line) => `${line}\n`).join(''))
    this.#live = live
    if (this.#mode !== 'running' || this.#reader.line !== '') this.#reader.prompt(true)
  }

  /** A line that was taken stays where it was typed, and what is live goes below it. */
  #letLineBehind(line: string | undefined): void {
    const live = this.#live
    this.#live = []
    // Several lines that came at once stand there already, in rows that nobody counted: what was live stays above them.
    if (live.length === 0 || line === undefined || this.#typed.length > 0 || this.#isClosed) return
    const taken = this.#options.prompt + line
    this.#eraseFrom(this.#rowsOf(live) + this.#rowsOf([taken]))
    this.#options.output.write(`${taken}\n`)
    this.live(live)
  }

  #eraseFrom(rows: number): void {
    moveCursor(this.#screen, 0, -rows)
    cursorTo(this.#screen, 0)
    clearScreenDown(this.#screen)
  }

  /** A terminal that got narrower has wrapped what stands there. */
  #rowsOf(lines: readonly string[]): number {
    const columns = Math.max(1, this.#screen.columns)
    return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(stripVTControlCharacters(line)) / columns)), 0)
  }

  #enter(mode: Mode, prompt: string): void {
    this.#mode = mode
    this.#screen.isMuted = mode === 'secret'
    if (this.#isClosed) return
    this.#reader.setPrompt(prompt)
    // A line that was typed meanwhile is taken at once, without a prompt before it.
    if (mode !== 'running' && this.#typed.length === 0) this.#reader.prompt(true)
  }

  #onInterrupt(): void {
    if (this.#mode !== 'prompt') {
      if (this.#mode === 'running') this.#options.output.write('^C\n')
      this.#options.onCancel()
      return
    }
    this.live([])
    this.#options.output.write('^C\n')
    this.#emptyLine()
    this.#reader.prompt()
  }

  /** As Ctrl-E and Ctrl-U would. */
  #emptyLine(): void {
    if (this.#isClosed || this.#reader.line === '') return
    const wasMuted = this.#screen.isMuted
    this.#screen.isMuted = true
    this.#reader.write('', { ctrl: true, name: 'e' })
    this.#reader.write('', { ctrl: true, name: 'u' })
    this.#screen.isMuted = wasMuted
  }

  async #complete(line: string, done: (error: null, result: [string[], string]) => void): Promise<void> {
    let found: readonly [hits: readonly string[], instead: string] = [[], line]
    try {
      if (this.#mode === 'prompt') found = await this.#options.complete(line)
    } catch {
      // Completion is a comfort: what it could not look up it does not offer.
    }
    // Several are listed below the line, and the prompt goes below them.
    if (found[0].length > 1) this.live([])
    done(null, [[...found[0]], found[1]])
  }
}

/** Lines of one session that can be fetched back, besides those of the history. */
const SESSION_LINES = 1_000

/** A terminal that one can look away from, while a secret is typed. */
class MutedStream extends Writable {
  isMuted = false
  readonly #terminal: NodeJS.WriteStream

  constructor(terminal: NodeJS.WriteStream) {
    super({ decodeStrings: false })
    this.#terminal = terminal
    terminal.on('resize', () => this.emit('resize'))
  }

  get columns(): number {
    return this.#terminal.columns
  }

  get rows(): number {
    return this.#terminal.rows
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    if (!this.isMuted) this.#terminal.write(chunk)
    done()
  }
}
