import { setImmediate as nextTurn } from 'node:timers/promises'
import { concatBytes } from '@shoal/protocol/bytes'
import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import type { FileSlice, Hasher } from '../ports/hasher.ts'

/** As the hashing threads read: it stays in the cache between read and hash. */
const STEP_BYTES = 128 * 1024
/**
 * After so many, a fifth of a millisecond of work, everything else has its turn. With four times as many the other threads
 * waited for new work: 1 GiB on two cores in 498 instead of 444 ms.
 */
const TURN_BYTES = 256 * 1024

/** Read into and hashed without a pause in between, so one is enough for all. */
const buffer = new Uint8Array(STEP_BYTES)
const zeros = new Uint8Array(STEP_BYTES)

/** `Hasher.hashSlices` on this thread, in turns, for a program that would only wait for the other threads. */
export class HereHasher {
  readonly #hasher: Pick<Hasher, 'startPiece' | 'sha256'>
  #turnBytes = 0

  constructor(hasher: Pick<Hasher, 'startPiece' | 'sha256'>) {
    this.#hasher = hasher
  }

  /**
   * Undefined when a file is too short.
   * @throws {EngineError} as `DiskFile.readSync` does
   */
  async hashSlices(slices: readonly FileSlice[]): Promise<Uint8Array | undefined> {
    const sha1 = this.#hasher.startPiece()
    for (const { file, offset, length } of slices) {
      for (let at = 0; at < length; at += STEP_BYTES) {
        const step = Math.min(STEP_BYTES, length - at)
        const bytes = (file === undefined ? zeros : buffer).subarray(0, step)
        if (file !== undefined && file.readSync([bytes], offset + at) < step) return undefined
        sha1.add(bytes)
        if (this.#isTurnOver(step)) await nextTurn()
      }
    }
    return sha1.digest()
  }

  /** As `Hasher.hashBlocks`. */
  async hashBlocks({ file, offset, length }: FileSlice): Promise<Uint8Array | undefined> {
    const hashes: Uint8Array[] = []
    for (let at = 0; at < length; at += STEP_BYTES) {
      const step = Math.min(STEP_BYTES, length - at)
      const bytes = (file === undefined ? zeros : buffer).subarray(0, step)
      if (file !== undefined && file.readSync([bytes], offset + at) < step) return undefined
      for (let begin = 0; begin < step; begin += BLOCK_LENGTH) hashes.push(this.#hasher.sha256(bytes.subarray(begin, begin + BLOCK_LENGTH)))
      if (this.#isTurnOver(step)) await nextTurn()
    }
    return concatBytes(hashes)
  }

  #isTurnOver(byteCount: number): boolean {
    this.#turnBytes += byteCount
    if (this.#turnBytes < TURN_BYTES) return false
    this.#turnBytes = 0
    return true
  }
}
