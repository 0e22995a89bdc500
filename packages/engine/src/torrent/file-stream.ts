import type { FileEntry } from '@shoal/protocol/metainfo/file-list'
import type { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError } from '../base/errors.ts'
import type { Playhead, ReadingSpan } from './playheads.ts'

const CHUNK_BYTES = 64 * 1024

/** What a stream needs of a torrent. */
export interface StreamSource {
  readonly geometry: PieceGeometry
  /** Resolves when the piece is verified and on disk; rejects when the torrent stops before. */
  whenHave(pieceIndex: number): Promise<void>
  /** What is there is wanted before all else. */
  openPlayhead(span: ReadingSpan): Playhead
  /** Fills the view from verified data. @returns whether all of it was there. */
  read(pieceIndex: number, begin: number, view: Uint8Array): Promise<boolean>
}

/** Bytes `start` to `end` of the file (end excluded). */
export interface StreamRange {
  readonly start?: number
  readonly end?: number
}

/**
 * The bytes of one file in order, each as soon as its piece is verified: what is under the playhead is fetched first.
 * Each chunk is the reader's to keep. Memory: one chunk.
 * @throws {EngineError} `OPTION_INVALID` for a range outside the file; `CLOSED` when the torrent stops
 */
export async function* streamFile(
  source: StreamSource,
  file: FileEntry,
  range: StreamRange = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const start = range.start ?? 0
  const end = range.end ?? file.length
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end > file.length || start > end) {
    throw new EngineError('OPTION_INVALID', `Cannot read bytes ${start} to ${end} of '${file.path.join('/')}': it has ${file.length}`)
  }
  if (start === end) return
  const { geometry } = source
  const playhead = source.openPlayhead({
    begin: geometry.pieceAt(file.offset + start),
    end: geometry.pieceAt(file.offset + end - 1) + 1,
    fileEnds: [geometry.pieceAt(file.offset), geometry.pieceAt(file.offset + file.length - 1)],
  })
  try {
    for (let at = file.offset + start; at < file.offset + end; ) {
      const pieceIndex = geometry.pieceAt(at)
      playhead.moveTo(pieceIndex)
      await source.whenHave(pieceIndex)
      const begin = at - geometry.pieceOffset(pieceIndex)
      const length = Math.min(CHUNK_BYTES, geometry.pieceSize(pieceIndex) - begin, file.offset + end - at)
      const chunk = new Uint8Array(length)
      // Lost in the moment between (somebody removed the file): it is missing again, so wait for it again.
      if (!(await source.read(pieceIndex, begin, chunk))) continue
      yield chunk
      at += length
    }
  } finally {
    playhead.close()
  }
}
