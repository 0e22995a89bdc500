import type { Availability, PieceHolders } from '@shoal/api/hub-api'
import { PIECE_MAP_BUCKETS, spansOfMap } from '@shoal/api/piece-map'
import type { HubSystem } from '../system.ts'
import type { Presence, PresentHost, SwarmCounts } from './catalogue-needs.ts'

/** Counting again sooner would show people nothing new … */
const FRESH_MS = 1_000
/** … but who asks for the pieces of one torrent watches it spread. */
const FRESH_HOLDERS_MS = 250
/** Torrents whose count is remembered for that second. */
const MAX_REMEMBERED = 2_000
/** Maps looked at for one torrent: a class, not a crowd. */
const MAX_MAPS = 500

interface Holder {
  readonly host: PresentHost
  readonly map: string
  readonly have: number
  readonly isExact: boolean
}

/** Who has what of one torrent. */
interface Holdings {
  readonly at: number
  readonly availability: Availability
  readonly holders: readonly Holder[]
  readonly copies: readonly number[]
}

export interface MeasuredTorrent {
  readonly infoHash: string
  readonly pieceCount: number
}

/**
 * How well a torrent is held: what the tracker counts (any client, but only whole or not) and what connected Shoal peers
 * tell (each piece, but only they). A peer that has everything is most likely in both, so of those the greater number counts.
 */
export class AvailabilityGauge {
  readonly #swarms: SwarmCounts
  readonly #presence: Presence
  readonly #system: HubSystem
  readonly #remembered = new Map<string, Holdings>()
  constructor(swarms: SwarmCounts, presence: Presence, system: HubSystem) {
    this.#swarms = swarms
    this.#presence = presence
    this.#system = system
  }

  availabilityOf(torrent: MeasuredTorrent): Availability {
    return this.#holdingsOf(torrent, FRESH_MS).availability
  }

  holdersOf(torrent: MeasuredTorrent): Pick<PieceHolders, 'availability' | 'holders' | 'copies'> {
    const { availability, holders, copies } = this.#holdingsOf(torrent, FRESH_HOLDERS_MS)
    return {
      availability,
      holders: holders.map(({ host, map, have, isExact }) => ({
        peer: { id: host.id, name: host.name, isOnline: true, ip: host.ip, port: host.port },
        have,
        map,
        isExact,
      })),
      copies: [...copies],
    }
  }

  #holdingsOf(torrent: MeasuredTorrent, freshMs: number): Holdings {
    const now = this.#system.now()
    const remembered = this.#remembered.get(torrent.infoHash)
    if (remembered !== undefined && now - remembered.at < freshMs) return remembered
    const measured = this.#measure(torrent, now)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(torrent.infoHash, measured)
    return measured
  }

  #measure({ infoHash, pieceCount }: MeasuredTorrent, at: number): Holdings {
    const { seeds, leechers } = this.#swarms.countsOf(infoHash)
    const holders: Holder[] = []
    const partial = new PartialCopies(pieceCount)
    let whole = 0
    for (const { host, map } of this.#presence.holdersOf(infoHash)) {
      if (holders.length === MAX_MAPS) break
      const have = partial.add(map)
      if (have === undefined) continue
      if (have === pieceCount) whole++
      holders.push({ host, map, have, isExact: !map.startsWith('~') })
    }
    const counted = partial.count(Math.max(seeds, whole))
    return {
      at,
      availability: {
        seeds,
        leechers,
        holders: holders.length,
        rarestCopies: counted.rarest,
        distributedCopies: counted.distributed,
      },
      holders,
      copies: counted.spans,
    }
  }
}

/** How many peers have each piece, of those that have not all. */
class PartialCopies {
  readonly #pieceCount: number
  /** Made for the first map that is not all or nothing: most torrents never have one. */
  #copies: Uint16Array | undefined
  constructor(pieceCount: number) {
    this.#pieceCount = pieceCount
  }

  /** @returns how many pieces the map has; undefined for what is no map of this torrent */
  add(map: string): number | undefined {
    const spans = spansOfMap(map, this.#pieceCount)
    if (spans === undefined) return undefined
    const have = spans.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    if (have === 0 || have === this.#pieceCount) return have
    this.#copies ??= new Uint16Array(this.#pieceCount)
    for (const { first, last } of spans) for (let piece = first; piece <= last; piece++) this.#copies[piece]!++
    return have
  }

  /** @param whole copies of everything that come on top */
  count(whole: number): { rarest: number; distributed: number; spans: number[] } {
    const span = Math.max(1, Math.ceil(this.#pieceCount / PIECE_MAP_BUCKETS))
    const spans = Array.from({ length: Math.ceil(this.#pieceCount / span) }, () => whole)
    const copies = this.#copies
    if (copies === undefined) return { rarest: whole, distributed: whole, spans }
    let rarest = copies[0]!
    for (const count of copies) if (count < rarest) rarest = count
    let above = 0
    for (const count of copies) if (count > rarest) above++
    for (let at = 0; at < spans.length; at++) {
      let least = 0xffff
      for (const count of copies.subarray(at * span, (at + 1) * span)) if (count < least) least = count
      spans[at] = whole + least
    }
    // In hundredths, and never rounded up to a copy that is not there.
    const hundredths = Math.floor((100 * ((whole + rarest) * copies.length + above)) / copies.length)
    return { rarest: whole + rarest, distributed: hundredths / 100, spans }
  }
}
