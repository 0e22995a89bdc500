import type { Hasher } from '../ports/hasher.ts'
import { inLanes } from './lanes.ts'

/** Bytes in hand of one thread: while it hashes some, the next are on their way to it. */
const BYTES_A_THREAD = 2 * 1024 * 1024
const LEAST_PIECES = 2
/** A piece may lie in many files, which are open meanwhile. */
const MOST_PIECES = 8
/**
 * With less to do than this, another thread is not worth its start: that takes 45 ms of a core, in which 80 MiB are hashed,
 * and of what is left each of two does half.
 */
const BYTES_WORTH_A_THREAD = 160 * 1024 * 1024

export interface HashWork {
  readonly hasher: Pick<Hasher, 'threads' | 'wake'>
  readonly pieceLength: number
  /** How many pieces there are at most. */
  readonly pieceCount: number
}

/** Works through pieces that only have to be read and hashed, on all threads, with as many under way as keep these busy. */
export async function inHashLanes(
  { hasher, pieceLength, pieceCount }: HashWork,
  pieces: Iterable<number>,
  work: (pieceIndex: number) => Promise<void>,
): Promise<void> {
  hasher.wake(Math.floor((pieceCount * pieceLength) / BYTES_WORTH_A_THREAD))
  const piecesAThread = Math.max(LEAST_PIECES, Math.min(MOST_PIECES, Math.ceil(BYTES_A_THREAD / pieceLength)))
  await inLanes(hasher.threads * piecesAThread, pieces, work)
}
