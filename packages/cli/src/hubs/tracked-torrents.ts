import type { TorrentDesk } from '../daemon/peer-desk.ts'
import type { KnownHub } from './known-hub.ts'

export interface TrackedTorrentsNeeds {
  readonly torrents: Pick<TorrentDesk, 'listTrackers'>
  hubs(): Iterable<KnownHub>
}

/**
 * Finds torrents that came some other way, as a file or a magnet link, and are announced to a hub that this peer knows: that hub
 * knows of them anyway, so it is told which pieces are here. Each torrent is looked at once, one after the other.
 */
export class TrackedTorrents {
  readonly #needs: TrackedTorrentsNeeds
  readonly #seen = new Set<string>()
  readonly #waiting = new Set<string>()
  #isLooking = false

  constructor(needs: TrackedTorrentsNeeds) {
    this.#needs = needs
  }

  onTorrents(ids: Iterable<string>): void {
    for (const id of ids) if (!this.#seen.has(id)) this.#waiting.add(id)
    if (this.#isLooking || this.#waiting.size === 0) return
    this.#isLooking = true
    void this.#look()
  }

  onGone(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#seen.delete(id)
      this.#waiting.delete(id)
    }
  }

  /** There is another hub: what was looked at before may be its. */
  onNewHub(): void {
    const ids = [...this.#seen]
    this.#seen.clear()
    this.onTorrents(ids)
  }

  async #look(): Promise<void> {
    for (const id of this.#waiting) {
      this.#waiting.delete(id)
      this.#seen.add(id)
      // It may be gone by now, or its file cannot be read: then nothing is told of it.
      const trackers = await this.#needs.torrents.listTrackers(id).catch(() => [])
      const doors = new Set(trackers.map(({ url }) => doorOf(url)))
      for (const hub of this.#needs.hubs()) {
        const { announceUrls, openUrls } = hub.memory
        if ([...announceUrls, ...openUrls].some((url) => doors.has(doorOf(url)))) hub.reporter.add(id)
      }
    }
    this.#isLooking = false
  }
}

/** Where a tracker is, without what it is asked. */
function doorOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? url : `${parsed.protocol}//${parsed.host}`
}
