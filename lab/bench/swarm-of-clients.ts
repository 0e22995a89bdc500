import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchTorrent } from './bench-torrent.ts'
import type { Client, Job, StartedClient } from './client.ts'
import { ProcessMeter } from './process-meter.ts'
import type { Stage } from './stage.ts'

/** The clients of one swarm of one round, each with a home, and a place for what they write: all gone when it ends. */
export class SwarmOfClients {
  readonly torrent: BenchTorrent
  readonly #place: string
  readonly #profileDir: string | undefined
  readonly #running: RunningClient[] = []

  constructor({ folder, torrents, profileDir }: Stage) {
    this.torrent = torrents.next()
    this.#place = mkdtempSync(join(folder, 'swarm-'))
    this.#profileDir = profileDir
  }

  /** An empty folder. */
  newDir(name: string): string {
    const dir = join(this.#place, name)
    mkdirSync(dir)
    return dir
  }

  start(client: Client, job: Omit<Job, 'torrent' | 'home' | 'profileDir'>): RunningClient {
    const name = `${job.role}-${this.#running.length}`
    const home = this.newDir(`home of ${name}`)
    const profileDir = this.#profileDir === undefined ? undefined : join(this.#profileDir, name)
    if (profileDir !== undefined) rmSync(profileDir, { recursive: true, force: true })
    const running = new RunningClient(client.start({ ...job, torrent: this.torrent, home, profileDir }))
    this.#running.push(running)
    return running
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop()))
  }

  async end(): Promise<void> {
    await this.stop()
    rmSync(this.#place, { recursive: true })
  }
}

/** A client and what it uses. */
export class RunningClient {
  readonly client: StartedClient
  readonly meter: ProcessMeter

  constructor(client: StartedClient) {
    this.client = client
    this.meter = new ProcessMeter(client.program.pid)
  }

  async stop(): Promise<void> {
    this.meter.stop()
    await this.client.program.stop()
  }
}

/** CPU of all of them until now, in seconds. */
export function cpuSecondsOf(clients: readonly RunningClient[]): number {
  return clients.reduce((sum, { meter }) => sum + meter.cpuSeconds(), 0)
}

/** The peak of the one that needed most, in MiB. */
export function peakMiBOf(clients: readonly RunningClient[]): number {
  return Math.max(...clients.map(({ meter }) => meter.peakMiB()))
}
