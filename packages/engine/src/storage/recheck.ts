import { Bitfield } from '@shoal/protocol/bitfield'
import type { Hasher } from '../ports/hasher.ts'
import type { AbortSignalLike } from '../ports/network.ts'
import { inHashLanes } from './hash-lanes.ts'

export interface RecheckOptions {
  /** `TorrentStorage`, of which only this is needed. */
  readonly storage: { verifyPiece(pieceIndex: number): Promise<boolean>; isPieceThere(pieceIndex: number): boolean }
  readonly hasher: Pick<Hasher, 'threads' | 'wake'>
  readonly pieceLength: number
  readonly toCheck: Bitfield
  /** After every piece; the counts are of pieces. */
  readonly onProgress?: (checkedCount: number, totalCount: number) => void
  /** Before the promise resolves: lets the caller write down what was found as it is found. */
  readonly onPiece?: (pieceIndex: number, isGood: boolean) => void
  readonly signal?: AbortSignalLike
}

export interface RecheckResult {
  readonly verified: Bitfield
  /** All were looked at: it was not aborted. */
  readonly isComplete: boolean
}

/**
 * Hashes the given pieces as they are on disk. Pieces of files that are not there are settled without reading.
 * @throws {EngineError} `NOT_READABLE`, `DISK_FAILED`: a file is there and cannot be read
 */
export async function recheck(options: RecheckOptions): Promise<RecheckResult> {
  const { storage, toCheck, signal, hasher, pieceLength } = options
  const pieceCount = toCheck.count
  const verified = Bitfield.empty(toCheck.size)
  let checkedCount = 0
  await inHashLanes({ hasher, pieceLength, pieceCount }, piecesOf(toCheck, signal), async (pieceIndex) => {
    const isGood = storage.isPieceThere(pieceIndex) && (await storage.verifyPiece(pieceIndex))
    if (isGood) verified.set(pieceIndex)
    checkedCount++
    options.onPiece?.(pieceIndex, isGood)
    options.onProgress?.(checkedCount, pieceCount)
  })
  return { verified, isComplete: checkedCount === pieceCount }
}

function* piecesOf(toCheck: Bitfield, signal: AbortSignalLike | undefined): Generator<number, void, undefined> {
  for (let pieceIndex = 0; pieceIndex < toCheck.size && signal?.aborted !== true; pieceIndex++) {
    if (toCheck.has(pieceIndex)) yield pieceIndex
  }
}
