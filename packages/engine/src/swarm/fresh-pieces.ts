import type { Bitfield } from '@shoal/protocol/bitfield'
import { type Availability, MAX_LEVEL } from './availability.ts'
import type { PeerWork } from './open-piece.ts'

/** The peer that a piece is to be begun with. */
export interface BeginningPeer {
  readonly pieces: Bitfield
  /** While it chokes us: the only pieces it sends (BEP 6). Undefined: it does not choke us. */
  readonly allowedFast: ReadonlySet<number> | undefined
}

export interface FreshPiecesOptions {
  readonly availability: Availability
  /** Of each piece, 0 to 7: live, the picker's. */
  readonly priorities: Uint8Array
  readonly randomBelow: (limit: number) => number
}

/**
 * Which piece to begin with a peer, among those that are in the orders of the availability: the rarest of the highest
 * priority, or the first in sequential order. Answers are piece indexes, -1 when there is none.
 */
export class FreshPieces {
  readonly #availability: Availability
  readonly #priorities: Uint8Array
  readonly #randomBelow: (limit: number) => number

  constructor(options: FreshPiecesOptions) {
    this.#availability = options.availability
    this.#priorities = options.priorities
    this.#randomBelow = options.randomBelow
  }

  /** Does the one go before the other in sequential order? Neither has to be fresh. */
  isSooner(pieceIndex: number, other: number): boolean {
    const priority = this.#priorities[pieceIndex]! - this.#priorities[other]!
    return priority !== 0 ? priority > 0 : pieceIndex < other
  }

  /** Does the one go before the other by priority and rarity? */
  isRarer(pieceIndex: number, other: number): boolean {
    const priority = this.#priorities[pieceIndex]! - this.#priorities[other]!
    return priority !== 0 ? priority > 0 : this.#availability.countOf(pieceIndex) < this.#availability.countOf(other)
  }

  /**
   * The rarest piece of the highest priority, which is at least `lowestLevel`; by chance among equals, or `byChance` among all
   * of that priority.
   */
  rarest(peer: BeginningPeer, { fresh: memory }: PeerWork, lowestLevel: number, byChance: boolean): number {
    if (peer.allowedFast !== undefined) return this.#bestAllowed(peer, peer.allowedFast, lowestLevel, false)
    const { easings } = this.#availability
    const remembers = memory.easings === easings && memory.haveCount === peer.pieces.count
    // What was found last time bounds what can be found now: above that level nothing, on it nothing rarer.
    const highestLevel = remembers ? memory.level : MAX_LEVEL
    if (highestLevel < lowestLevel) return -1
    memory.easings = easings
    memory.haveCount = peer.pieces.count
    for (let level = highestLevel; level >= lowestLevel; level--) {
      const fromCount = remembers && level === memory.level ? memory.fromCount : 0
      const found = byChance
        ? this.#availability.random(level, peer.pieces, this.#randomBelow)
        : this.#availability.rarest(level, peer.pieces, fromCount, this.#randomBelow)
      if (found === -1) continue
      memory.level = level
      memory.fromCount = byChance ? 0 : this.#availability.countOf(found)
      return found
    }
    memory.level = lowestLevel - 1
    memory.fromCount = 0
    return -1
  }

  /** The first piece in sequential order that goes before `limit`, a piece in work or on parole. */
  first(peer: BeginningPeer, limit: number | undefined): number {
    if (peer.allowedFast !== undefined) {
      const found = this.#bestAllowed(peer, peer.allowedFast, 1, true)
      return found !== -1 && (limit === undefined || this.isSooner(found, limit)) ? found : -1
    }
    const { pieceCount } = this.#availability
    const lowestLevel = limit === undefined ? 1 : this.#priorities[limit]!
    for (let level = MAX_LEVEL; level >= lowestLevel; level--) {
      if (this.#availability.lengthOf(level) === 0) continue
      const end = limit !== undefined && level === lowestLevel ? limit : pieceCount
      const found = this.#availability.first(level, peer.pieces, 0, end)
      if (found !== -1) return found
    }
    return -1
  }

  /** The best among the few pieces that a choking peer sends. */
  #bestAllowed({ pieces }: BeginningPeer, allowedFast: ReadonlySet<number>, lowestLevel: number, inSequence: boolean): number {
    let best = -1
    for (const pieceIndex of allowedFast) {
      // `has` is false for an index that is no piece.
      if (!pieces.has(pieceIndex) || this.#availability.levelOf(pieceIndex) < Math.max(lowestLevel, 1)) continue
      if (best === -1 || (inSequence ? this.isSooner(pieceIndex, best) : this.isRarer(pieceIndex, best))) best = pieceIndex
    }
    return best
  }
}
