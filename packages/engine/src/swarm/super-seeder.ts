import type { Bitfield } from '@shoal/protocol/bitfield'
import type { System } from '../ports/system.ts'
import type { Availability } from './availability.ts'

/** What one peer may know of at a time: with one alone it would wait between two. */
const OFFERS_PER_PEER = 2
/** A peer that has a piece and passes it to nobody for so long is not waited for: perhaps it can reach nobody. */
const PASSING_ON_MS = 10_000

/** What super-seeding wants to know of a peer. */
export interface OfferedPeer {
  readonly key: number
  readonly pieces: Bitfield
  readonly connection: { readonly isSeed: boolean; readonly isOpen: boolean; sendHave(pieceIndex: number): void }
}

export interface SuperSeederOwner {
  peers(): Iterable<OfferedPeer>
}

interface Offer {
  /** When the peer got it; undefined while it does not have it. */
  fetchedAt: number | undefined
}

/**
 * Super-seeding (BEP 16): a seed that looks as if it had nothing, and shows each peer a piece or two that hardly anybody has.
 * The next is shown when another peer has got the last one, from whomever. So nearly every piece leaves the seed once, until
 * the others have everything between them; then it shows all that it has and is a seed like any other.
 */
export class SuperSeeder {
  readonly #system: System
  readonly #owner: SuperSeederOwner
  /** The peers that do not know what we have, and what they were shown: piece → offer. */
  readonly #shown = new Map<number, Map<number, Offer>>()
  /** How many peers were shown each piece. */
  #shownCounts = new Uint16Array(0)
  #availability: Availability | undefined
  #isWanted = false

  constructor(options: { system: System; owner: SuperSeederOwner }) {
    this.#system = options.system
    this.#owner = options.owner
  }

  setContent(content: { readonly availability: Availability }): void {
    this.#availability = content.availability
    this.#shownCounts = new Uint16Array(content.availability.pieceCount)
  }

  /** For those who come from now on; those who are here know what we have. */
  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted
    if (!isWanted) this.#showAll()
  }

  /** A peer comes: is it to see nothing of what we have? @param isComplete we have everything */
  mayHide(peer: OfferedPeer, isComplete: boolean): boolean {
    const availability = this.#availability
    if (!this.#isWanted || !isComplete || availability === undefined || availability.wholeCopies > 0) return false
    this.#shown.set(peer.key, new Map())
    return true
  }

  /** What the peer has is known. */
  onPieces(peer: OfferedPeer): void {
    this.#showMore(peer)
  }

  onHave(peer: OfferedPeer, pieceIndex: number): void {
    if (this.#shown.size === 0) return
    const own = this.#shown.get(peer.key)?.get(pieceIndex)
    if (own !== undefined) own.fetchedAt ??= this.#system.now()
    for (const other of this.#owner.peers()) {
      const offers = this.#shown.get(other.key)
      if (offers === undefined) continue
      // It has passed it on, or somebody else has it: either way it needs no more care.
      if (other.key !== peer.key) offers.delete(pieceIndex)
      if (offers.size < OFFERS_PER_PEER || other.key === peer.key) this.#showMore(other)
    }
  }

  onPeerGone(peer: OfferedPeer): void {
    const offers = this.#shown.get(peer.key)
    this.#shown.delete(peer.key)
    // What it did not get has left us for nobody.
    for (const [pieceIndex, { fetchedAt }] of offers ?? []) if (fetchedAt === undefined) this.#shownCounts[pieceIndex]!--
  }

  /** About once a second. */
  onTick(now: number): void {
    if (this.#shown.size === 0) return
    if ((this.#availability?.wholeCopies ?? 0) > 0) {
      this.#showAll()
      return
    }
    for (const peer of this.#owner.peers()) {
      const offers = this.#shown.get(peer.key)
      if (offers === undefined) continue
      for (const [pieceIndex, { fetchedAt }] of offers) {
        if (fetchedAt !== undefined && now - fetchedAt >= PASSING_ON_MS) offers.delete(pieceIndex)
      }
      this.#showMore(peer)
    }
  }

  #showMore(peer: OfferedPeer): void {
    const offers = this.#shown.get(peer.key)
    if (offers === undefined || !peer.connection.isOpen) return
    for (const [pieceIndex, { fetchedAt }] of offers) {
      if (fetchedAt !== undefined && !this.#canPassOn(peer, pieceIndex)) offers.delete(pieceIndex)
    }
    while (offers.size < OFFERS_PER_PEER) {
      const pieceIndex = this.#rarestFor(peer, offers)
      if (pieceIndex === -1) return
      offers.set(pieceIndex, { fetchedAt: undefined })
      this.#shownCounts[pieceIndex]!++
      peer.connection.sendHave(pieceIndex)
    }
  }

  /** Is there anybody whom it could give the piece to? */
  #canPassOn(peer: OfferedPeer, pieceIndex: number): boolean {
    for (const other of this.#owner.peers()) if (other.key !== peer.key && !other.pieces.has(pieceIndex)) return true
    return false
  }

  /** Of those that the peer lacks, the one that the fewest have and the fewest were shown; -1 when there is none. */
  #rarestFor(peer: OfferedPeer, offers: ReadonlyMap<number, Offer>): number {
    const availability = this.#availability!
    const { pieceCount } = availability
    let rarest = -1
    let lowest = Number.POSITIVE_INFINITY
    // From anywhere on, so that equals are shown by chance.
    const first = pieceCount === 0 ? 0 : this.#system.randomBelow(pieceCount)
    for (let step = 0; step < pieceCount && lowest > 0; step++) {
      const pieceIndex = (first + step) % pieceCount
      if (peer.pieces.has(pieceIndex) || offers.has(pieceIndex)) continue
      const copies = availability.countOf(pieceIndex) + this.#shownCounts[pieceIndex]!
      if (copies < lowest) {
        lowest = copies
        rarest = pieceIndex
      }
    }
    return rarest
  }

  #showAll(): void {
    const pieceCount = this.#availability?.pieceCount ?? 0
    for (const { key, connection } of this.#owner.peers()) {
      const offers = this.#shown.get(key)
      if (offers === undefined) continue
      for (let pieceIndex = 0; pieceIndex < pieceCount && connection.isOpen; pieceIndex++) connection.sendHave(pieceIndex)
    }
    this.#shown.clear()
    this.#shownCounts.fill(0)
  }
}
