import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FileSlice, Hasher } from '../ports/hasher.ts'

/** As the hashing threads read: it stays in the cache between read and hash. */
const STEP_BYTES = 128 * 1024
/** After so many, a millisecond of work, everything else has its turn: the threads want new work, a key may be pressed. */
const TURN_BYTES = 1024 * 1024

/** Read and hashed without a pause in between, so one is enough for all. */
const buffer = new Uint8Array(STEP_BYTES)
const zeros = new Uint8Array(STEP_BYTES)

/**
 * `Hasher.hashSlices` on this thread, for a program that has nothing else to do: it would only wait for the other threads.
 * @throws {EngineError} as `DiskFile.readSync` does
 */
export async function hashHere(slices: readonly FileSlice[], hasher: Pick<Hasher, 'startPiece'>): Promise<Uint8Array | undefined> {
  const sha1 = hasher.startPiece()
  let inTurn = 0
  for (const { file, offset, length } of slices) {
    for (let at = 0; at < length; at += STEP_BYTES) {
      const step = Math.min(STEP_BYTES, length - at)
      const bytes = (file === undefined ? zeros : buffer).subarray(0, step)
      if (file !== undefined && file.readSync([bytes], offset + at) < step) return undefined
      sha1.add(bytes)
      inTurn += step
      if (inTurn < TURN_BYTES) continue
      inTurn = 0
      await nextTurn()
    }
  }
  return sha1.digest()
}
