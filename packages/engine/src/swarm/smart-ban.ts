import { equalBytes } from '@shoal/protocol/bytes'

export interface SmartBanOptions {
  /** Bad pieces that are remembered; the one that failed longest ago makes room. */
  readonly maxPieces?: number
  /** Failures of one piece that are remembered, the latest. */
  readonly maxFailures?: number
}

/** What one failed attempt was made of: for each block, who sent it and the digest of what was sent. */
interface Failure<Sender> {
  readonly senders: readonly Sender[]
  readonly digests: readonly Uint8Array[]
}

/**
 * Finds out who lies when a piece that came from several peers turns out bad (SAFETY W2).
 *
 * The hash of a piece does not tell which of its blocks is wrong. So the digest of each block is kept with its sender,
 * and once the piece has come right, whoever sent a block that was different is the liar: beyond doubt, because the
 * right bytes are known by then. It knows nothing of torrents; a sender is whatever the caller compares with `===`.
 */
export class SmartBan<Sender> {
  readonly #maxPieces: number
  readonly #maxFailures: number
  /** In the order of their last failure. */
  readonly #failures = new Map<number, Failure<Sender>[]>()

  constructor(options: SmartBanOptions = {}) {
    this.#maxPieces = options.maxPieces ?? 16
    this.#maxFailures = options.maxFailures ?? 4
  }

  /** Is it worth computing the digests of this piece when it comes right? */
  remembers(pieceIndex: number): boolean {
    return this.#failures.has(pieceIndex)
  }

  /**
   * A piece has failed. `senders` and `digests` have one entry per block, in order; both are kept.
   * When all blocks came from one sender there is no need to call this: that one is the liar.
   */
  onBad(pieceIndex: number, senders: readonly Sender[], digests: readonly Uint8Array[]): void {
    const failures = this.#failures.get(pieceIndex) ?? []
    failures.push({ senders, digests })
    if (failures.length > this.#maxFailures) failures.shift()
    this.#failures.delete(pieceIndex)
    this.#failures.set(pieceIndex, failures)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= this.#maxPieces) break
      this.#failures.delete(oldest)
    }
  }

  /** The piece has come right, with these digests. @returns everybody who sent another block than the right one, once each */
  onVerified(pieceIndex: number, digests: readonly Uint8Array[]): Sender[] {
    const liars = new Set<Sender>()
    for (const failure of this.#failures.get(pieceIndex) ?? []) {
      for (const [block, sender] of failure.senders.entries()) {
        const sent = failure.digests[block]
        const right = digests[block]
        if (sent !== undefined && right !== undefined && !equalBytes(sent, right)) liars.add(sender)
      }
    }
    this.#failures.delete(pieceIndex)
    return [...liars]
  }
}
