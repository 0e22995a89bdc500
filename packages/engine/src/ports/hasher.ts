import type { DiskFile } from './disk.ts'

/** `length` bytes at `offset` of an open file; `file` is undefined for padding, which is in no file and reads as zeros. */
export interface FileSlice {
  readonly file: DiskFile | undefined
  readonly offset: number
  readonly length: number
}

/** SHA-1 of bytes that come one after another, on this thread. */
export interface RunningHash {
  /** `bytes` are used up when it returns. */
  add(bytes: Uint8Array): void
  /** Once, after the last `add`. */
  digest(): Uint8Array
}

/**
 * Hashing, and the hand-over of whole pieces to the threads that hash and write them.
 *
 * A piece makes one trip: its bytes lie in the slab, a worker hashes them there and, only if they are right,
 * writes them to their files. The main thread never touches them again.
 */
export interface Hasher {
  /** How many pieces are worked on at the same time. */
  readonly threads: number
  /** There will soon be work for so many threads: those that take time to start may start now. */
  wake(threads: number): void
  /** Memory that the workers can see too. Ours until the process ends; ask once, use again. */
  allocate(byteLength: number): Uint8Array
  /** Copies `bytes` into memory that was allocated here, from `at` on. The hot path of a download: every block goes this way. */
  copyIn(memory: Uint8Array, at: number, bytes: Uint8Array): void
  /**
   * Hashes `bytes` (allocated here) and, if the SHA-1 is `expected`, writes them over `targets` in order
   * (their lengths add up to at most `bytes.length`).
   * The bytes are the worker's until the promise settles.
   * @returns whether the hash was right; the write is complete when it resolves.
   * @throws {EngineError} of the write, as `ports/disk` says; nothing is known of the targets then.
   */
  verifyAndWrite(bytes: Uint8Array, expected: Uint8Array, targets: readonly FileSlice[]): Promise<boolean>
  /**
   * Whether the pieces of a torrent of so many bytes are better hashed on this thread while they come in (`startPiece`) than
   * handed over whole: that is so where there is no other core to do it, or not enough to do to start a thread.
   */
  hashesWhileReceiving(totalSize: number): boolean
  startPiece(): RunningHash
  /** SHA-1 of the slices one after another (zeros where `file` is undefined). Undefined when a file is too short. */
  hashSlices(slices: readonly FileSlice[]): Promise<Uint8Array | undefined>
  /** SHA-256 of each block of 16 KiB of the slice, one after another (BEP 52). Undefined when the file is too short. */
  hashBlocks(slice: FileSlice): Promise<Uint8Array | undefined>
  /** At once, on this thread: for small things (info dictionaries, blocks of a bad piece). */
  sha1(bytes: Uint8Array): Uint8Array
  sha256(bytes: Uint8Array): Uint8Array
  close(): Promise<void>
}
