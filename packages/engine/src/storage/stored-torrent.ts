/**
 * What storage needs to know of a torrent, in its own words: an `Info` of the protocol package fits.
 * The files lie end to end, so a byte of the torrent is in exactly one of them.
 */
export interface StoredTorrent {
  readonly pieceLength: number
  readonly pieceCount: number
  readonly totalSize: number
  /** SHA-1 of every piece, 20 bytes each. */
  readonly pieceHashes: Uint8Array
  readonly files: readonly StoredFile[]
}

export interface StoredFile {
  /** Clean components below the download folder. */
  readonly path: readonly string[]
  readonly length: number
  /** Bytes from the start of the torrent. */
  readonly offset: number
  /** Never on disk, reads as zeros (BEP 47). */
  readonly isPadding: boolean
  readonly isExecutable: boolean
  /** A symbolic link (BEP 47): never made. */
  readonly symlinkTarget?: readonly string[]
}

const SHA1_BYTES = 20

/** The hash that a piece must have; a view, so comparing allocates no copy. */
export function hashOfPiece(torrent: StoredTorrent, pieceIndex: number): Uint8Array {
  return torrent.pieceHashes.subarray(pieceIndex * SHA1_BYTES, (pieceIndex + 1) * SHA1_BYTES)
}

/** How a file is called in messages to people. */
export function nameOfFile(file: { readonly path: readonly string[] }): string {
  return file.path.join('/')
}
