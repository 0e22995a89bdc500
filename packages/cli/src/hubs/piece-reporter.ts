import { PIECES_EVERY_MS, WATCHED_PIECES_EVERY_MS } from '@shoal/api/control-channel'
import { encodePieceMap } from '@shoal/api/piece-map'
import type { Bitfield } from '@shoal/protocol/bitfield'
import type { HubsSystem } from './hubs-system.ts'

export interface PieceReporterOptions {
  readonly system: HubsSystem
  /** Undefined while nothing is known of the torrent's pieces. */
  pieces(infoHash: string): Bitfield | undefined
  /** false: it did not go out. */
  tell(infoHash: string, map: string): boolean
}

interface Reported {
  told: string | undefined
  toldAt: number
  isWatched: boolean
}

/** After a welcome: a hub takes 3,000 messages at once from a peer, and publications are among them. */
const MAX_AT_ONCE = 2_000
/** From then on: half of what a hub takes. */
const MESSAGES_PER_SECOND = 50
/** When there is no room for more, or the hub does not read. */
const RETRY_MS = 1_000

/**
 * Tells one hub which pieces are here, of those torrents that the hub knows: what changed, at most once in 1.2 s and torrent, and
 * once a second while somebody looks. Never anything of other torrents.
 */
export class PieceReporter {
  readonly #options: PieceReporterOptions
  readonly #torrents = new Map<string, Reported>()
  readonly #dirty = new Set<string>()
  #isOpen = false
  #budget = 0
  #budgetAt = 0
  #timer: { cancel(): void } | undefined
  #firesAt = Number.POSITIVE_INFINITY

  constructor(options: PieceReporterOptions) {
    this.#options = options
  }

  add(infoHash: string): void {
    if (this.#torrents.has(infoHash)) return
    this.#torrents.set(infoHash, { told: undefined, toldAt: Number.NEGATIVE_INFINITY, isWatched: false })
    this.onChange([infoHash])
  }

  /** The torrent is no longer shared: a hub that believes otherwise hears so. */
  remove(infoHash: string): void {
    const reported = this.#torrents.get(infoHash)
    if (this.#isOpen && reported?.told !== undefined && reported.told !== 'none') this.#options.tell(infoHash, 'none')
    this.#torrents.delete(infoHash)
    this.#dirty.delete(infoHash)
  }

  /** The hub knows nothing of what it was told before. */
  open(): void {
    this.#isOpen = true
    this.#budget = MAX_AT_ONCE
    this.#budgetAt = this.#options.system.now()
    for (const [infoHash, reported] of this.#torrents) {
      reported.told = undefined
      reported.toldAt = Number.NEGATIVE_INFINITY
      reported.isWatched = false
      this.#dirty.add(infoHash)
    }
    this.#flush()
  }

  /** The hub may not have known these torrents when it was told of them, and forgets what it does not know. Without any: of all. */
  renew(infoHashes: readonly string[] = [...this.#torrents.keys()]): void {
    for (const infoHash of infoHashes) {
      const reported = this.#torrents.get(infoHash)
      if (reported !== undefined) reported.told = undefined
    }
    this.onChange(infoHashes)
  }

  close(): void {
    this.#isOpen = false
    this.#timer?.cancel()
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  watch(infoHash: string, isWatched: boolean): void {
    const reported = this.#torrents.get(infoHash)
    if (reported === undefined) return
    reported.isWatched = isWatched
    if (this.#dirty.has(infoHash)) this.#plan(this.#dueIn(reported))
  }

  /** They may have other pieces than before. */
  onChange(infoHashes: Iterable<string>): void {
    for (const infoHash of infoHashes) {
      const reported = this.#torrents.get(infoHash)
      if (reported === undefined) continue
      this.#dirty.add(infoHash)
      if (this.#isOpen) this.#plan(this.#dueIn(reported))
    }
  }

  #dueIn({ toldAt, isWatched }: Reported): number {
    const everyMs = isWatched ? WATCHED_PIECES_EVERY_MS : PIECES_EVERY_MS
    return Math.max(0, toldAt + everyMs - this.#options.system.now())
  }

  #plan(inMs: number): void {
    const at = this.#options.system.now() + inMs
    if (at >= this.#firesAt) return
    this.#timer?.cancel()
    this.#firesAt = at
    this.#timer = this.#options.system.after(inMs, () => this.#flush())
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#firesAt = Number.POSITIVE_INFINITY
    if (!this.#isOpen) return
    const now = this.#options.system.now()
    this.#budget = Math.min(MAX_AT_ONCE, this.#budget + ((now - this.#budgetAt) / 1_000) * MESSAGES_PER_SECOND)
    this.#budgetAt = now
    let soonest = Number.POSITIVE_INFINITY
    for (const infoHash of this.#dirty) {
      const reported = this.#torrents.get(infoHash)!
      const dueIn = this.#dueIn(reported)
      if (dueIn > 0) soonest = Math.min(soonest, dueIn)
      else if (this.#budget < 1 || !this.#tell(infoHash, reported)) soonest = Math.min(soonest, RETRY_MS)
      else this.#dirty.delete(infoHash)
    }
    if (soonest < Number.POSITIVE_INFINITY) this.#plan(soonest)
  }

  /** @returns false when it has to be tried again */
  #tell(infoHash: string, reported: Reported): boolean {
    const have = this.#options.pieces(infoHash)
    // Nothing is known yet: it will change, and then there is news.
    if (have === undefined) return true
    const map = encodePieceMap(have)
    if (map === reported.told) return true
    this.#budget--
    if (!this.#options.tell(infoHash, map)) return false
    reported.told = map
    reported.toldAt = this.#options.system.now()
    return true
  }
}
