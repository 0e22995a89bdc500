import { asEngineError, type EngineError } from '../base/errors.ts'
import type { StampRecord } from './file-state.ts'
import type { PieceAssembly } from './piece-assembly.ts'
import type { TorrentStorage } from './torrent-storage.ts'

/** What a committer tells; never from inside a call of `commit`. */
export interface CommitterOwner {
  /** Right, in its files, and in the journal: it may be announced. Its bytes are still in the assembly, until this returns. */
  onPieceVerified(pieceIndex: number): void
  /** The hash is wrong. The bytes are still in the assembly, for finding who sent what: `release` it afterwards. */
  onPieceBad(pieceIndex: number): void
  /** It could not be written. The piece is kept and `retry` tries again; or `discard` it. */
  onPieceFailed(pieceIndex: number, error: EngineError): void
}

/** Where verified pieces are noted; the resume journal is one. */
export interface PieceJournal {
  /** Before the files are touched, so that the change of their stamps is known to be ours. */
  onPieceWriting(pieceIndex: number): Promise<void>
  /** After that a crash of this process forgets nothing. */
  onPieceVerified(pieceIndex: number, stamps: readonly StampRecord[]): Promise<void>
}

/** With so much on its way to the disk, more would only take memory: the slots are for pieces that slow peers send. */
const BEHIND_BYTES = 16 * 1024 * 1024
/** Of large pieces: enough for every thread to have one in hand and one to come. */
const BEHIND_PIECES = 4

/**
 * Takes whole pieces from the assembly to the disk, in one order that is never changed (R1, R3):
 *
 *     complete in memory ─► hash ─► write ─► journal ─► told to the owner ─► memory released
 *                             └─► bad          └─► failed: kept in memory, tried again when asked
 *
 * The number of pieces under way is bounded by the assembly: a disk that is slow or full leaves no room there, so
 * no new pieces are begun and the peers are asked for less.
 */
export class PieceCommitter {
  readonly #assembly: PieceAssembly
  readonly #storage: TorrentStorage
  readonly #journal: PieceJournal | undefined
  readonly #owner: CommitterOwner
  readonly #behindCount: number
  readonly #running = new Map<number, Promise<void>>()
  readonly #failed = new Set<number>()

  constructor(options: { assembly: PieceAssembly; storage: TorrentStorage; journal?: PieceJournal | undefined; owner: CommitterOwner }) {
    this.#assembly = options.assembly
    this.#storage = options.storage
    this.#journal = options.journal
    this.#owner = options.owner
    this.#behindCount = Math.max(BEHIND_PIECES, Math.floor(BEHIND_BYTES / options.storage.geometry.pieceLength))
  }

  /** Pieces on their way to the disk. */
  get pendingCount(): number {
    return this.#running.size
  }

  /** Whether hashing and writing are so far behind that no more should be asked for until a piece is done. */
  get isBehind(): boolean {
    return this.#running.size >= this.#behindCount
  }

  /** Pieces that wait for `retry`. */
  get failedCount(): number {
    return this.#failed.size
  }

  isPending(pieceIndex: number): boolean {
    return this.#running.has(pieceIndex) || this.#failed.has(pieceIndex)
  }

  /** Starts with a piece of which the assembly has every block. */
  commit(pieceIndex: number): void {
    if (this.#running.has(pieceIndex)) return
    this.#failed.delete(pieceIndex)
    // Never rejects: what goes wrong is told to the owner.
    const running = this.#commit(pieceIndex)
    this.#running.set(pieceIndex, running)
  }

  /** Tries again with every piece that could not be written. */
  retry(): void {
    for (const pieceIndex of this.#failed) this.commit(pieceIndex)
  }

  /** Gives up on a piece that could not be written. */
  discard(pieceIndex: number): void {
    if (this.#failed.delete(pieceIndex)) this.#assembly.release(pieceIndex)
  }

  /** Resolves when no piece is under way. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  async #commit(pieceIndex: number): Promise<void> {
    let error: EngineError | undefined
    let isGood = false
    try {
      await this.#journal?.onPieceWriting(pieceIndex)
      isGood = await this.#write(pieceIndex)
      if (isGood) await this.#journal?.onPieceVerified(pieceIndex, this.#storage.stampsOfPiece(pieceIndex))
    } catch (thrown) {
      error = asEngineError(thrown, 'DISK_FAILED', `Cannot store piece ${pieceIndex}`)
    }
    this.#running.delete(pieceIndex)
    if (error !== undefined) {
      this.#failed.add(pieceIndex)
      this.#owner.onPieceFailed(pieceIndex, error)
    } else if (isGood) {
      this.#owner.onPieceVerified(pieceIndex)
      this.#assembly.release(pieceIndex)
    } else {
      this.#owner.onPieceBad(pieceIndex)
    }
  }

  async #write(pieceIndex: number): Promise<boolean> {
    const bytes = this.#assembly.bytesOf(pieceIndex)
    if (bytes !== undefined) return this.#storage.writePiece(pieceIndex, bytes, this.#assembly.digestOf(pieceIndex))
    return this.#storage.copyPiece(pieceIndex, await this.#assembly.spilled(pieceIndex))
  }
}
