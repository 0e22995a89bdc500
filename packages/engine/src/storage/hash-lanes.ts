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
  /** The calling thread is one of those that hash: one piece at a time is its own. */
  readonly alsoHere?: boolean
}

/** Works through pieces that only have to be read and hashed, on all threads, with as many under way as keep these busy. */
export async function inHashLanes(
  { hasher, pieceLength, pieceCount, alsoHere = false }: HashWork,
  pieces: Iterable<number>,
  work: (pieceIndex: number, isHere: boolean) => Promise<void>,
): Promise<void> {
  const worthwhile = Math.floor((pieceCount * pieceLength) / BYTES_WORTH_A_THREAD)
  // A thread that is not worth its start is left out altogether where there is another one, this one.
  const threads = alsoHere ? Math.min(hasher.threads - 1, worthwhile) : hasher.threads
  hasher.wake(Math.min(threads, worthwhile))
  const piecesAThread = Math.max(LEAST_PIECES, Math.min(MOST_PIECES, Math.ceil(BYTES_A_THREAD / pieceLength)))
  const lanesHere = alsoHere ? 1 : 0
  await inLanes(lanesHere + threads * piecesAThread, pieces, (pieceIndex, lane) => work(pieceIndex, lane < lanesHere))
}
