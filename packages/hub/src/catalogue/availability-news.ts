import type { AvailabilityGauge } from './availability.ts'
import type { EventListener } from './catalogue-needs.ts'
import type { EntryStore } from './entry-store.ts'
import type { ListedTorrents } from './listed-torrents.ts'

/** Torrents that wait to be told about. More change at once only when a hub has just started, and then nobody misses it. */
const MAX_CHANGED = 10_000
const MAX_TOLD_AT_ONCE = 200

interface NewsNeeds {
  readonly store: EntryStore
  readonly gauge: AvailabilityGauge
  readonly listed: ListedTorrents
  readonly onEvent: EventListener
}

/** Gathers what tracker and peers notice, and tells it at most once in a second and torrent. */
export class AvailabilityNews {
  readonly #needs: NewsNeeds
  readonly #changed = new Set<string>()
  constructor(needs: NewsNeeds) {
    this.#needs = needs
  }

  /** The tracker counts otherwise, or a peer has other pieces. Cheap: to be called at every change. @param infoHash 40 hex digits */
  touch(infoHash: string): void {
    if (this.#changed.size < MAX_CHANGED && this.#needs.listed.has(infoHash)) this.#changed.add(infoHash)
  }

  /** To be called every second. */
  async tell(): Promise<void> {
    const infoHashes = [...this.#changed].slice(0, MAX_TOLD_AT_ONCE)
    if (infoHashes.length === 0) return
    for (const infoHash of infoHashes) this.#changed.delete(infoHash)
    for (const { info_hash, piece_count } of await this.#needs.store.pieceCounts(infoHashes)) {
      const availability = this.#needs.gauge.availabilityOf({ infoHash: info_hash, pieceCount: piece_count })
      this.#needs.onEvent({ type: 'availability', infoHash: info_hash, availability })
    }
  }
}
