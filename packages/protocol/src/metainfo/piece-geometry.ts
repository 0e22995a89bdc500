/** The unit of transfer: what everybody asks for and nobody refuses (BEP 3, "request"). */
export const BLOCK_LENGTH = 16384

/**
 * All arithmetic of pieces and blocks of one torrent.
 *
 * ```
 * torrent  |<--- pieceLength --->|<--- pieceLength --->|<- the rest ->|
 * piece    |          0          |          1          |       2      |
 * block    |  0  |  1  |  2  | 3 |  0  |  1  |  2  | 3 |  0  |  1  |2 |     the last of a piece may be short
 * ```
 *
 * Sizes reach beyond 2^32, so there are no bit operations on offsets here. An index asked about must be a piece
 * (`isValidPiece`); what strangers send is checked with `isValidPiece` and `isValidBlock` first.
 */
export class PieceGeometry {
  readonly totalSize: number
  readonly pieceLength: number
  readonly pieceCount: number
  /** Bytes of the last piece, 1 to `pieceLength`; 0 when there is no piece. */
  readonly lastPieceSize: number

  constructor({ totalSize, pieceLength }: { readonly totalSize: number; readonly pieceLength: number }) {
    this.totalSize = totalSize
    this.pieceLength = pieceLength
    this.pieceCount = Math.ceil(totalSize / pieceLength)
    this.lastPieceSize = this.pieceCount === 0 ? 0 : totalSize - (this.pieceCount - 1) * pieceLength
  }

  isValidPiece(pieceIndex: number): boolean {
    return Number.isInteger(pieceIndex) && pieceIndex >= 0 && pieceIndex < this.pieceCount
  }

  /** Bytes in this piece. */
  pieceSize(pieceIndex: number): number {
    return pieceIndex === this.pieceCount - 1 ? this.lastPieceSize : this.pieceLength
  }

  /** Bytes from the start of the torrent. */
  pieceOffset(pieceIndex: number): number {
    return pieceIndex * this.pieceLength
  }

  /** The piece that holds the byte at `offset` of the torrent. */
  pieceAt(offset: number): number {
    return Math.floor(offset / this.pieceLength)
  }

  blockCount(pieceIndex: number): number {
    return Math.ceil(this.pieceSize(pieceIndex) / BLOCK_LENGTH)
  }

  /** Bytes in this block: `BLOCK_LENGTH`, or what is left at the end of the piece. */
  blockLength(pieceIndex: number, blockIndex: number): number {
    return Math.min(BLOCK_LENGTH, this.pieceSize(pieceIndex) - blockIndex * BLOCK_LENGTH)
  }

  /**
   * May one peer ask another for these bytes? Inside one piece, not empty, any alignment, at most `BLOCK_LENGTH`.
   * Whether a block is one *we* would ask for is a question for `isOwnBlock`.
   */
  isValidBlock(pieceIndex: number, begin: number, length: number): boolean {
    return (
      this.isValidPiece(pieceIndex) &&
      Number.isInteger(begin) &&
      Number.isInteger(length) &&
      begin >= 0 &&
      length > 0 &&
      length <= BLOCK_LENGTH &&
      begin + length <= this.pieceSize(pieceIndex)
    )
  }

  /** Is this exactly one block of the grid above: aligned and of its full length? */
  isOwnBlock(pieceIndex: number, begin: number, length: number): boolean {
    return (
      this.isValidBlock(pieceIndex, begin, length) &&
      begin % BLOCK_LENGTH === 0 &&
      length === this.blockLength(pieceIndex, begin / BLOCK_LENGTH)
    )
  }
}
