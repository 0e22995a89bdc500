import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { within } from './deadline.ts'

/** How long a program may take to say what is expected of it, unless the caller knows better. */
const SAY_WITHIN_MS = 30_000
/** How long a program may take to end when it is asked to. */
const END_WITHIN_MS = 5_000
/** Linux has this in its base. */
const SETPRIV = '/usr/bin/setpriv'
const LEASH: readonly string[] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--'] : []
/** Lines kept for the story of a failed test. */
const KEPT_LINES = 2_000

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Ending {
  readonly status: number | null
  readonly lines: readonly string[]
}

/** One process under test: what it says, line by line, and an end that is always waited for. */
export class Program {
  readonly name: string
  readonly lines: string[] = []
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  readonly #listeners = new Set<() => void>()
  #hasEnded = false

  /**
   * The program's standard input is a pipe that closes when this process is gone, and the kernel kills it then where it
   * can: a test run that is killed leaves nothing behind.
   *
   * @param entrance words before the command that lead to where it runs: another network namespace
   */
  constructor(name: string, entrance: readonly string[], command: readonly string[], { cwd, env }: ProgramOptions = {}) {
    this.name = name
    const [file, ...words] = [...entrance, ...LEASH, ...command]
    this.#child = spawn(file!, words, { cwd, env: { ...process.env, LANG: 'C.UTF-8', ...env }, stdio: 'pipe' })
    this.#child.stdin!.on('error', () => {}) // it ended before it read everything; `ended` tells
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        if (this.lines.length > KEPT_LINES) this.lines.shift()
        this.#wake()
      })
    }
    this.ended = new Promise((resolve) => {
      const end = (status: number | null): void => {
        this.#hasEnded = true
        resolve({ status, lines: this.lines })
        this.#wake()
      }
      this.#child.on('close', end)
      this.#child.on('error', (error) => {
        this.lines.push(error.message)
        end(null)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves with the first line that matches, said already or still to come. */
  line(pattern: RegExp, { withinMs = SAY_WITHIN_MS }: { readonly withinMs?: number } = {}): Promise<string> {
    const said = new Promise<string>((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => pattern.test(line))
        if (found === undefined && !this.#hasEnded) return
        this.#listeners.delete(look)
        if (found !== undefined) resolve(found)
        else reject(new Error(`${this.name} ended without saying ${String(pattern)}\n${this.story()}`))
      }
      this.#listeners.add(look)
      look()
    })
    return within(withinMs, said, () => `${this.name} did not say ${String(pattern)}\n${this.story()}`)
  }

  /** Resolves when it has ended by itself with status 0. */
  async success({ withinMs = SAY_WITHIN_MS }: { readonly withinMs?: number } = {}): Promise<readonly string[]> {
    const { status, lines } = await within(withinMs, this.ended, () => `${this.name} does not end\n${this.story()}`)
    if (status !== 0) throw new Error(`${this.name} ended with status ${status}\n${this.story()}`)
    return lines
  }

  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  /** Asks it to end, and makes it when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    if (this.#hasEnded) return this.ended
    this.#child.stdin!.end()
    this.#child.kill(signal)
    const force = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS)
    try {
      return await this.ended
    } finally {
      clearTimeout(force)
    }
  }

  /** The last things it said. */
  story(lineCount = 40): string {
    return this.lines
      .slice(-lineCount)
      .map((line) => `  ${this.name} | ${line}`)
      .join('\n')
  }

  #wake(): void {
    for (const listener of this.#listeners) listener()
  }
}
