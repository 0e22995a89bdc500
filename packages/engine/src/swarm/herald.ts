import type { Bitfield } from '@shoal/protocol/bitfield'
import type { System, Timer } from '../ports/system.ts'

/** In a swarm of up to so many everybody hears of a piece at once. */
const SMALL_SWARM = 32
/** A write to each costs about ten microseconds of ours and as much of the system's: a slice holds nothing up. */
const PEERS_PER_SLICE = 64
const SLICE_INTERVAL_MS = 25

/** What the herald wants to know of a peer. */
export interface HeraldPeer {
  readonly pieces: Pick<Bitfield, 'has'>
  readonly connection: { readonly isOpen: boolean; sendHave(pieceIndex: number, mayWait: boolean): void }
  /** How much of the news it has heard: the herald's. */
  newsHeard: number
}

export interface HeraldOwner<Peer extends HeraldPeer> {
  peers(): Iterable<Peer>
  /** Those whom we do not choke. */
  unchoked(): Iterable<Peer>
  /** The peer was told what we have got; there is also less now that we want of it. */
  onTold(peer: Peer): void
  readonly connectionCount: number
}

/**
 * Tells the peers which pieces we have got (BEP 3, "have").
 *
 * Whoever may ask for a piece hears of it at once: everybody in a small swarm, else those whom we do not choke. The others
 * have their turn a few at a time, and then hear of all that has come meanwhile in one write: ten thousand writes for
 * each piece would leave no time to fetch the next.
 *
 * ```
 * news   17  4  9 | 2 30 11        each peer knows how much of it it has heard (`newsHeard`)
 *                 ^ walkEnd        what came before the walk began is forgotten when the walk has been round
 * ```
 */
export class Herald<Peer extends HeraldPeer> {
  readonly #system: System
  readonly #owner: HeraldOwner<Peer>
  #have: Pick<Bitfield, 'has'> | undefined
  /** Pieces, the oldest first. */
  readonly #news: number[] = []
  /** Counted from the beginning of the swarm: how many news came before those that are kept. */
  #forgotten = 0
  #walk: Iterator<Peer> | undefined
  #walkEnd = 0
  #timer: Timer | undefined

  constructor(options: { system: System; owner: HeraldOwner<Peer> }) {
    this.#system = options.system
    this.#owner = options.owner
  }

  setContent(content: { readonly have: Pick<Bitfield, 'has'> }): void {
    this.#have = content.have
  }

  /** A newcomer has been told all that we have. */
  onIntroduced(peer: Peer): void {
    peer.newsHeard = this.#end
  }

  onPieceVerified(pieceIndex: number): void {
    this.#news.push(pieceIndex)
    if (this.#owner.connectionCount <= SMALL_SWARM) {
      for (const peer of this.#owner.peers()) this.#tell(peer)
      this.#walk = undefined
      this.#forget(this.#end)
      this.#rest()
      return
    }
    for (const peer of this.#owner.unchoked()) this.#tell(peer)
    this.#timer ??= this.#system.every(SLICE_INTERVAL_MS, () => this.#tellSome())
  }

  /** Tells one peer at once what it has not heard yet. */
  tell(peer: Peer): void {
    if (!this.hasTold(peer)) this.#tell(peer)
  }

  /** Whether the peer has been told of all that we have. */
  hasTold(peer: Peer): boolean {
    return peer.newsHeard === this.#end
  }

  close(): void {
    this.#rest()
  }

  get #end(): number {
    return this.#forgotten + this.#news.length
  }

  #tellSome(): void {
    for (let told = 0; told < PEERS_PER_SLICE; ) {
      if (this.#walk === undefined) {
        if (this.#news.length === 0) {
          this.#rest()
          return
        }
        this.#walk = this.#owner.peers()[Symbol.iterator]()
        this.#walkEnd = this.#end
      }
      const next = this.#walk.next()
      if (next.done === true) {
        this.#walk = undefined
        this.#forget(this.#walkEnd)
      } else if (next.value.newsHeard < this.#end) {
        this.#tell(next.value)
        told++
      }
    }
  }

  #tell(peer: Peer): void {
    const { connection } = peer
    const have = this.#have!
    for (let at = peer.newsHeard - this.#forgotten; at < this.#news.length; at++) {
      const pieceIndex = this.#news[at]!
      // We may have lost it meanwhile. Who has it hears of it too, in time: a seed could not know otherwise when others have everything.
      if (have.has(pieceIndex) && connection.isOpen) connection.sendHave(pieceIndex, peer.pieces.has(pieceIndex))
    }
    peer.newsHeard = this.#end
    this.#owner.onTold(peer)
  }

  /** Everybody has heard what came before the news of this number. */
  #forget(number: number): void {
    this.#news.splice(0, number - this.#forgotten)
    this.#forgotten = number
  }

  #rest(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
