import type { Bitfield } from '@shoal/protocol/bitfield'
import { asEngineError, type EngineError } from '../base/errors.ts'
import type { SwarmContent } from './swarm-content.ts'

/** Pieces that are hashed before their turn has come. */
const MAX_PROOFS_AHEAD = 8

export interface ProverOwner {
  /** Its bytes on disk are right. */
  onPieceProven(pieceIndex: number): void
  /** It is not there (any more), or its bytes are wrong. */
  onPieceLost(pieceIndex: number, error: EngineError | undefined): void
}

/**
 * Pieces that are only believed to be right on disk (the check was skipped, or somebody touched their file): hashed
 * before a byte of them is sent (R1), at the latest when a peer asks.
 */
export class Prover {
  readonly #owner: ProverOwner
  readonly #running = new Map<number, Promise<void>>()
  #content: SwarmContent | undefined
  #isProvingAll = false
  #isClosed = false

  constructor(owner: ProverOwner) {
    this.#owner = owner
  }

  setContent(content: SwarmContent): void {
    this.#content = content
  }

  /** May its bytes be sent? */
  isProven(pieceIndex: number): boolean {
    return !this.#content!.unproven.has(pieceIndex) && !this.#running.has(pieceIndex)
  }

  /** A block of it was asked for: what must be proven first is begun now, not when its turn has come. */
  onAsked(pieceIndex: number): void {
    if (this.#content!.unproven.has(pieceIndex) && this.#running.size < MAX_PROOFS_AHEAD) void this.prove(pieceIndex) // never rejects
  }

  /** Hashes it, or waits for the proof under way; the owner is told. Never rejects. */
  prove(pieceIndex: number): Promise<void> {
    let proof = this.#running.get(pieceIndex)
    if (proof === undefined) {
      proof = this.#prove(this.#content!, pieceIndex)
      this.#running.set(pieceIndex, proof)
    }
    return proof
  }

  /** Proves these one after another, so that what was damaged is found, and fetched, before somebody asks for it. */
  async proveAll(pieces: Bitfield): Promise<void> {
    if (this.#isProvingAll) return
    this.#isProvingAll = true
    for (let pieceIndex = 0; pieceIndex < pieces.size && !this.#isClosed; pieceIndex++) {
      if (!pieces.clear(pieceIndex)) continue
      if (this.#content!.unproven.has(pieceIndex)) await this.prove(pieceIndex)
    }
    this.#isProvingAll = false
  }

  /** What is still being hashed is not told any more. */
  close(): void {
    this.#isClosed = true
  }

  async #prove(content: SwarmContent, pieceIndex: number): Promise<void> {
    // A change that comes while we read sets it again: then this proof proves nothing.
    content.unproven.clear(pieceIndex)
    let isGood = false
    let error: EngineError | undefined
    try {
      isGood = await content.storage.verifyPiece(pieceIndex)
    } catch (thrown) {
      error = asEngineError(thrown, 'NOT_READABLE', `Cannot read piece ${pieceIndex}`)
    }
    this.#running.delete(pieceIndex)
    if (this.#isClosed || !content.have.has(pieceIndex)) return
    if (!isGood) this.#owner.onPieceLost(pieceIndex, error)
    else if (!content.unproven.has(pieceIndex)) this.#owner.onPieceProven(pieceIndex)
  }
}
