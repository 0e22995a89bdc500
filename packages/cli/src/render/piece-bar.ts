import type { PieceSet } from '../foreground/transfer-event.ts'

/** Nothing, something, at least half, all of a cell's span is here. */
const CELLS = ['░', '▒', '▓', '█'] as const

/**
 * The torrent from its first to its last byte in `cells` characters; each shows how much of its span is here.
 *
 * With more cells than pieces a piece takes several; with fewer, a cell counts the pieces that begin in its span.
 */
export function pieceBar(pieces: PieceSet, cells: number): string {
  const count = pieces.size
  if (cells <= 0) return ''
  if (count === 0) return CELLS[3].repeat(cells)
  let bar = ''
  for (let cell = 0; cell < cells; cell++) {
    const begin = Math.floor((cell * count) / cells)
    const end = Math.max(begin + 1, Math.floor(((cell + 1) * count) / cells))
    let here = 0
    for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) if (pieces.has(pieceIndex)) here++
    bar += here === 0 ? CELLS[0] : here === end - begin ? CELLS[3] : here * 2 >= end - begin ? CELLS[2] : CELLS[1]
  }
  return bar
}
