import type { Creation, NewCreation } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { EngineError } from '@shoal/engine'
import { type CreatedTorrent, createTorrent } from '@shoal/engine/create-torrent'
import type { DaemonSystem } from './daemon-system.ts'
import { absolute, readTiers } from './torrent-adder.ts'

/** So many that have ended stay to be looked at. */
const MAX_ENDED = 100
const PROGRESS_EVERY_MS = 250
const MAX_WARNINGS = 1_000

interface Running {
  creation: Creation
  readonly abort: AbortController
}

export interface CreationsOptions {
  readonly system: DaemonSystem
  readonly onChange: (creation: Creation) => void
  /** Takes in what was made; paused unless it is to be shared. */
  readonly takeIn: (created: CreatedTorrent, isShared: boolean) => Promise<{ readonly id: string; readonly isNew: boolean }>
}

/** The making of torrents: each hashes in the background, can be watched and called off. */
export class Creations {
  readonly #options: CreationsOptions
  readonly #all = new Map<string, Running>()
  #lastId = 0

  constructor(options: CreationsOptions) {
    this.#options = options
  }

  get list(): readonly Creation[] {
    return [...this.#all.values()].map(({ creation }) => creation)
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  show(id: string): Creation {
    return this.#require(id).creation
  }

  /** @throws {ProblemError} `VALIDATION` */
  start(what: NewCreation): Creation {
    const path = absolute(what.path)
    readTiers(what.trackers ?? [])
    const id = String(++this.#lastId)
    const running: Running = {
      creation: { id, path, status: 'hashing', hashedBytes: 0, totalBytes: 0, warnings: [] },
      abort: new AbortController(),
    }
    this.#all.set(id, running)
    this.#forgetOld()
    void this.#run(running, { ...what, path })
    return running.creation
  }

  cancel(id: string): Creation {
    const running = this.#require(id)
    if (running.creation.status === 'hashing') {
      running.abort.abort()
      this.#change(running, { status: 'cancelled' })
    }
    return running.creation
  }

  close(): void {
    for (const { abort } of this.#all.values()) abort.abort()
  }

  async #run(running: Running, what: NewCreation): Promise<void> {
    const { system } = this.#options
    let toldAt = 0
    try {
      // `path` says what, `share` what then; the others are options of the same names.
      const { path, share = true, ...options } = what
      const created = await createTorrent(path, {
        ...options,
        createdBy: 'Shoal',
        signal: running.abort.signal,
        onProgress: (progress) => {
          if (system.now() - toldAt < PROGRESS_EVERY_MS && progress.hashedBytes < progress.totalBytes) return
          toldAt = system.now()
          this.#change(running, progress)
        },
      })
      if (running.abort.signal.aborted) return
      const { id, isNew } = await this.#options.takeIn(created, share)
      const notes = isNew ? [] : ['The same torrent was here already']
      this.#change(running, { status: 'done', torrentId: id, warnings: [...created.warnings, ...notes].slice(0, MAX_WARNINGS) })
    } catch (error) {
      if (running.abort.signal.aborted) return
      const code = error instanceof EngineError || error instanceof ProblemError ? error.code : 'BUG'
      this.#change(running, { status: 'failed', error: { code, detail: error instanceof Error ? error.message : String(error) } })
    }
  }

  #change(running: Running, change: Partial<Creation>): void {
    running.creation = { ...running.creation, ...change }
    this.#options.onChange(running.creation)
  }

  #require(id: string): Running {
    const running = this.#all.get(id)
    if (running === undefined) throw new ProblemError('NOT_FOUND', `There is no creation ${id}`)
    return running
  }

  #forgetOld(): void {
    const ended = [...this.#all].filter(([, { creation }]) => creation.status !== 'hashing')
    for (const [id] of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) this.#all.delete(id)
  }
}
