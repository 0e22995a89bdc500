import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { BenchTorrents } from './bench-torrent.ts'
import type { Client } from './client.ts'
import { shoal } from './clients/shoal.ts'
import { clientsNamed, USUAL_CLIENTS } from './clients.ts'
import type { Figures } from './measure.ts'
import { type Payload, warmMemory } from './payload.ts'
import { showProfiles } from './profiles.ts'
import { ARTIFACTS, type Report, report } from './report.ts'
import type { Stage } from './stage.ts'
import { Tracker } from './tracker.ts'
import { type Contender, takeTurns } from './turns.ts'

export const MIB = 1024 * 1024
const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: MIB, GiB: 1024 * MIB }

/** What every case can be told; a case adds its own. */
const COMMON_OPTIONS = {
  clients: { type: 'string' },
  rounds: { type: 'string' },
  profile: { type: 'boolean', default: false },
  /** The payload goes here: into memory, where there is a folder that is. */
  dir: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
} as const

/** Unless it is told. A profile costs time, so such a run is not for its figures and needs nobody to compare with. */
const USUAL = { clients: USUAL_CLIENTS, rounds: '5' }
const USUAL_OF_PROFILE = { clients: 'shoal', rounds: '1' }

/** A report before it has been run. */
export interface Race extends Omit<Report, 'bench' | 'results'> {
  readonly contenders: readonly Contender[]
}

/** One run of one case: what it was told, and a folder that is gone afterwards. */
export class BenchRun {
  readonly folder: string
  readonly clients: readonly Client[]
  readonly rounds: number
  /** Where our processes write their profiles, each into a folder of its own, when that is asked for. */
  readonly profileDir: string | undefined
  readonly #bench: string
  readonly #values: Readonly<Record<string, unknown>>

  /** Tells people how it goes. */
  readonly say = (line: string): void => console.error(line)

  /** @param own the options of this case, and their defaults */
  constructor(bench: string, own: ParseArgsOptionsConfig = {}) {
    const { values } = parseArgs({ options: { ...COMMON_OPTIONS, ...own } })
    this.#bench = bench
    this.#values = { ...(values.profile === true ? USUAL_OF_PROFILE : USUAL), ...values }
    this.rounds = this.number('rounds')
    if (values.profile === true) {
      this.profileDir = join(ARTIFACTS, `profile-${bench}`)
      rmSync(this.profileDir, { recursive: true, force: true })
    }
    this.clients = this.installed(clientsNamed(this.text('clients')))
    this.folder = mkdtempSync(join(this.text('dir'), 'shoal-bench-'))
    process.once('exit', () => rmSync(this.folder, { recursive: true, force: true }))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  }

  text(option: string): string {
    return String(this.#values[option])
  }

  number(option: string): number {
    const number = Number(this.#values[option])
    if (!(number > 0)) throw new Error(`--${option} ${this.text(option)} is no number above 0`)
    return number
  }

  /** `1MiB`, `256KiB` or plain bytes, in bytes. */
  bytes(option: string): number {
    const [, digits, unit] = /^(\d+)(KiB|MiB|GiB)?$/.exec(this.text(option)) ?? []
    if (digits === undefined) throw new Error(`--${option} ${this.text(option)} is no size such as 1MiB`)
    return Number(digits) * UNITS[unit ?? 'B']!
  }

  /** What makes this run differ from another of the same case, for its report. */
  told(...options: readonly string[]): Record<string, string> {
    return Object.fromEntries(options.map((option) => [option, this.text(option)]))
  }

  /** Those that can run here; one line is said about each that cannot. */
  installed<T extends { readonly name: string; whyMissing(): string | undefined }>(all: readonly T[]): T[] {
    return all.filter((each) => {
      const missing = each.whyMissing()
      if (missing !== undefined) this.say(`${each.name} is left out: ${missing}`)
      return missing === undefined
    })
  }

  /** A contender for each client. */
  ofClients(act: (client: Client) => Promise<Figures>): Contender[] {
    return this.clients.map((client) => ({ name: client.name, isOurs: client === shoal, run: () => act(client) }))
  }

  /** Lets them take turns, and tells the result. */
  async race(race: Race): Promise<void> {
    const { results, out } = await takeTurns(race.contenders, this.rounds, this.say)
    if (out.length > 0) process.exitCode = 1
    await report({ ...race, bench: this.#bench, results })
    if (this.profileDir !== undefined) showProfiles(this.profileDir, this.say)
  }

  /** Runs `scene` with a tracker, a torrent of the payload, and memory that has been touched before. */
  async onStage<T>(payload: Payload, pieceLength: number, scene: (stage: Stage) => Promise<T>): Promise<T> {
    warmMemory(join(this.folder, 'warm'), payload.bytes)
    const tracker = await Tracker.start()
    try {
      const torrents = await BenchTorrents.create(payload.content, { dir: this.folder, tracker: tracker.announceUrl, pieceLength })
      return await scene({ folder: this.folder, tracker, payload, pieceLength, torrents, profileDir: this.profileDir })
    } finally {
      await tracker.stop()
    }
  }
}
