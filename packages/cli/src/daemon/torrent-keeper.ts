import type { Totals } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { reachedGoal } from './goals.ts'
import type { HeldTorrent } from './held-torrent.ts'
import type { Settings } from './settings.ts'
import type { Torrents } from './torrents.ts'

/** What is done to whole torrents: by people, and by the goals that they set. */
export class TorrentKeeper {
  readonly #torrents: Torrents
  readonly #settings: Settings

  constructor(parts: { torrents: Torrents; settings: Settings }) {
    this.#torrents = parts.torrents
    this.#settings = parts.settings
  }

  /** Resolves when nothing of it runs any more. */
  async pause(held: HeldTorrent): Promise<void> {
    held.change({ isPaused: true, isForced: false })
    this.#torrents.decideSoon()
    if (held.engine !== undefined) await held.exclusively(() => held.stop())
  }

  resume(held: HeldTorrent): void {
    held.forgetError()
    held.change({ isPaused: false })
    this.#torrents.decideSoon()
  }

  announce(held: HeldTorrent): void {
    if (held.engine === undefined)
      throw new ProblemError('CONFLICT', `'${held.record.name}' does not run, so nothing is announced. Resume it first`)
    held.engine.announceNow()
  }

  /** Hashes all of it again. */
  async recheck(held: HeldTorrent): Promise<void> {
    throw new ProblemError('CONFLICT', `Cannot check '${held.record.name}' yet`)
  }

  async move(held: HeldTorrent, _dir: string): Promise<void> {
    throw new ProblemError('CONFLICT', `Cannot move '${held.record.name}' yet`)
  }

  /** Its data stays where it is, or goes to the recycle folder. */
  async remove(held: HeldTorrent, _data: 'keep' | 'recycle'): Promise<Totals> {
    await this.#torrents.remove(held)
    const { id, name, title, downloaded, uploaded } = held.record
    return { id, name: title ?? name, downloaded, uploaded }
  }

  /** Looks at every torrent that shares, and does what its goals say. */
  async look(): Promise<void> {
    for (const held of this.#torrents.all) {
      const { record } = held
      if (held.engine === undefined || record.areGoalsMet || record.isForced || !held.isComplete) continue
      const reached = reachedGoal(held.sharing, record.goals ?? this.#settings.current.goals)
      if (reached === undefined) continue
      held.change({ areGoalsMet: true })
      held.say('note', `Sharing has ended: ${reached.reason}`)
      if (reached.action === 'pause') await this.pause(held)
      else await this.remove(held, reached.action === 'remove' ? 'keep' : 'recycle')
    }
  }
}
