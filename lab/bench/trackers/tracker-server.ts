import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Program } from '../../interop/program.ts'
import { needs } from '../../interop/requirement.ts'
import { anonymousMiB } from '../proc-files.ts'
import { ProcessMeter } from '../process-meter.ts'
import type { TrackerLoad } from './tracker-load.ts'

/** A tracker that the case knows how to start. */
export interface TrackerKind {
  readonly name: string
  /** Why it cannot take part; undefined when it can. */
  whyMissing(): string | undefined
  /** It closes every connection, so there is nothing kept alive to measure. */
  readonly alwaysCloses: boolean
  command(port: number, folder: string, load: TrackerLoad, swarms: number): readonly string[]
}

/** The trackers have this core for themselves, and the load the other one. */
const SERVER_CORE = '1'
const READY_WITHIN_MS = 10_000

export const SHOAL_HUB: TrackerKind = {
  name: 'shoal',
  whyMissing: () => undefined,
  alwaysCloses: false,
  command: (port) => [process.execPath, join(import.meta.dirname, 'hub.ts'), String(port)],
}

const OPENTRACKER: TrackerKind = {
  name: 'opentracker',
  whyMissing: () => needs('opentracker') || undefined,
  alwaysCloses: true,
  // Debian's serves listed torrents only.
  command(port, folder, load, swarms) {
    const list = join(folder, 'whitelist')
    writeFileSync(list, load.infoHashes(swarms))
    return ['opentracker', '-i', '127.0.0.1', '-p', String(port), '-P', String(port), '-u', 'nobody', '-w', list]
  },
}

const NPM_FOLDER = join(import.meta.dirname, 'bittorrent-tracker')

const BITTORRENT_TRACKER: TrackerKind = {
  name: 'bittorrent-tracker',
  whyMissing: () => (existsSync(join(NPM_FOLDER, 'node_modules')) ? undefined : `first: npm ci --ignore-scripts --prefix ${NPM_FOLDER}`),
  alwaysCloses: false,
  command: (port) => [process.execPath, join(NPM_FOLDER, 'server.js'), String(port)],
}

export const OTHER_TRACKERS: readonly TrackerKind[] = [OPENTRACKER, BITTORRENT_TRACKER]

/** One tracker, running on its core. */
export class TrackerServer {
  readonly port: number
  readonly #program: Program
  readonly #meter: ProcessMeter

  private constructor(program: Program, port: number) {
    this.port = port
    this.#program = program
    this.#meter = new ProcessMeter(program.pid)
  }

  static async start(kind: TrackerKind, at: { port: number; folder: string; load: TrackerLoad; swarms: number }): Promise<TrackerServer> {
    const { port, folder, load, swarms } = at
    const program = new Program(kind.name, ['taskset', '-c', SERVER_CORE], kind.command(port, folder, load, swarms))
    const server = new TrackerServer(program, port)
    await answers(port)
    return server
  }

  get cpuSeconds(): number {
    return this.#meter.cpuSeconds()
  }

  /** What it has now, not at its peak. */
  get memoryMiB(): number {
    return anonymousMiB(readFileSync(`/proc/${this.#program.pid}/status`, 'latin1'))
  }

  async stop(): Promise<void> {
    this.#meter.stop()
    await this.#program.stop()
  }
}

/** Not all of them say when they are ready. */
async function answers(port: number): Promise<void> {
  const end = performance.now() + READY_WITHIN_MS
  for (;;) {
    const isThere = await fetch(`http://127.0.0.1:${port}/scrape`).then(
      () => true,
      () => false,
    )
    if (isThere) return
    if (performance.now() > end) throw new Error(`no answer on port ${port} within ${READY_WITHIN_MS / 1000} s`)
    await pause(50)
  }
}
