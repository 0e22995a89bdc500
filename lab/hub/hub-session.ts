import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { within } from '../interop/deadline.ts'

const BIN = join(import.meta.dirname, '../../packages/cli/bin/shoal.js')
const ANSWER_WITHIN_MS = 20_000

export interface Refusal {
  readonly code: string
  readonly message: string
}

/** `shoal hub --shell --json`, as a program that types into it sees it: a line in, a line out. */
export class HubSession {
  readonly url: string
  readonly announceUrl: string
  readonly #child: ChildProcess
  readonly #answers: Answers

  private constructor(child: ChildProcess, answers: Answers, { port, announce }: { port: number; announce: string }) {
    this.#child = child
    this.#answers = answers
    this.url = `http://127.0.0.1:${port}`
    this.announceUrl = announce
  }

  static async start(home: string, ...words: string[]): Promise<HubSession> {
    const child = spawn(process.execPath, [BIN, 'hub', '--shell', '--json', '--port', '0', ...words], {
      env: { PATH: process.env.PATH, HOME: home, SHOAL_HOME: home, NO_COLOR: '1' },
      stdio: 'pipe',
    })
    const answers = new Answers(child)
    const ready = (await answers.next('it starts')) as { port: number; announce: string }
    return new HubSession(child, answers, ready)
  }

  /** What the shell answers to the line. @throws when it refuses */
  async ask<T>(line: string): Promise<T> {
    const answer = await this.#say(line)
    if (isRefusal(answer)) throw new Error(`${line}: ${answer.error.message} (${answer.error.code})`)
    return answer as T
  }

  /** Why the shell refuses the line. @throws when it does not */
  async refusal(line: string): Promise<Refusal> {
    const answer = await this.#say(line)
    if (!isRefusal(answer)) throw new Error(`${line} is not refused: ${JSON.stringify(answer)}`)
    return answer.error
  }

  /** Leaves the shell; the hub stops with it. @returns its exit status */
  async exit(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => {
      this.#child.once('close', resolve)
    })
    this.#child.stdin?.end('exit\n')
    return within(ANSWER_WITHIN_MS, ended, () => 'the hub stops')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #say(line: string): Promise<unknown> {
    this.#child.stdin?.write(`${line}\n`)
    return this.#answers.next(line)
  }
}

function isRefusal(answer: unknown): answer is { readonly error: Refusal } {
  return typeof answer === 'object' && answer !== null && 'error' in answer
}

/** The lines of both outputs of a program, as they come. */
class Answers {
  readonly #lines: string[] = []
  #onLine = (): void => {}
  #hasEnded = false

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line)
        this.#onLine()
      })
    }
    child.once('close', () => {
      this.#hasEnded = true
      this.#onLine()
    })
  }

  async next(what: string): Promise<unknown> {
    const come = async (): Promise<string> => {
      for (let line = this.#lines.shift(); ; line = this.#lines.shift()) {
        if (line !== undefined) return line
        if (this.#hasEnded) throw new Error(`The hub has ended before it answered: ${what}`)
        await new Promise<void>((resolve) => {
          this.#onLine = resolve
        })
      }
    }
    return JSON.parse(await within(ANSWER_WITHIN_MS, come(), () => `an answer to ${what}`))
  }
}
