import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const BIN = join(import.meta.dirname, '..', 'bin', 'shoal.js')

export interface Outcome {
  readonly status: number | null
  readonly output: string
  readonly messages: string
}

/** The program in a world of its own: a folder to work in, and a home that holds nothing yet. */
export class ShoalWorld {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'shoal-cli-'))
  /** Besides the usual. */
  readonly environment: Record<string, string> = {}
  readonly #running = new Set<RunningShoal>()

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  writeFile(names: readonly string[], bytes: Uint8Array): void {
    const path = this.path(...names)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }

  /** Runs a command to its end. */
  run(...words: string[]): Promise<Outcome> {
    return this.start(...words).ended
  }

  start(...words: string[]): RunningShoal {
    return this.#start(words, 'ignore')
  }

  /** With a standard input that the test writes. */
  talk(...words: string[]): RunningShoal {
    return this.#start(words, 'pipe')
  }

  #start(words: readonly string[], input: 'ignore' | 'pipe'): RunningShoal {
    const home = this.path('home')
    const child = spawn(process.execPath, [BIN, ...words], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, HOME: home, SHOAL_HOME: join(home, 'shoal'), NO_COLOR: '1', ...this.environment },
      stdio: [input, 'pipe', 'pipe'],
    })
    child.stdin?.on('error', () => {}) // it ended before it read everything; `ended` tells
    const running = new RunningShoal(child)
    this.#running.add(running)
    return running
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    for (const running of this.#running) await running.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class RunningShoal {
  readonly ended: Promise<Outcome>
  readonly #child: ChildProcess
  #output = ''
  #messages = ''
  #onOutput = (): void => {}

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
      this.#onOutput()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#messages += text
    })
    this.ended = new Promise((resolve) => {
      child.on('close', (status) => {
        resolve({ status, output: this.#output, messages: this.#messages })
        this.#onOutput()
      })
    })
  }

  /** Resolves with the first line of the output that matches; rejects when the program ends without one. */
  line(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#output
          .split('\n')
          .slice(0, -1)
          .find((line) => pattern.test(line))
        if (found !== undefined) resolve(found)
        else if (this.#child.exitCode !== null) reject(new Error(`It ended without ${String(pattern)}:\n${this.#output}${this.#messages}`))
      }
      this.#onOutput = look
      look()
    })
  }

  /** Calls with every whole line of the output as it comes. */
  onLine(callback: (line: string) => void): void {
    let rest = ''
    this.#child.stdout?.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) callback(line)
    })
  }

  /** Types lines, and that there are no more. */
  type(...lines: readonly string[]): this {
    this.#child.stdin?.write(lines.map((line) => `${line}\n`).join(''))
    return this
  }

  hangUp(): this {
    this.#child.stdin?.end()
    return this
  }

  /** Sends a signal and does not wait for what becomes of it. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** As `| head -0` does. */
  closeOutput(): void {
    this.#child.stdout?.destroy()
  }

  stop(signal: NodeJS.Signals): Promise<Outcome> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal)
    return this.ended
  }
}
