/**
 * A piece in work: which of its blocks are asked of whom, and who sent which. A block is in one of four conditions:
 *
 * ```
 *            ask (fast peer)               receive
 *   free ───────────────────────► busy ─────────────► received
 *    ▲ │ ask (slow peer)          │  ▲                   ▲
 *    │ └──────────► held by slow ◄┘  └ ask (fast peer)   │
 *    └──── unask ────────┴─────────── receive ───────────┘
 * ```
 *
 * *Busy*: a peer that keeps up was asked. *Held by slow*: only slow peers were, so anybody else may be asked as well.
 * Nothing is allocated per block; a piece takes its arrays from a pool.
 */

/** Peers that one block may be asked of at the same time, slow ones included. */
export const MAX_ASKERS = 8
export const NOBODY = -1

export const FREE = 0
export const HELD_BY_SLOW = 1
export const BUSY = 2
export const RECEIVED = 3
export type Condition = typeof FREE | typeof HELD_BY_SLOW | typeof BUSY | typeof RECEIVED

/** What one peer has in work. */
export class PeerWork {
  readonly key: number
  isSlow = false
  /** Missing blocks that it was asked for. */
  asked = 0
  /** One for each piece in work that it was asked for or gave blocks of. */
  readonly shares: Share[] = []
  /** The piece it got its last block of: where to look first. */
  current: OpenPiece | undefined

  /** Where the last search for a piece to begin ended (`FreshPieces`). */
  readonly fresh: { easings: number; haveCount: number; level: number; fromCount: number } = {
    easings: -1,
    haveCount: -1,
    level: 0,
    fromCount: 0,
  }
  /** Where the last search for a block to ask again ended (`Endgame`). */
  readonly endgame: { changes: number; haveCount: number; sequence: number; block: number } = {
    changes: -1,
    haveCount: -1,
    sequence: 0,
    block: 0,
  }

  constructor(key: number) {
    this.key = key
  }
}

/** The part of one peer in one piece. */
export class Share {
  readonly peer: PeerWork
  readonly piece: OpenPiece
  /** Missing blocks that the peer was asked for. */
  asked = 0
  /** Blocks it gave. */
  given = 0

  constructor(peer: PeerWork, piece: OpenPiece) {
    this.peer = peer
    this.piece = piece
  }
}

export interface BlockArrays {
  /** Key of the peer that gave the block, or NOBODY. */
  readonly senders: Int32Array
  /** How many peers the block is asked of, and (while it is missing) how many of them keep up. */
  readonly askerCounts: Uint8Array
  readonly fastAskerCounts: Uint8Array
  /** Their keys, MAX_ASKERS places a block, in the order of asking. */
  readonly askers: Int32Array
}

/** One piece in work: some of its blocks are asked for or here, or it is whole and being verified. */
export class OpenPiece {
  readonly index: number
  readonly blockCount: number
  /** Grows with each piece opened: the lower, the older. */
  readonly sequence: number
  /** On parole: only this peer may be asked. */
  onlyFrom: number | undefined
  readonly shares: Share[] = []
  freeCount: number
  heldBySlowCount = 0
  receivedCount = 0
  /** Missing blocks times the peers that keep up and are asked for them: 0 means nobody fast works here. */
  fastAskCount = 0
  /** No block before this one is free. */
  firstFree = 0
  /** A block of it came once: memory is held for it, even when nothing of it is here any more. */
  hasReceived = false
  /** Which list of `OpenPieces` it is in, and where. */
  list: OpenPiece[] | undefined
  place = 0
  readonly blocks: BlockArrays

  constructor(index: number, blockCount: number, sequence: number, onlyFrom: number | undefined, blocks: BlockArrays) {
    this.index = index
    this.blockCount = blockCount
    this.sequence = sequence
    this.onlyFrom = onlyFrom
    this.freeCount = blockCount
    this.blocks = blocks
    blocks.senders.fill(NOBODY, 0, blockCount)
    blocks.askerCounts.fill(0, 0, blockCount)
    blocks.fastAskerCounts.fill(0, 0, blockCount)
  }

  get isComplete(): boolean {
    return this.receivedCount === this.blockCount
  }

  conditionOf(block: number): Condition {
    if (this.blocks.senders[block] !== NOBODY) return RECEIVED
    const askers = this.blocks.askerCounts[block]!
    if (askers === 0) return FREE
    return this.blocks.fastAskerCounts[block] === 0 && askers < MAX_ASKERS ? HELD_BY_SLOW : BUSY
  }

  /** The key of the peer that gave the block; undefined while it is missing. */
  senderOf(block: number): number | undefined {
    const sender = this.blocks.senders[block]!
    return sender === NOBODY ? undefined : sender
  }

  isAskedOf(block: number, peerKey: number): boolean {
    return this.#askerPlace(block, peerKey) !== -1
  }

  forEachAsker(block: number, callback: (peerKey: number) => void): void {
    const first = block * MAX_ASKERS
    for (let place = first + this.blocks.askerCounts[block]! - 1; place >= first; place--) callback(this.blocks.askers[place]!)
  }

  shareOf(peer: PeerWork): Share | undefined {
    for (const share of this.shares) if (share.peer === peer) return share
    return undefined
  }

  addAsker(block: number, peerKey: number): void {
    this.blocks.askers[block * MAX_ASKERS + this.blocks.askerCounts[block]!] = peerKey
    this.blocks.askerCounts[block]!++
  }

  /** @returns whether the block was asked of that peer. */
  removeAsker(block: number, peerKey: number): boolean {
    const place = this.#askerPlace(block, peerKey)
    if (place === -1) return false
    const count = --this.blocks.askerCounts[block]!
    this.blocks.askers.copyWithin(place, place + 1, block * MAX_ASKERS + count + 1)
    return true
  }

  #askerPlace(block: number, peerKey: number): number {
    const first = block * MAX_ASKERS
    const end = first + this.blocks.askerCounts[block]!
    for (let place = first; place < end; place++) if (this.blocks.askers[place] === peerKey) return place
    return -1
  }
}
