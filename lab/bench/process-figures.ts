import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** What a process used, as Linux counts it. */
export interface ProcessFigures {
  /** User and system time of all its threads, in seconds. */
  cpuSeconds: number
  /** The most memory that was its own (private clean and dirty pages, without what it shares), in MiB. */
  peakPrivateMiB: number
}

/** Files in tmpfs that a process maps are its neighbours' too, so resident size says little: private pages say what it costs. */
function privateMiB(pid: number): number {
  try {
    let kib = 0
    for (const [, value] of readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1').matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm))
      kib += Number(value)
    return kib / 1024
  } catch {
    return 0
  }
}

function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/** A program under measurement: its lines, its figures, and an end that can be waited for. */
export class MeasuredProcess {
  readonly figures: ProcessFigures = { cpuSeconds: 0, peakPrivateMiB: 0 }
  readonly lines: string[] = []
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess
  readonly #sampler: NodeJS.Timeout
  readonly #waiters = new Set<() => void>()
  #isEnded = false

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#sampler = setInterval(() => this.sample(), 250)
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.lines.push(line)
      for (const wake of this.#waiters) wake()
    })
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        clearInterval(this.#sampler)
        this.#isEnded = true
        for (const wake of this.#waiters) wake()
        resolve(code)
      })
    })
  }

  sample(): void {
    const pid = this.#child.pid
    if (pid === undefined || this.#isEnded) return
    this.figures.cpuSeconds = Math.max(this.figures.cpuSeconds, cpuSeconds(pid))
    this.figures.peakPrivateMiB = Math.max(this.figures.peakPrivateMiB, privateMiB(pid))
  }

  /** Resolves with the first line that begins with `prefix`. */
  async line(prefix: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(prefix))
      if (found !== undefined) return found
      if (this.#isEnded) throw new Error(`${this.#child.spawnargs.join(' ')} ended without a line ${prefix}: ${this.lines.join(' | ')}`)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiters.delete(wake)
          resolve()
        }
        this.#waiters.add(wake)
      })
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }
}
