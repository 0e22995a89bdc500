import { type PieceSpan, spansOfMap } from '@shoal/api/piece-map'

/** Torrents of one host of which the pieces are remembered. */
export const MAX_MAPS_PER_HOST = 2_000
/** Of all maps together; a map of a whole copy has 3. */
export const MAX_MAP_CHARACTERS: number = 64 << 20

export interface HeldMap {
  readonly hostId: string
  /** See piece-map. */
  readonly map: string
}

export interface CopiesElsewhere {
  /** Whole ones. */
  readonly elsewhere: number
  /** Every piece is somewhere else, in one copy or in parts. */
  readonly isWhole: boolean
}

/** Who has which pieces, as the peers tell: maps as short text, at most so many. */
export class PieceMaps {
  /** info hash -> host -> map */
  readonly #byTorrent = new Map<string, Map<string, string>>()
  readonly #byHost = new Map<string, Set<string>>()
  #characters = 0

  /** @returns whether anything is other than before; a map beyond the bounds is not remembered */
  set(hostId: string, infoHash: string, map: string): boolean {
    const before = this.#byTorrent.get(infoHash)?.get(hostId)
    if (before === map) return false
    const torrents = this.#byHost.get(hostId) ?? new Set()
    if (before === undefined && torrents.size >= MAX_MAPS_PER_HOST) return false
    if (this.#characters + map.length - (before?.length ?? 0) > MAX_MAP_CHARACTERS) return false
    if (map === 'none') {
      this.#remove(hostId, infoHash)
      torrents.delete(infoHash)
      return before !== undefined
    }
    const holders = this.#byTorrent.get(infoHash) ?? new Map<string, string>()
    holders.set(hostId, map)
    this.#byTorrent.set(infoHash, holders)
    this.#byHost.set(hostId, torrents.add(infoHash))
    this.#characters += map.length - (before?.length ?? 0)
    return true
  }

  /** @returns the torrents that it had something of */
  dropHost(hostId: string): string[] {
    const torrents = [...(this.#byHost.get(hostId) ?? [])]
    for (const infoHash of torrents) this.#remove(hostId, infoHash)
    this.#byHost.delete(hostId)
    return torrents
  }

  of(infoHash: string): HeldMap[] {
    return [...(this.#byTorrent.get(infoHash) ?? [])].map(([hostId, map]) => ({ hostId, map }))
  }

  copiesElsewhere(infoHash: string, hostId: string, pieceCount: number): CopiesElsewhere {
    const others = this.of(infoHash).filter((held) => held.hostId !== hostId)
    const elsewhere = others.filter(({ map }) => map === 'all').length
    if (elsewhere > 0) return { elsewhere, isWhole: true }
    return {
      elsewhere,
      isWhole: coverAll(
        others.flatMap(({ map }) => spansOfMap(map, pieceCount) ?? []),
        pieceCount,
      ),
    }
  }

  get size(): number {
    let size = 0
    for (const torrents of this.#byHost.values()) size += torrents.size
    return size
  }

  #remove(hostId: string, infoHash: string): void {
    const holders = this.#byTorrent.get(infoHash)
    const map = holders?.get(hostId)
    if (holders === undefined || map === undefined) return
    this.#characters -= map.length
    holders.delete(hostId)
    if (holders.size === 0) this.#byTorrent.delete(infoHash)
  }
}

export function piecesIn(spans: readonly PieceSpan[]): number {
  return spans.reduce((count, { first, last }) => count + last - first + 1, 0)
}

function coverAll(spans: readonly PieceSpan[], pieceCount: number): boolean {
  let next = 0
  for (const { first, last } of spans.toSorted((one, other) => one.first - other.first)) {
    if (first > next) return false
    next = Math.max(next, last + 1)
  }
  return next >= pieceCount
}
