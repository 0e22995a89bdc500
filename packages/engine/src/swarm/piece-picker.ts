import { Bitfield } from '@shoal/protocol/bitfield'
import { BLOCK_LENGTH, type PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import type { Availability } from './availability.ts'
import { Endgame } from './endgame.ts'
import { FreshPieces } from './fresh-pieces.ts'
import { FREE, HELD_BY_SLOW, type OpenPiece, type PeerWork } from './open-piece.ts'
import { OpenPieces } from './open-pieces.ts'

/** The priority of a piece that nobody said anything about: 1 is the least, 7 the most, 0 is not wanted. */
export const NORMAL_PRIORITY = 4

/** What the picker wants to know of a peer when it picks for it. */
export interface PickPeer {
  /** Names the peer in this swarm. Never given again while a piece it sent blocks of is unfinished: count up. */
  readonly key: number
  readonly pieces: Bitfield
  /** Snubbed, or much slower than others: its blocks may be asked of others too. */
  readonly isSlow: boolean
  /** How many unfinished pieces it may have a part in at once: 1 until it has proven itself. */
  readonly pieceAllowance: number
  /** While it chokes us: the only pieces it sends (BEP 6). Undefined: it does not choke us. */
  readonly allowedFast: ReadonlySet<number> | undefined
}

/** A block to ask for: `begin` and `length` are bytes, inside the piece. */
export type OnPick = (pieceIndex: number, begin: number, length: number) => void

export interface PiecePickerOptions {
  readonly geometry: PieceGeometry
  /** Of the same swarm. The picker keeps in its orders what may be begun, and nobody else does. */
  readonly availability: Availability
  /** A whole number in [0, limit). */
  readonly randomBelow: (limit: number) => number
  /** Pieces in work at once, those being verified included: what the memory for them allows. */
  readonly maxOpenPieces: number
  /** So many pieces are taken by chance, so that a newcomer soon has something to trade. */
  readonly randomFirstPieces?: number
  /** Endgame: peers that keep up and are asked for the same block. */
  readonly endgameAskers?: number
  /** Endgame: a block is asked twice only of a peer with fewer blocks than this to send. Bounds the waste. */
  readonly endgameDepth?: number
}

/**
 * Decides which block to ask of whom (BEP 3, "rarest first", "endgame"), and keeps the books about it.
 *
 * For a peer, in this order, unless somebody waits for certain pieces (`setUrgent`), which go before:
 * 1. *Its own*: a piece it already has a part in. So a piece has one sender where possible: a bad one has one culprit,
 *    and a lost connection leaves one piece behind.
 * 2. *Orphans*: pieces begun, where no peer that keeps up is at work.
 * 3. *New*: the rarest piece it has, by chance among equals. The first few of all: by chance.
 * 4. *Shared*: the oldest piece that others are filling; only when no new one may be begun or there is none.
 * 5. *Endgame*: when every block is asked, those still travelling, oldest first, of a second and third peer.
 *
 * In 2 and 3 together, and in 4, a higher priority goes first. A slow peer takes 4 before 3, so that nobody waits for a
 * piece of its own; where there is hardly room for another piece everybody does, or those who are quick would find none.
 * In sequential order 1 to 4 are one: the first piece of the highest priority, whoever fills it.
 *
 * The picker knows no clock and no socket. Blocks come and go by `onBlock` and `onBlockLost`; whatever is asked stays
 * asked until the block is here from anybody, or one of them, or `onPeerGone`, or the end of the piece. `pick` must not be called from inside a callback.
 */
export class PiecePicker {
  readonly #geometry: PieceGeometry
  readonly #availability: Availability
  readonly #maxOpenPieces: number
  readonly #randomFirstPieces: number
  /** The lowest index first; priorities still go before. */
  sequential = false

  readonly #priorities: Uint8Array
  readonly #have: Bitfield
  /** Pieces that we have or do not want: whoever has one besides these is interesting. */
  readonly #unneeded: Bitfield
  readonly #open: OpenPieces
  readonly #fresh: FreshPieces
  readonly #endgame: Endgame
  /** Bad pieces that are fetched again from one peer alone, in work or not: piece → key of the peer. */
  readonly #paroles = new Map<number, number>()
  #urgent: readonly number[] = []

  constructor(options: PiecePickerOptions) {
    this.#geometry = options.geometry
    this.#availability = options.availability
    this.#maxOpenPieces = options.maxOpenPieces
    this.#randomFirstPieces = options.randomFirstPieces ?? 4
    const { availability, randomBelow } = options
    const { pieceCount } = options.geometry
    this.#priorities = new Uint8Array(pieceCount).fill(NORMAL_PRIORITY)
    this.#have = Bitfield.empty(pieceCount)
    this.#unneeded = Bitfield.empty(pieceCount)
    this.#open = new OpenPieces(pieceCount === 0 ? 0 : options.geometry.blockCount(0))
    this.#fresh = new FreshPieces({ availability, priorities: this.#priorities, randomBelow })
    this.#endgame = new Endgame(this.#open, { maxAskers: options.endgameAskers ?? 3, depth: options.endgameDepth ?? 16 })
    // In random order, or everybody would begin with the same neighbours.
    const shuffled = new Int32Array(pieceCount)
    for (let pieceIndex = 0; pieceIndex < pieceCount; pieceIndex++) {
      const place = randomBelow(pieceIndex + 1)
      shuffled[pieceIndex] = shuffled[place]!
      shuffled[place] = pieceIndex
    }
    for (const pieceIndex of shuffled) availability.setLevel(pieceIndex, NORMAL_PRIORITY)
  }

  /** The pieces that are here and verified: live, only to be read. */
  get have(): Bitfield {
    return this.#have
  }

  /** Pieces in work, those being verified included. */
  get openPieceCount(): number {
    return this.#open.all.length
  }

  /**
   * So many pieces are half done that there may soon be no room for another: from now on peers finish them together, and
   * what waits long at a slow one is in the way of all.
   */
  get isCrowded(): boolean {
    return 4 * (this.openPieceCount - this.#open.completeCount) > 3 * this.#maxOpenPieces
  }

  /** Wanted pieces that we do not have yet. */
  get missingWantedCount(): number {
    return this.#geometry.pieceCount - this.#unneeded.count
  }

  get wantedComplete(): boolean {
    return this.#unneeded.isComplete
  }

  /** Every missing wanted block that anybody connected could send is asked of somebody. (Pieces on parole are left out.) */
  get isEndgame(): boolean {
    return !this.wantedComplete && this.#open.freeCount === 0 && this.#availability.obtainableCount === 0
  }

  /** Does somebody with these pieces have one that we want and lack? */
  isInteresting(bits: Bitfield): boolean {
    return this.#unneeded.intersectsMissing(bits)
  }

  priorityOf(pieceIndex: number): number {
    return this.#priorities[pieceIndex]!
  }

  /**
   * 7 is the most urgent, 0 is not wanted. A piece in work that is wanted no more is given up, unless it is whole already.
   * @param onUnasked a block that need not be sent any more
   * @returns whether a piece in work was given up: what is here of it is of no use
   */
  setPriority(pieceIndex: number, priority: number, onUnasked?: (peerKey: number, begin: number) => void): boolean {
    if (this.#priorities[pieceIndex] === priority) return false
    this.#priorities[pieceIndex] = priority
    let isGivenUp = false
    const piece = this.#open.get(pieceIndex)
    if (piece !== undefined && priority === 0 && !piece.isComplete) {
      if (onUnasked !== undefined) forEachAsk(piece, onUnasked)
      this.#open.close(piece)
      isGivenUp = true
    }
    if (priority === 0 && this.#open.get(pieceIndex) === undefined) this.#paroles.delete(pieceIndex)
    this.#settle(pieceIndex)
    return isGivenUp
  }

  /**
   * Somebody waits for these pieces, for the first of them most: whoever has one is asked for it before all else. Few, since they
   * are gone through for each piece that is chosen; those that are here or not wanted are passed over.
   */
  setUrgent(pieces: readonly number[]): void {
    this.#urgent = pieces
  }

  /** The piece is here and right, wherever it came from. */
  markHave(pieceIndex: number): void {
    const piece = this.#open.get(pieceIndex)
    if (piece !== undefined) this.#open.close(piece)
    this.#paroles.delete(pieceIndex)
    this.#have.set(pieceIndex)
    this.#settle(pieceIndex)
  }

  /** The piece is not here, or not any more. */
  markMissing(pieceIndex: number): void {
    this.#have.clear(pieceIndex)
    this.#settle(pieceIndex)
  }

  /**
   * Picks up to `count` blocks to ask of the peer, and notes them as asked.
   * @returns how many there were
   */
  pick(peer: PickPeer, count: number, onPick: OnPick): number {
    const work = this.#open.peer(peer.key)
    if (!peer.isSlow) this.#open.setSlow(work, false)
    else if (!work.isSlow) this.onPeerSlow(peer.key)
    if (peer.allowedFast?.size === 0) return 0
    let left = count
    while (left > 0) {
      const piece = this.#choose(peer, work)
      if (piece === undefined) break
      work.current = piece
      left -= this.#askFor(piece, work, left, onPick)
    }
    if (left === 0 || !this.isEndgame) return count - left
    const asked = this.#endgame.askAgain(peer, work, left, this.#availability.easings, (piece, block) => this.#tell(piece, block, onPick))
    return count - left + asked
  }

  /**
   * A block came, and it was asked for. What it is to us:
   * `first` is to be kept; `duplicate` came before; `stray` belongs to no piece in work (any more).
   */
  onBlock(peerKey: number, pieceIndex: number, begin: number): 'first' | 'duplicate' | 'stray' {
    const piece = this.#open.get(pieceIndex)
    if (piece === undefined) return this.#have.has(pieceIndex) ? 'duplicate' : 'stray'
    const block = begin / BLOCK_LENGTH
    if (!Number.isInteger(block) || block < 0 || block >= piece.blockCount) return 'stray'
    const work = this.#open.peer(peerKey)
    if (piece.senderOf(block) !== undefined) {
      this.#open.unask(piece, block, work)
      return 'duplicate'
    }
    if (piece.onlyFrom !== undefined && piece.onlyFrom !== peerKey) return 'stray'
    this.#open.receive(piece, block, work)
    return 'first'
  }

  /** A block that was `first` could not be kept (no memory for it): it is missing again. */
  onBlockNotKept(pieceIndex: number, begin: number): void {
    const piece = this.#open.get(pieceIndex)
    const block = begin / BLOCK_LENGTH
    if (piece?.senderOf(block) !== undefined) this.#open.discard(piece, block)
  }

  /** Who else was asked for this block: after `first`, send them a cancel. `onBlockLost` may be called from the callback. */
  otherAskers(pieceIndex: number, begin: number, peerKey: number, callback: (peerKey: number) => void): void {
    const piece = this.#open.get(pieceIndex)
    if (piece === undefined) return
    piece.forEachAsker(begin / BLOCK_LENGTH, (asker) => {
      if (asker !== peerKey) callback(asker)
    })
  }

  /** The peer will not send the block: rejected, timed out, cancelled, or it choked us. It can be asked of anybody at once. */
  onBlockLost(peerKey: number, pieceIndex: number, begin: number): void {
    const piece = this.#open.get(pieceIndex)
    const work = this.#open.knownPeer(peerKey)
    if (piece === undefined || work === undefined) return
    if (this.#open.unask(piece, begin / BLOCK_LENGTH, work)) this.#afterUnask(piece, work)
  }

  /** Everything asked of the peer can be asked of others. What it gave stays, under its key. */
  onPeerGone(peerKey: number): void {
    this.endParole(peerKey)
    const work = this.#open.knownPeer(peerKey)
    if (work === undefined) return
    this.#open.removePeer(work, (piece) => this.#closeIfUntouched(piece))
  }

  /** Its open blocks may be asked of others too; they stay asked of it. The next `pick` says when it keeps up again. */
  onPeerSlow(peerKey: number): void {
    this.endParole(peerKey)
    this.#open.setSlow(this.#open.peer(peerKey), true)
  }

  /** Pieces that only this peer was to be asked for are for all again: it choked us, or cannot be waited for. */
  endParole(peerKey: number): void {
    for (const [pieceIndex, onlyFrom] of this.#paroles) if (onlyFrom === peerKey) this.#endParoleOf(pieceIndex)
  }

  /** All blocks of it are here: it is being verified, until `onVerified` or `onFailed`. */
  isComplete(pieceIndex: number): boolean {
    return this.#open.get(pieceIndex)?.isComplete ?? false
  }

  onVerified(pieceIndex: number): void {
    this.markHave(pieceIndex)
  }

  /**
   * The piece is bad, or could not be kept: all its blocks are missing again.
   * @param options.onlyFrom parole: only this peer may be asked for it until it is right, or the peer is slow, gone or gives up
   */
  onFailed(pieceIndex: number, options?: { readonly onlyFrom?: number }): void {
    const piece = this.#open.get(pieceIndex)
    if (piece === undefined) return
    this.#open.close(piece)
    const onlyFrom = options?.onlyFrom
    const isOnParole = onlyFrom !== undefined && this.#priorities[pieceIndex] !== 0 && this.#open.knownPeer(onlyFrom)?.isSlow !== true
    if (isOnParole) this.#paroles.set(pieceIndex, onlyFrom)
    else this.#paroles.delete(pieceIndex)
    this.#settle(pieceIndex)
  }

  /**
   * Forgets the blocks that a banned peer gave to pieces that are not whole yet; they are missing again, and whoever
   * keeps their bytes must forget them too. A whole piece is left to its verification.
   */
  dropBlocksFrom(peerKey: number, onDropped?: (pieceIndex: number, begin: number) => void): void {
    for (const piece of this.#open.all) {
      if (piece.isComplete) continue
      for (let block = 0; block < piece.blockCount; block++) {
        if (piece.senderOf(block) !== peerKey) continue
        this.#open.discard(piece, block)
        onDropped?.(piece.index, block * BLOCK_LENGTH)
      }
    }
  }

  /** The key of the peer that gave each block of a piece in work, -1 for a missing one. To be asked before the piece is closed. */
  sendersOf(pieceIndex: number): number[] {
    const piece = this.#open.get(pieceIndex)
    return piece === undefined ? [] : Array.from({ length: piece.blockCount }, (_, block) => piece.senderOf(block) ?? -1)
  }

  /** Blocks that are asked of the peer and have not come from anybody. */
  askedCountOf(peerKey: number): number {
    return this.#open.knownPeer(peerKey)?.asked ?? 0
  }

  /** For tests and the simulator: throws what is wrong, in words. */
  checkInvariants(): void {
    this.#open.checkInvariants()
    this.#availability.checkInvariants()
    for (let pieceIndex = 0; pieceIndex < this.#geometry.pieceCount; pieceIndex++) {
      const isNeeded = !this.#have.has(pieceIndex) && this.#priorities[pieceIndex] !== 0
      if (isNeeded === this.#unneeded.has(pieceIndex)) throw new Error(`Picker: piece ${pieceIndex} is counted wrong as needed or not`)
      const piece = this.#open.get(pieceIndex)
      if (piece !== undefined && this.#have.has(pieceIndex)) throw new Error(`Picker: piece ${pieceIndex} is here and in work`)
      if (piece !== undefined && !isNeeded && !piece.isComplete) throw new Error(`Picker: piece ${pieceIndex} is in work and not wanted`)
      if (piece !== undefined && piece.onlyFrom !== this.#paroles.get(pieceIndex)) {
        throw new Error(`Picker: piece ${pieceIndex} does not know its parole`)
      }
      const level = isNeeded && piece === undefined && !this.#paroles.has(pieceIndex) ? this.#priorities[pieceIndex]! : 0
      if (this.#availability.levelOf(pieceIndex) !== level) {
        throw new Error(`Picker: piece ${pieceIndex} belongs on level ${level}, not ${this.#availability.levelOf(pieceIndex)}`)
      }
    }
    if (this.openPieceCount > this.#maxOpenPieces) {
      throw new Error(`Picker: ${this.openPieceCount} pieces in work, only ${this.#maxOpenPieces} may be`)
    }
  }

  /** The piece to ask the peer for next, opened if need be; undefined when only the endgame is left for it. */
  #choose(peer: PickPeer, work: PeerWork): OpenPiece | undefined {
    const { current } = work
    const mayJoin = work.shares.length < peer.pieceAllowance
    if (this.#urgent.length > 0) {
      const urgent = this.#chooseUrgent(peer, work, mayJoin)
      if (urgent !== undefined) return urgent
    }
    if (current !== undefined && !this.sequential && current.freeCount > 0 && this.#mayAsk(current, peer)) return current
    if (!this.sequential || !mayJoin) {
      const own = this.#bestOwn(peer, work)
      if (own !== undefined) return own
    }
    if (!mayJoin) return undefined
    const mayOpen = this.openPieceCount < this.#maxOpenPieces
    if (this.sequential) return this.#chooseInSequence(peer, mayOpen)
    const paroled = mayOpen ? this.#parolePieceFor(peer) : -1
    if (paroled !== -1) return this.#openPiece(paroled)

    const orphan = this.#best(this.#open.orphans, peer)
    if (work.isSlow || this.isCrowded) {
      const begun = orphan ?? this.#best(this.#open.shared, peer)
      if (begun !== undefined) return begun
    }
    const orphanPriority = orphan === undefined ? 0 : this.#priorities[orphan.index]!
    const fresh = mayOpen ? this.#fresh.rarest(peer, work, orphanPriority + 1, this.#have.count < this.#randomFirstPieces) : -1
    if (fresh !== -1) return this.#openPiece(fresh)
    return orphan ?? this.#best(this.#open.shared, peer)
  }

  /** The first piece that somebody waits for and the peer can do something for. */
  #chooseUrgent(peer: PickPeer, work: PeerWork, mayJoin: boolean): OpenPiece | undefined {
    const mayOpen = mayJoin && this.openPieceCount < this.#maxOpenPieces
    for (const pieceIndex of this.#urgent) {
      if (this.#have.has(pieceIndex)) continue
      const piece = this.#open.get(pieceIndex)
      if (piece !== undefined) {
        if (this.#hasBlockFor(piece, peer) && (mayJoin || work.shares.some((share) => share.piece === piece))) return piece
      } else if (mayOpen && this.#mayBegin(pieceIndex, peer)) return this.#openPiece(pieceIndex)
    }
    return undefined
  }

  /** May a piece that is not in work be begun with the peer? */
  #mayBegin(pieceIndex: number, { key, pieces, allowedFast }: PickPeer): boolean {
    const isFree = this.#availability.levelOf(pieceIndex) !== 0 || this.#paroles.get(pieceIndex) === key
    return isFree && pieces.has(pieceIndex) && (allowedFast === undefined || allowedFast.has(pieceIndex))
  }

  /** In sequential order: the first piece of the highest priority, begun or not. */
  #chooseInSequence(peer: PickPeer, mayOpen: boolean): OpenPiece | undefined {
    const orphan = this.#best(this.#open.orphans, peer)
    const shared = this.#best(this.#open.shared, peer)
    const begun = orphan === undefined || (shared !== undefined && this.#isBefore(shared, orphan)) ? shared : orphan
    if (!mayOpen) return begun
    const paroled = this.#parolePieceFor(peer)
    const isParoledFirst = paroled !== -1 && (begun === undefined || this.#fresh.isSooner(paroled, begun.index))
    const limit = isParoledFirst ? paroled : begun?.index
    const fresh = this.#fresh.first(peer, limit)
    if (fresh !== -1) return this.#openPiece(fresh)
    return isParoledFirst ? this.#openPiece(paroled) : begun
  }

  /** The best piece that the peer has a part in already. */
  #bestOwn(peer: PickPeer, work: PeerWork): OpenPiece | undefined {
    let best: OpenPiece | undefined
    for (const { piece } of work.shares) {
      if (this.#hasBlockFor(piece, peer) && (best === undefined || this.#isBefore(piece, best))) best = piece
    }
    return best
  }

  #best(pieces: readonly OpenPiece[], peer: PickPeer): OpenPiece | undefined {
    let best: OpenPiece | undefined
    for (const piece of pieces) {
      if ((best === undefined || this.#isBefore(piece, best)) && this.#hasBlockFor(piece, peer)) best = piece
    }
    return best
  }

  /** Which of two pieces in work goes first: by priority, then by age, or by index in sequential order. */
  #isBefore(piece: OpenPiece, other: OpenPiece): boolean {
    if (this.sequential) return this.#fresh.isSooner(piece.index, other.index)
    const priority = this.#priorities[piece.index]! - this.#priorities[other.index]!
    return priority !== 0 ? priority > 0 : piece.sequence < other.sequence
  }

  /** Is there a block of the piece that may be asked of the peer before the endgame? A slow one is not to double the work of another. */
  #hasBlockFor(piece: OpenPiece, peer: PickPeer): boolean {
    return (piece.freeCount > 0 || (piece.heldBySlowCount > 0 && !peer.isSlow)) && this.#mayAsk(piece, peer)
  }

  #mayAsk(piece: OpenPiece, peer: PickPeer): boolean {
    return (
      (piece.onlyFrom === undefined || piece.onlyFrom === peer.key) &&
      peer.pieces.has(piece.index) &&
      (peer.allowedFast === undefined || peer.allowedFast.has(piece.index))
    )
  }

  /** A piece that only this peer is to be asked for, and that is not in work yet; -1 when there is none. */
  #parolePieceFor(peer: PickPeer): number {
    let best = -1
    for (const [pieceIndex, onlyFrom] of this.#paroles) {
      if (onlyFrom !== peer.key || this.#open.get(pieceIndex) !== undefined || !peer.pieces.has(pieceIndex)) continue
      if (peer.allowedFast !== undefined && !peer.allowedFast.has(pieceIndex)) continue
      const isBetter = best === -1 || (this.sequential ? this.#fresh.isSooner(pieceIndex, best) : this.#fresh.isRarer(pieceIndex, best))
      if (isBetter) best = pieceIndex
    }
    return best
  }

  #openPiece(pieceIndex: number): OpenPiece {
    this.#availability.setLevel(pieceIndex, 0)
    return this.#open.open(pieceIndex, this.#geometry.blockCount(pieceIndex), this.#paroles.get(pieceIndex))
  }

  /** Asks the peer for blocks of the piece, in order: the free ones, then (of a peer that keeps up) those held by slow peers. */
  #askFor(piece: OpenPiece, work: PeerWork, count: number, onPick: OnPick): number {
    const share = this.#open.share(piece, work)
    let left = count
    let block = piece.firstFree
    for (; left > 0 && piece.freeCount > 0; block++) {
      if (piece.conditionOf(block) !== FREE) continue
      this.#open.ask(share, block)
      this.#tell(piece, block, onPick)
      left--
    }
    piece.firstFree = block
    if (work.isSlow) return count - left
    for (block = 0; left > 0 && piece.heldBySlowCount > 0; block++) {
      if (piece.conditionOf(block) !== HELD_BY_SLOW) continue
      this.#open.ask(share, block)
      this.#tell(piece, block, onPick)
      left--
    }
    return count - left
  }

  #tell(piece: OpenPiece, block: number, onPick: OnPick): void {
    onPick(piece.index, block * BLOCK_LENGTH, this.#geometry.blockLength(piece.index, block))
  }

  #afterUnask(piece: OpenPiece, work: PeerWork): void {
    // A peer on parole that has nothing left to send of its piece has given up on it.
    if (piece.onlyFrom === work.key && !piece.shares.some((share) => share.peer === work && share.asked > 0)) {
      this.#endParoleOf(piece.index)
    }
    this.#closeIfUntouched(piece)
  }

  #endParoleOf(pieceIndex: number): void {
    this.#paroles.delete(pieceIndex)
    const piece = this.#open.get(pieceIndex)
    if (piece !== undefined) this.#open.endParole(piece)
    this.#settle(pieceIndex)
  }

  /** A piece of which nothing ever came and nothing is asked need not be in work. */
  #closeIfUntouched(piece: OpenPiece): void {
    if (piece.hasReceived || piece.freeCount < piece.blockCount) return
    this.#open.close(piece)
    this.#settle(piece.index)
  }

  /** Puts the piece where it belongs: counted as needed or not, and among those that may be begun or not. */
  #settle(pieceIndex: number): void {
    const isNeeded = !this.#have.has(pieceIndex) && this.#priorities[pieceIndex] !== 0
    if (isNeeded) this.#unneeded.clear(pieceIndex)
    else this.#unneeded.set(pieceIndex)
    const isFresh = isNeeded && this.#open.get(pieceIndex) === undefined && !this.#paroles.has(pieceIndex)
    this.#availability.setLevel(pieceIndex, isFresh ? this.#priorities[pieceIndex]! : 0)
  }
}

function forEachAsk(piece: OpenPiece, callback: (peerKey: number, begin: number) => void): void {
  for (let block = 0; block < piece.blockCount; block++) {
    if (piece.senderOf(block) === undefined) piece.forEachAsker(block, (peerKey) => callback(peerKey, block * BLOCK_LENGTH))
  }
}
