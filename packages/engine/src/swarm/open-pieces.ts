import {
  type BlockArrays,
  type Condition,
  FREE,
  HELD_BY_SLOW,
  MAX_ASKERS,
  NOBODY,
  OpenPiece,
  PeerWork,
  RECEIVED,
  Share,
} from './open-piece.ts'

/**
 * All pieces in work, and all peers that work on them: the bookkeeping below the picker's decisions.
 *
 * Every count and list is brought in line with each block that changes, so whatever the picker asks is O(1).
 */
export class OpenPieces {
  readonly #maxBlockCount: number
  readonly #byIndex = new Map<number, OpenPiece>()
  readonly #peers = new Map<number, PeerWork>()
  readonly #pool: BlockArrays[] = []
  #nextSequence = 0

  /** Oldest first. */
  readonly all: OpenPiece[] = []
  /** Pieces with a block that may be asked for, where no fast peer is at work; in no order. */
  readonly orphans: OpenPiece[] = []
  /** Pieces with a block that may be asked for, where a fast peer is at work; in no order. */
  readonly shared: OpenPiece[] = []
  /** Blocks that are asked of nobody, in pieces that anybody may be asked for. */
  freeCount = 0
  /** Pieces of which every block is here: they wait for their hash and the disk. */
  completeCount = 0
  /** Grows with every change after which a missing block may be asked of a peer that it could not be asked of before. */
  loosenings = 0

  /** @param maxBlockCount the blocks of the largest piece */
  constructor(maxBlockCount: number) {
    this.#maxBlockCount = maxBlockCount
  }

  get(pieceIndex: number): OpenPiece | undefined {
    return this.#byIndex.get(pieceIndex)
  }

  /** The work of a peer, also of one that has none yet. */
  peer(peerKey: number): PeerWork {
    let peer = this.#peers.get(peerKey)
    if (peer === undefined) {
      peer = new PeerWork(peerKey)
      this.#peers.set(peerKey, peer)
    }
    return peer
  }

  knownPeer(peerKey: number): PeerWork | undefined {
    return this.#peers.get(peerKey)
  }

  open(pieceIndex: number, blockCount: number, onlyFrom: number | undefined): OpenPiece {
    const blocks = this.#pool.pop() ?? this.#newArrays()
    const piece = new OpenPiece(pieceIndex, blockCount, this.#nextSequence++, onlyFrom, blocks)
    this.#byIndex.set(pieceIndex, piece)
    this.all.push(piece)
    if (onlyFrom === undefined) this.freeCount += blockCount
    this.#relist(piece)
    return piece
  }

  /** Forgets the piece and everything asked and received of it. */
  close(piece: OpenPiece): void {
    for (const share of piece.shares) {
      share.peer.asked -= share.asked
      share.peer.shares.splice(share.peer.shares.indexOf(share), 1)
      if (share.peer.current === piece) share.peer.current = undefined
    }
    piece.shares.length = 0
    if (piece.onlyFrom === undefined) this.freeCount -= piece.freeCount
    if (piece.isComplete) this.completeCount--
    this.#unlist(piece)
    this.all.splice(this.firstSince(piece.sequence), 1)
    this.#byIndex.delete(piece.index)
    this.#pool.push(piece.blocks)
  }

  /** The place in `all` of the first piece whose sequence is at least that. */
  firstSince(sequence: number): number {
    let low = 0
    let high = this.all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.all[middle]!.sequence < sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The peer's share in the piece, begun if need be. */
  share(piece: OpenPiece, peer: PeerWork): Share {
    let share = piece.shareOf(peer)
    if (share === undefined) {
      share = new Share(peer, piece)
      piece.shares.push(share)
      peer.shares.push(share)
    }
    return share
  }

  /** Notes that a missing block was asked of the peer. */
  ask(share: Share, block: number): void {
    const { piece, peer } = share
    const before = piece.conditionOf(block)
    piece.addAsker(block, peer.key)
    share.asked++
    peer.asked++
    if (!peer.isSlow) {
      piece.blocks.fastAskerCounts[block]!++
      piece.fastAskCount++
    }
    this.#recount(piece, block, before)
  }

  /** The peer will not send the block. @returns whether it was asked for it. */
  unask(piece: OpenPiece, block: number, peer: PeerWork): boolean {
    const before = piece.conditionOf(block)
    if (!piece.removeAsker(block, peer.key)) return false
    // Who was asked for a block that is here by now is but a name for the cancels.
    if (before === RECEIVED) return true
    this.#endAsk(piece, block, peer)
    this.loosenings++
    this.#recount(piece, block, before)
    return true
  }

  /** The peer sent a block that was missing. Nobody counts as asked for it any more; their names stay, for the cancels. */
  receive(piece: OpenPiece, block: number, peer: PeerWork): void {
    const before = piece.conditionOf(block)
    piece.hasReceived = true
    this.share(piece, peer).given++
    if (piece.removeAsker(block, peer.key)) this.#endAsk(piece, block, peer)
    if (piece.blocks.askerCounts[block]! > 0) {
      piece.forEachAsker(block, (peerKey) => this.#endAsk(piece, block, this.#peers.get(peerKey)!))
    }
    piece.blocks.senders[block] = peer.key
    this.#recount(piece, block, before)
  }

  /** A received block is missing again, and asked of nobody. */
  discard(piece: OpenPiece, block: number): void {
    const sender = this.#peers.get(piece.blocks.senders[block]!)
    piece.blocks.senders[block] = NOBODY
    piece.blocks.askerCounts[block] = 0
    this.loosenings++
    this.#recount(piece, block, RECEIVED)
    const share = sender && piece.shareOf(sender)
    if (share === undefined) return
    share.given--
    this.#dropIfEmpty(share)
  }

  setSlow(peer: PeerWork, isSlow: boolean): void {
    if (peer.isSlow === isSlow) return
    peer.isSlow = isSlow
    this.loosenings++
    const change = isSlow ? -1 : 1
    for (const { piece, asked } of peer.shares) {
      if (asked === 0) continue
      for (let block = 0; block < piece.blockCount; block++) {
        if (piece.senderOf(block) !== undefined || !piece.isAskedOf(block, peer.key)) continue
        const before = piece.conditionOf(block)
        piece.blocks.fastAskerCounts[block]! += change
        piece.fastAskCount += change
        this.#recount(piece, block, before)
      }
    }
  }

  /** The peer is gone: nothing is asked of it any more. What it gave stays. */
  removePeer(peer: PeerWork, onUnasked: (piece: OpenPiece) => void): void {
    for (const share of peer.shares.slice()) {
      const { piece } = share
      for (let block = 0; block < piece.blockCount && share.asked > 0; block++) {
        if (piece.senderOf(block) === undefined) this.unask(piece, block, peer)
      }
      if (share.given > 0) this.#dropShare(share)
      onUnasked(piece)
    }
    this.#peers.delete(peer.key)
  }

  /** Anybody may be asked for the piece again. */
  endParole(piece: OpenPiece): void {
    if (piece.onlyFrom === undefined) return
    piece.onlyFrom = undefined
    this.freeCount += piece.freeCount
    this.loosenings++
  }

  /** For tests and the simulator: throws what is wrong, in words. */
  checkInvariants(): void {
    let free = 0
    for (const [place, piece] of this.all.entries()) {
      if (place > 0 && this.all[place - 1]!.sequence >= piece.sequence) throw new Error(`Open pieces: piece ${piece.index} is out of age`)
      this.#checkPiece(piece)
      if (piece.onlyFrom === undefined) free += piece.freeCount
    }
    const complete = this.all.filter((piece) => piece.isComplete).length
    if (complete !== this.completeCount) throw new Error(`Open pieces: ${this.completeCount} whole pieces counted, there are ${complete}`)
    if (free !== this.freeCount) throw new Error(`Open pieces: ${this.freeCount} free blocks counted, there are ${free}`)
    if (this.#byIndex.size !== this.all.length) throw new Error('Open pieces: the map and the list differ')
    for (const peer of this.#peers.values()) {
      const asked = peer.shares.reduce((sum, share) => sum + share.asked, 0)
      if (asked !== peer.asked) throw new Error(`Open pieces: peer ${peer.key} is asked for ${asked} blocks, ${peer.asked} are counted`)
      for (const share of peer.shares) {
        if (!share.piece.shares.includes(share)) throw new Error(`Open pieces: peer ${peer.key} shares a closed piece ${share.piece.index}`)
      }
    }
  }

  #checkPiece(piece: OpenPiece): void {
    const counts = [0, 0, 0, 0]
    let fastAsks = 0
    let asks = 0
    for (let block = 0; block < piece.blockCount; block++) {
      counts[piece.conditionOf(block)]!++
      if (piece.conditionOf(block) === RECEIVED) continue
      asks += piece.blocks.askerCounts[block]!
      let fastAskers = 0
      const askers = new Set<number>()
      piece.forEachAsker(block, (peerKey) => {
        askers.add(peerKey)
        const peer = this.#peers.get(peerKey)
        if (peer === undefined)
          throw new Error(`Open pieces: block ${block} of piece ${piece.index} is asked of peer ${peerKey}, who is gone`)
        if (!peer.isSlow) fastAskers++
      })
      if (askers.size !== piece.blocks.askerCounts[block]) {
        throw new Error(`Open pieces: block ${block} of piece ${piece.index} is asked twice of one peer`)
      }
      if (fastAskers !== piece.blocks.fastAskerCounts[block]) {
        throw new Error(`Open pieces: block ${block} of piece ${piece.index} has a wrong number of fast askers`)
      }
      fastAsks += fastAskers
      if (piece.conditionOf(block) === FREE && block < piece.firstFree) {
        throw new Error(`Open pieces: block ${block} of piece ${piece.index} is free before the first free one`)
      }
    }
    const [free, heldBySlow, , received] = counts
    if (free !== piece.freeCount || heldBySlow !== piece.heldBySlowCount || received !== piece.receivedCount) {
      throw new Error(`Open pieces: the blocks of piece ${piece.index} are counted wrong`)
    }
    if (fastAsks !== piece.fastAskCount) throw new Error(`Open pieces: the fast asks of piece ${piece.index} are counted wrong`)
    const shareAsks = piece.shares.reduce((sum, share) => sum + share.asked, 0)
    if (shareAsks !== asks) throw new Error(`Open pieces: piece ${piece.index} has ${asks} asks, its shares say ${shareAsks}`)
    for (const share of piece.shares) {
      if (this.#peers.get(share.peer.key) !== share.peer) throw new Error(`Open pieces: peer ${share.peer.key} has a share and is gone`)
      if (share.asked + share.given === 0) throw new Error(`Open pieces: peer ${share.peer.key} has an empty share in piece ${piece.index}`)
    }
    if (piece.list !== this.#listFor(piece)) throw new Error(`Open pieces: piece ${piece.index} is in the wrong list`)
    if (piece.list !== undefined && piece.list[piece.place] !== piece) {
      throw new Error(`Open pieces: piece ${piece.index} does not know its place`)
    }
  }

  /** One block less is asked of the peer. Its name is off the block's list, or does not matter there. */
  #endAsk(piece: OpenPiece, block: number, peer: PeerWork): void {
    const share = piece.shareOf(peer)!
    share.asked--
    peer.asked--
    if (!peer.isSlow) {
      piece.blocks.fastAskerCounts[block]!--
      piece.fastAskCount--
    }
    this.#dropIfEmpty(share)
  }

  #dropIfEmpty(share: Share): void {
    if (share.asked === 0 && share.given === 0) this.#dropShare(share)
  }

  #dropShare(share: Share): void {
    share.piece.shares.splice(share.piece.shares.indexOf(share), 1)
    share.peer.shares.splice(share.peer.shares.indexOf(share), 1)
    if (share.peer.current === share.piece) share.peer.current = undefined
  }

  /** Brings the counts and the lists in line after a change to one block. */
  #recount(piece: OpenPiece, block: number, before: Condition): void {
    const after = piece.conditionOf(block)
    if (before !== after) {
      this.#count(piece, before, -1)
      this.#count(piece, after, 1)
      if (after === FREE && block < piece.firstFree) piece.firstFree = block
    }
    this.#relist(piece)
  }

  #count(piece: OpenPiece, condition: Condition, change: number): void {
    if (condition === FREE) {
      piece.freeCount += change
      if (piece.onlyFrom === undefined) this.freeCount += change
    } else if (condition === HELD_BY_SLOW) piece.heldBySlowCount += change
    else if (condition === RECEIVED) {
      if (piece.isComplete) this.completeCount--
      piece.receivedCount += change
      if (piece.isComplete) this.completeCount++
    }
  }

  #listFor(piece: OpenPiece): OpenPiece[] | undefined {
    if (piece.freeCount + piece.heldBySlowCount === 0) return undefined
    return piece.fastAskCount === 0 ? this.orphans : this.shared
  }

  #relist(piece: OpenPiece): void {
    const list = this.#listFor(piece)
    if (list === piece.list) return
    this.#unlist(piece)
    piece.list = list
    if (list !== undefined) piece.place = list.push(piece) - 1
  }

  #unlist(piece: OpenPiece): void {
    if (piece.list === undefined) return
    const last = piece.list.pop()!
    if (last !== piece) {
      piece.list[piece.place] = last
      last.place = piece.place
    }
    piece.list = undefined
  }

  #newArrays(): BlockArrays {
    return {
      senders: new Int32Array(this.#maxBlockCount),
      askerCounts: new Uint8Array(this.#maxBlockCount),
      fastAskerCounts: new Uint8Array(this.#maxBlockCount),
      askers: new Int32Array(this.#maxBlockCount * MAX_ASKERS),
    }
  }
}
