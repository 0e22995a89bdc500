import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { backUpFile } from './database/database.ts'
import { HubError } from './errors.ts'
import { FILES_IN_BACKUP, STATE_FILES } from './state-directory.ts'
import type { HubSystem } from './system.ts'

/** One backup in the folder of the hub. */
export interface Backup {
  /** `auto-20261125-220310.db`; those that somebody asked for begin with `asked`. */
  readonly name: string
  readonly size: number
  readonly madeAt: number
}

export interface BackupsOptions {
  readonly stateDirectory: string
  /** Milliseconds between two automatic ones. */
  readonly everyMs: number
  /** Automatic ones that are kept, the newest; 0: none are made. */
  readonly keep: number
  readonly system: HubSystem
  /** An automatic one could not be made; it is tried again in an hour. */
  readonly onFailure: (error: unknown) => void
}

/** A hub that is asked again and again does not fill its disk. */
const MAX_ASKED = 20
const RETRY_MS = 3_600_000

type BackupKind = 'auto' | 'asked'

/**
 * Copies of the database in the folder `backups` of the state directory. They are for the day on which the database is
 * damaged, or somebody deleted the wrong thing; against a dead disk helps only `backUpHub` to another one.
 */
export class Backups {
  readonly #options: BackupsOptions
  readonly #folder: string
  /** One at a time. */
  #last: Promise<unknown> = Promise.resolve()
  #triedAt: number | undefined

  constructor(options: BackupsOptions) {
    this.#options = options
    this.#folder = join(options.stateDirectory, STATE_FILES.backups)
  }

  /** @throws {HubError} `BACKUP_FAILED` */
  make(): Promise<Backup> {
    return this.#inTurn(() => this.#make('asked', MAX_ASKED))
  }

  /** The newest first. */
  async list(): Promise<readonly Backup[]> {
    if (!existsSync(this.#folder)) return []
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.db'))
    const backups = await Promise.all(names.map((name) => this.#infoOf(name)))
    return backups.sort((a, b) => b.madeAt - a.madeAt)
  }

  /** Makes an automatic one if the last is old enough. To be called now and then; it never throws. */
  runIfDue(): Promise<void> {
    return this.#inTurn(async () => {
      const { system, everyMs, keep, onFailure } = this.#options
      if (keep === 0 || (this.#triedAt !== undefined && system.now() - this.#triedAt < RETRY_MS)) return
      try {
        const [newest] = await this.#ofKind('auto')
        if (newest !== undefined && system.wallClock() - newest.madeAt < everyMs) return
        await this.#make('auto', keep)
        this.#triedAt = undefined
      } catch (error) {
        this.#triedAt = system.now()
        onFailure(error)
      }
    })
  }

  /** Back when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#last
  }

  async #make(kind: BackupKind, keep: number): Promise<Backup> {
    const name = `${kind}-${stampOf(this.#options.system.wallClock())}.db`
    // Torrents and secret are in this very directory; an automatic copy of them would only double it.
    await backUpFile(join(this.#options.stateDirectory, STATE_FILES.database), join(this.#folder, name))
    for (const old of (await this.#ofKind(kind)).slice(keep)) await rm(join(this.#folder, old.name))
    return await this.#infoOf(name)
  }

  async #ofKind(kind: BackupKind): Promise<readonly Backup[]> {
    return (await this.list()).filter(({ name }) => name.startsWith(`${kind}-`))
  }

  async #infoOf(name: string): Promise<Backup> {
    const { size, mtimeMs } = await stat(join(this.#folder, name))
    return { name, size, madeAt: momentOf(name) ?? Math.floor(mtimeMs) }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {
      // whoever asked has it
    })
    return turn
  }
}

/**
 * Copies everything that a hub would miss into one file: the database, .torrent files and the secret. Works on a hub that
 * runs, too. The file is as secret as the hub.
 *
 * @throws {HubError} `BACKUP_FAILED`
 */
export async function backUpHub(stateDirectory: string, to: string): Promise<void> {
  if (existsSync(to)) {
    throw new HubError('BACKUP_FAILED', `Cannot make the backup ${to}: there is such a file already. Choose another name, or move it away`)
  }
  await backUpFile(join(stateDirectory, STATE_FILES.database), to, FILES_IN_BACKUP)
}

/** `20261125-220310`, in UTC. */
function stampOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}

/** The other way round; a copy that was moved about has another time in the file system. */
function momentOf(name: string): number | undefined {
  const parts = /-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)\.db$/.exec(name)
  if (parts === null) return undefined
  const [, year, month, day, hours, minutes, seconds] = parts.map(Number)
  return Date.UTC(year!, month! - 1, day, hours, minutes, seconds)
}
