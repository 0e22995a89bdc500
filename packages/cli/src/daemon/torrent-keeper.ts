import { mkdir } from 'node:fs/promises'
import type { Totals } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { reachedGoal } from './goals.ts'
import type { HeldTorrent } from './held-torrent.ts'
import type { RecycleBin } from './recycle-bin.ts'
import type { Settings } from './settings.ts'
import { absolute } from './torrent-adder.ts'
import type { Torrents } from './torrents.ts'

export interface TorrentKeeperParts {
  readonly torrents: Torrents
  readonly settings: Settings
  readonly recycleBin: RecycleBin
  /** Why nothing is saved at the moment. */
  readonly stateTrouble: () => string | undefined
}

/** What is done to whole torrents: by people, and by the goals that they set. */
export class TorrentKeeper {
  readonly #torrents: Torrents
  readonly #settings: Settings
  readonly #recycleBin: RecycleBin
  readonly #stateTrouble: () => string | undefined
  /** What goes on in the background. */
  readonly #busy = new Map<HeldTorrent, 'check' | 'move'>()

  constructor(parts: TorrentKeeperParts) {
    this.#torrents = parts.torrents
    this.#settings = parts.settings
    this.#recycleBin = parts.recycleBin
    this.#stateTrouble = parts.stateTrouble
  }

  /** Resolves when nothing of it runs any more; one that is being moved goes on with that. */
  async pause(held: HeldTorrent): Promise<void> {
    const saved = held.change({ isPaused: true, isForced: false })
    this.#torrents.decideSoon()
    if (held.state !== 'moving' && held.engine !== undefined) {
      await held.interrupt()
      await held.exclusively(() => held.stop())
    }
    await saved
  }

  async resume(held: HeldTorrent): Promise<void> {
    held.forgetError()
    const saved = held.change({ isPaused: false })
    this.#torrents.decideSoon()
    await saved
  }

  announce(held: HeldTorrent): void {
    if (held.engine === undefined)
      throw new ProblemError('CONFLICT', `'${nameOf(held)}' does not run, so nothing is announced. Resume it first`)
    held.engine.announceNow()
  }

  /** Begins to hash all of it again. */
  recheck(held: HeldTorrent): void {
    this.#expectIdle(held)
    if (held.record.metainfo === undefined) {
      throw new ProblemError('CONFLICT', `There is nothing to check of '${nameOf(held)}': its metadata has not come yet`)
    }
    held.forgetError()
    void held.change({ skipCheck: false })
    this.#inBackground(held, 'check', () => this.#torrents.work(held, 'content', (engine) => engine.recheck()))
  }

  /** Begins to take it to another folder. @throws {ProblemError} `VALIDATION`, `CONFLICT`, `STORAGE` */
  async move(held: HeldTorrent, to: string): Promise<void> {
    const dir = absolute(to)
    this.#expectIdle(held)
    this.#expectSaving(held)
    try {
      await mkdir(dir, { recursive: true })
    } catch (error) {
      throw new ProblemError('STORAGE', `Cannot move '${nameOf(held)}' to ${dir}: ${messageOf(error)}`)
    }
    // A daemon that is killed meanwhile goes on with it.
    await held.change({ movesTo: dir })
    this.#inBackground(held, 'move', () => this.#moveNow(held, dir))
  }

  /** Goes on with what a daemon that was killed had begun. */
  resumeMoves(): void {
    for (const held of this.#torrents.all) {
      const { movesTo } = held.record
      if (movesTo !== null) this.#inBackground(held, 'move', () => this.#moveNow(held, movesTo))
    }
  }

  /** Its data stays where it is, or goes to the recycle folder. @throws {ProblemError} `STORAGE`: then it is still here */
  async remove(held: HeldTorrent, data: 'keep' | 'recycle'): Promise<Totals> {
    await held.interrupt()
    if (data === 'recycle' && held.record.metainfo !== undefined) {
      const folder = await this.#recycleBin.open(held.record.dir, nameOf(held))
      await held.exclusively(async () => {
        await held.stop()
        await held.work('files', (engine) => engine.discardData(folder))
      })
    }
    await this.#torrents.remove(held)
    const { id, downloaded, uploaded } = held.record
    return { id, name: nameOf(held), downloaded, uploaded }
  }

  /** Looks at every torrent that shares, and does what its goals say. */
  async look(): Promise<void> {
    for (const held of this.#torrents.all) {
      const { record } = held
      if (held.engine === undefined || record.areGoalsMet || record.isForced || !held.isComplete) continue
      const reached = reachedGoal(held.sharing, record.goals ?? this.#settings.current.goals)
      if (reached === undefined) continue
      void held.change({ areGoalsMet: true })
      held.say('note', `Sharing has ended: ${reached.reason}`)
      if (reached.action === 'pause') await this.pause(held)
      else await this.remove(held, reached.action === 'remove' ? 'keep' : 'recycle')
    }
  }

  async #moveNow(held: HeldTorrent, dir: string): Promise<void> {
    const before = held.record.dir
    try {
      await this.#torrents.work(held, 'files', (engine) =>
        engine.move(dir, async () => {
          // The old files go next: where the new ones are must be known after any crash.
          await held.change({ dir })
          this.#expectSaving(held)
        }),
      )
      await held.change({ dir, movesTo: null })
      held.say('note', `Moved to ${dir}`)
    } catch (error) {
      // When the daemon ends in the middle, the next one goes on.
      if (!this.#torrents.isClosed) await held.change({ dir: before, movesTo: null })
      throw error
    }
  }

  #expectSaving(held: HeldTorrent): void {
    const trouble = this.#stateTrouble()
    if (trouble !== undefined) throw new ProblemError('STORAGE', `Cannot move '${nameOf(held)}' now. ${trouble}`)
  }

  #inBackground(held: HeldTorrent, doing: 'check' | 'move', work: () => Promise<void>): void {
    this.#busy.set(held, doing)
    work()
      .catch((error: unknown) => {
        if (!this.#torrents.isClosed) held.say('error', `Cannot ${doing} '${nameOf(held)}': ${messageOf(error)}`)
      })
      .finally(() => this.#busy.delete(held))
  }

  #expectIdle(held: HeldTorrent): void {
    const doing = this.#busy.get(held)
    if (doing === undefined) return
    throw new ProblemError('CONFLICT', `'${nameOf(held)}' is being ${doing === 'check' ? 'checked' : 'moved'}: wait until that has ended`)
  }
}

function nameOf({ record }: HeldTorrent): string {
  return record.title ?? record.name
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
