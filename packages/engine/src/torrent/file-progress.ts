import type { Bitfield } from '@shoal/protocol/bitfield'

/** Where a file lies in the bytes of its torrent. */
export interface FileSpan {
  readonly offset: number
  readonly length: number
}

/**
 * How many bytes of each file are here and verified; a piece that two files share counts for each with its part of it.
 * The files lie end to end, in order, so this is one walk over pieces and files.
 */
export function filesProgress(files: readonly FileSpan[], pieceLength: number, have: Pick<Bitfield, 'has' | 'isComplete'>): number[] {
  return files.map(({ offset, length }) => {
    if (have.isComplete || length === 0) return length
    const end = offset + length
    let bytes = 0
    for (let pieceIndex = Math.floor(offset / pieceLength); pieceIndex * pieceLength < end; pieceIndex++) {
      if (!have.has(pieceIndex)) continue
      bytes += Math.min(end, (pieceIndex + 1) * pieceLength) - Math.max(offset, pieceIndex * pieceLength)
    }
    return bytes
  })
}
