/** Where a file lies in its torrent: bytes, from the start of the torrent. */
export interface FileExtent {
  readonly offset: number
  readonly length: number
}

/** A run of bytes inside one file. */
export interface FileSpan {
  readonly fileIndex: number
  /** Bytes from the start of the file. */
  readonly fileOffset: number
  readonly length: number
}

/**
 * Which bytes of which files a run of the torrent's bytes covers.
 *
 * The files lie end to end, in order, without gaps (pad files are files too):
 *
 * ```
 * torrent  |<----------- piece 0 ----------->|<----------- piece 1 ----------->|
 * files    |    a    |  b  |          c           |   d   |        e           |      an empty file lies between two
 * ```
 *
 * An empty file covers no byte: it is in no span and no piece.
 */
export class FileLayout {
  readonly totalSize: number
  readonly fileCount: number
  /** Offset of each file, rising; what the binary search looks at. */
  readonly #offsets: Float64Array
  readonly #lengths: Float64Array

  constructor(files: readonly FileExtent[]) {
    this.fileCount = files.length
    this.#offsets = new Float64Array(files.length)
    this.#lengths = new Float64Array(files.length)
    let end = 0
    for (const [fileIndex, { offset, length }] of files.entries()) {
      if (offset !== end) throw new Error(`Cannot happen: file ${fileIndex} starts at ${offset}, but the one before ends at ${end}`)
      this.#offsets[fileIndex] = offset
      this.#lengths[fileIndex] = length
      end += length
    }
    this.totalSize = end
  }

  /**
   * The runs that `length` bytes at `offset` are made of, in order.
   * Bytes outside the torrent are our own mistake: indices of strangers are checked against the geometry first.
   */
  spans(offset: number, length: number): FileSpan[] {
    if (offset < 0 || length < 0 || offset + length > this.totalSize) {
      throw new RangeError(`Cannot happen: no ${length} bytes at ${offset} in a torrent of ${this.totalSize}`)
    }
    const spans: FileSpan[] = []
    if (length === 0) return spans
    const end = offset + length
    let at = offset
    for (let fileIndex = this.fileAt(offset); at < end; fileIndex++) {
      const fileOffset = at - this.#offsets[fileIndex]!
      const spanLength = Math.min(this.#lengths[fileIndex]! - fileOffset, end - at)
      if (spanLength === 0) continue
      spans.push({ fileIndex, fileOffset, length: spanLength })
      at += spanLength
    }
    return spans
  }

  /** The file that holds the byte at `offset` of the torrent: the last that starts there or before, so never an empty one. */
  fileAt(offset: number): number {
    let low = 0
    let high = this.fileCount - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#offsets[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The pieces that hold a byte of this file, `end` excluded; `begin` equals `end` for an empty file. */
  piecesOfFile(fileIndex: number, pieceLength: number): { readonly begin: number; readonly end: number } {
    const offset = this.#offsets[fileIndex]
    const length = this.#lengths[fileIndex]
    if (offset === undefined || length === undefined) throw new RangeError(`Cannot happen: no file ${fileIndex} among ${this.fileCount}`)
    const begin = Math.floor(offset / pieceLength)
    return { begin, end: length === 0 ? begin : Math.floor((offset + length - 1) / pieceLength) + 1 }
  }
}
