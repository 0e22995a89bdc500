import type { Bitfield } from '@shoal/protocol/bitfield'
import { MAX_ASKERS, type OpenPiece, type PeerWork, RECEIVED } from './open-piece.ts'
import type { OpenPieces } from './open-pieces.ts'

/** The peer that is to be asked for a block that others were asked for. */
export interface EndgamePeer {
  readonly pieces: Bitfield
  readonly pieceAllowance: number
  readonly allowedFast: ReadonlySet<number> | undefined
}

/**
 * The last blocks: all are asked for, so those still travelling are asked of a second and third peer, and whoever is
 * faster wins. What was asked last goes first: it is furthest from being sent, so the cancel of the loser comes in time
 * and the two meet in the middle. (What a silent peer holds is asked elsewhere before any endgame.)
 *
 * What was passed over cannot be asked of the same peer until something loosens (a block lost, a peer slow) or it has
 * more pieces, so each search goes on where the last one stopped: a whole endgame costs each peer one walk.
 */
export class Endgame {
  readonly #open: OpenPieces
  readonly #maxAskers: number
  readonly #depth: number

  /** @param options.maxAskers peers that keep up and are asked for the same block; @param options.depth as `PiecePickerOptions.endgameDepth` */
  constructor(open: OpenPieces, options: { readonly maxAskers: number; readonly depth: number }) {
    this.#open = open
    this.#maxAskers = Math.min(options.maxAskers, MAX_ASKERS)
    this.#depth = options.depth
  }

  /**
   * Asks the peer for up to `count` blocks.
   * @param easings `Availability.easings`: a peer that lost one piece and got another has as many as before
   * @returns how many there were
   */
  askAgain(peer: EndgamePeer, work: PeerWork, count: number, easings: number, onAsk: (piece: OpenPiece, block: number) => void): number {
    const wanted = Math.min(count, this.#depth - work.asked)
    if (wanted <= 0) return 0
    const memory = work.endgame
    const { all } = this.#open
    // Both numbers only grow, so the sum tells that either did.
    const changes = this.#open.loosenings + easings
    if (memory.changes !== changes || memory.haveCount !== peer.pieces.count) {
      memory.changes = changes
      memory.haveCount = peer.pieces.count
      memory.sequence = Number.MAX_SAFE_INTEGER
      memory.block = Number.MAX_SAFE_INTEGER
    }
    let left = wanted
    // A piece that is passed over for a reason that may go away unnoticed holds the memory back.
    let remembers = true
    for (let at = this.#open.firstSince(memory.sequence + 1) - 1; at >= 0 && left > 0; at--) {
      const piece = all[at]!
      if (piece.isComplete || !peer.pieces.has(piece.index)) continue
      const isOpenToPeer = this.#isOpenTo(peer, work, piece)
      let block = piece.sequence === memory.sequence ? Math.min(memory.block, piece.blockCount - 1) : piece.blockCount - 1
      if (isOpenToPeer) {
        for (; block >= 0 && left > 0; block--) {
          if (!this.#mayAskAgain(piece, block, work)) continue
          this.#open.ask(this.#open.share(piece, work), block)
          onAsk(piece, block)
          left--
        }
      }
      if (remembers) {
        memory.sequence = piece.sequence
        memory.block = block
        remembers = isOpenToPeer
      }
    }
    return wanted - left
  }

  #isOpenTo(peer: EndgamePeer, work: PeerWork, piece: OpenPiece): boolean {
    if (piece.onlyFrom !== undefined) return false
    if (peer.allowedFast !== undefined && !peer.allowedFast.has(piece.index)) return false
    return work.shares.length < peer.pieceAllowance || piece.shareOf(work) !== undefined
  }

  #mayAskAgain(piece: OpenPiece, block: number, work: PeerWork): boolean {
    return (
      piece.conditionOf(block) !== RECEIVED &&
      piece.blocks.fastAskerCounts[block]! < this.#maxAskers &&
      piece.blocks.askerCounts[block]! < MAX_ASKERS &&
      !piece.isAskedOf(block, work.key)
    )
  }
}
