import type { EngineError } from '../base/errors.ts'

interface Waiter {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: EngineError) => void
}

/** Who waits for which piece: streams that read ahead of the download. */
export class PieceWaiters {
  readonly #waiters = new Map<number, Waiter>()

  /** Resolves when the piece is verified; rejects when the torrent stops before. */
  wait(pieceIndex: number): Promise<void> {
    let waiter = this.#waiters.get(pieceIndex)
    if (waiter === undefined) {
      waiter = Promise.withResolvers<void>()
      this.#waiters.set(pieceIndex, waiter)
    }
    return waiter.promise
  }

  onVerified(pieceIndex: number): void {
    this.#waiters.get(pieceIndex)?.resolve()
    this.#waiters.delete(pieceIndex)
  }

  close(error: EngineError): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error)
    this.#waiters.clear()
  }
}
