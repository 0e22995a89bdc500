import { merkleRoot, type Sha256, TREE_HASH_LENGTH } from '@shoal/protocol/metainfo/merkle-tree'
import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'

/** What v2 says of a file's bytes (BEP 52). */
export interface FileHashTree {
  readonly root: Uint8Array
  /** The hashes of its pieces, of a file of more than one. */
  readonly layer: Uint8Array | undefined
}

/** Grows the hash trees of files from the hashes of their blocks, which come a piece at a time and in any order. */
export class FileTrees {
  readonly #files: readonly { readonly length: number; readonly isPadding?: boolean }[]
  readonly #pieceLength: number
  readonly #sha256: Sha256
  /** The hashes of the pieces of each file; of one that is a piece at most, its root. */
  readonly #layers = new Map<number, Uint8Array>()

  constructor(files: readonly { readonly length: number; readonly isPadding?: boolean }[], pieceLength: number, sha256: Sha256) {
    this.#files = files
    this.#pieceLength = pieceLength
    this.#sha256 = sha256
  }

  /** @param leaves the hashes of the blocks of one piece, which begins at `fileOffset` of the file */
  add(fileIndex: number, fileOffset: number, leaves: Uint8Array): void {
    const { length } = this.#files[fileIndex]!
    const pieceCount = Math.ceil(length / this.#pieceLength)
    let layer = this.#layers.get(fileIndex)
    if (layer === undefined) {
      layer = new Uint8Array(pieceCount * TREE_HASH_LENGTH)
      this.#layers.set(fileIndex, layer)
    }
    layer.set(
      merkleRoot(pieceCount === 1 ? leaves : this.#filled(leaves), 0, this.#sha256),
      (fileOffset / this.#pieceLength) * TREE_HASH_LENGTH,
    )
  }

  /** When every piece has been added. */
  finished(): (FileHashTree | undefined)[] {
    return this.#files.map(({ length }, fileIndex) => {
      const layer = this.#layers.get(fileIndex)
      if (layer === undefined) return undefined
      if (length <= this.#pieceLength) return { root: layer, layer: undefined }
      return { root: merkleRoot(layer, Math.log2(this.#pieceLength / BLOCK_LENGTH), this.#sha256), layer }
    })
  }

  /** The last piece of a longer file has as many leaves as the others: those that are missing are zeros. */
  #filled(leaves: Uint8Array): Uint8Array {
    const filled = new Uint8Array((this.#pieceLength / BLOCK_LENGTH) * TREE_HASH_LENGTH)
    filled.set(leaves)
    return filled
  }
}
