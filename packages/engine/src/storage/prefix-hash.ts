import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import type { Hasher, RunningHash } from '../ports/hasher.ts'

/** Hashed in steps of so many blocks: large enough to make the calls cheap, small enough to find the bytes still in the cache. */
const STEP_BLOCKS = 8

/**
 * The hash of a piece, fed while its blocks come in, as far as they lie there without a gap:
 *
 *     | hashed ......... | here, less than a step | missing | here |
 *                        ^hashedBlocks            ^wholeBlocks
 *
 * Usually one peer sends a piece from its beginning on, and the last block brings the digest. What came out of order is
 * hashed when the gap before it has closed.
 */
export class PrefixHash {
  readonly #hasher: Pick<Hasher, 'startPiece'>
  readonly #bytes: Uint8Array
  /** Of each block: is it here? The assembly's. */
  readonly #blocks: Uint8Array
  #hash: RunningHash
  #wholeBlocks = 0
  #hashedBlocks = 0
  #digest: Uint8Array | undefined

  constructor(options: {
    readonly hasher: Pick<Hasher, 'startPiece'>
    /** The memory of the piece, all of it. */
    readonly bytes: Uint8Array
    readonly blocks: Uint8Array
  }) {
    this.#hasher = options.hasher
    this.#bytes = options.bytes
    this.#blocks = options.blocks
    this.#hash = options.hasher.startPiece()
  }

  /** SHA-1 of the piece; undefined until all its blocks are here. */
  get digest(): Uint8Array | undefined {
    return this.#digest
  }

  /** A block has come; its bytes and its mark are in place. */
  onBlock(blockCount: number): void {
    const blocks = this.#blocks
    let whole = this.#wholeBlocks
    while (whole < blockCount && blocks[whole] === 1) whole++
    this.#wholeBlocks = whole
    const isComplete = whole === blockCount
    if (!isComplete && whole - this.#hashedBlocks < STEP_BLOCKS) return
    this.#hash.add(this.#bytes.subarray(this.#hashedBlocks * BLOCK_LENGTH, isComplete ? this.#bytes.length : whole * BLOCK_LENGTH))
    this.#hashedBlocks = whole
    if (isComplete) this.#digest = this.#hash.digest()
  }

  /** A block has been forgotten: if it is hashed already, all begins again. */
  onDropped(blockIndex: number): void {
    this.#wholeBlocks = Math.min(this.#wholeBlocks, blockIndex)
    if (blockIndex >= this.#hashedBlocks) return
    this.#hash = this.#hasher.startPiece()
    this.#hashedBlocks = 0
    this.#digest = undefined
  }
}
