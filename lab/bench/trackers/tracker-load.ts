import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Program } from '../../interop/program.ts'

/** What one run of the load has seen. */
export interface LoadFigures {
  readonly answered: number
  readonly perSecond: number
  readonly p99Ms: number
  /** Datagrams that were not answered within a second. */
  readonly lost: number
  /** Answers that are none. */
  readonly bad: number
  readonly peersEach: number
  /** How much of its own core the load took: near 1 it measures itself. */
  readonly cpuShare: number
}

/** Announces of so many peers in so many swarms. */
export interface Shape {
  readonly swarms: number
  /** In each of them. */
  readonly peers: number
}

const LOAD_CORE = ['taskset', '-c', '0']
const RUN_WITHIN_MS = 120_000

/** The program that asks (`load.c`), made when it is needed. */
export class TrackerLoad {
  readonly #program: string

  /** @param folder where it is put */
  constructor(folder: string) {
    this.#program = join(folder, 'load')
    execFileSync('gcc', ['-O2', '-o', this.#program, join(import.meta.dirname, 'load.c')])
  }

  /** One a line, in hex. */
  infoHashes(swarms: number): string {
    return execFileSync(this.#program, ['hashes', String(swarms)], { encoding: 'latin1', maxBuffer: 1 << 26 })
  }

  async fill(port: number, { swarms, peers }: Shape): Promise<LoadFigures> {
    return this.#run(['fill', port, swarms, peers])
  }

  /** @param window how many announces, or connections, are under way at once */
  async ask(how: 'udp' | 'new' | 'keep', port: number, { swarms, peers }: Shape, seconds: number, window: number): Promise<LoadFigures> {
    return this.#run([how, port, swarms, peers, seconds, window])
  }

  /** Connections that send next to nothing, until it is stopped. Resolves when nine in ten are open. */
  async drip(port: number, count: number): Promise<Program> {
    const program = new Program('slow sockets', LOAD_CORE, [this.#program, 'drip', String(port), String(count)])
    await program.line(/open/)
    return program
  }

  async #run(words: readonly (string | number)[]): Promise<LoadFigures> {
    const program = new Program('load', LOAD_CORE, [this.#program, ...words.map(String)])
    const lines = await program.success({ withinMs: RUN_WITHIN_MS })
    const figures = JSON.parse(lines.at(-1) ?? '') as LoadFigures
    if (figures.answered === 0) throw new Error(`no right answer to ${words[0]}: ${lines.join(' · ')}`)
    return figures
  }
}
