import type { DiskFile, FileStamp } from '../ports/disk.ts'

/** Where the bytes of a file of the torrent are: in their own file, in the parts file, or nowhere (padding: zeros). */
export type FilePlace = 'file' | 'parts' | 'nowhere'

/** What resume data remembers of one file on disk. `fileIndex` is the number of files for the parts file. */
export interface StampRecord extends FileStamp {
  readonly fileIndex: number
  readonly isSuspect: boolean
}

/** A read that takes longer than this stops the loop for too long, because all sockets share its thread. */
const SLOW_READ_MS = 1
/** How long a slow file is read asynchronously before it is tried again. */
const SLOW_PAUSE_MS = 3_000
/**
 * The weight of one read in the average, and the most that one read counts. On a machine with more to do than cores
 * a read from the cache now and then takes as long as the others' turn: with 1/8 such a machine was taken for a slow
 * disk, and served 98 of 100 reads by the dearer path.
 */
const READ_WEIGHT = 1 / 32
const MAX_COUNTED_READ_MS = 8
/** A read this long is no hiccup. */
const STUCK_READ_MS = 100

/** What storage knows of one file while the torrent runs: a file of the torrent, or the parts file. */
export class FileState {
  readonly index: number
  readonly root: string
  readonly path: readonly string[]
  /** Bytes from the start of the torrent; 0 for the parts file, which holds bytes at their offset in the torrent. */
  readonly offset: number
  readonly length: number
  readonly isExecutable: boolean

  place: FilePlace = 'file'
  isWanted = true
  /** `unknown` until it is opened for writing or `claim` has looked at it. */
  claim: 'unknown' | 'ours' | 'suspect' = 'unknown'
  /** As our last write left it, or as it was when we first looked: whatever differs was done by somebody else. */
  stamp: FileStamp | undefined
  /** Some of its pieces are only believed: how it looks is not remembered, so that the next run checks it. */
  isDoubted = false
  /** Pieces being written to it at this moment. */
  writers = 0
  /** Made, as long as it will be, and known to be ours or suspect: it may be written. */
  isPrepared = false
  /** Found or made empty, and not written yet: there is nothing in it that somebody could have spoiled meanwhile. */
  isEmpty = false
  /** Settles when the preparing that is under way has ended. */
  preparing: Promise<void> | undefined
  #readMs = 0
  #slowUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: {
    index: number
    root: string
    path: readonly string[]
    offset: number
    length: number
    isExecutable: boolean
  }) {
    this.index = options.index
    this.root = options.root
    this.path = options.path
    this.offset = options.offset
    this.length = options.length
    this.isExecutable = options.isExecutable
  }

  /**
   * Is it as we left it? The first look only remembers. Not asked while we write to it ourselves.
   * @throws {EngineError} of the disk port
   */
  isUntouched(file: DiskFile): boolean {
    if (this.writers > 0) return true
    const stamp = file.stampSync()
    if (this.stamp === undefined) {
      this.stamp = stamp
      return true
    }
    return sameStamp(stamp, this.stamp)
  }

  isSlow(nowMs: number): boolean {
    return nowMs < this.#slowUntilMs
  }

  onRead(tookMs: number, nowMs: number): void {
    this.#readMs += (Math.min(tookMs, MAX_COUNTED_READ_MS) - this.#readMs) * READ_WEIGHT
    if (this.#readMs <= SLOW_READ_MS && tookMs < STUCK_READ_MS) return
    this.#slowUntilMs = nowMs + SLOW_PAUSE_MS
    this.#readMs = SLOW_READ_MS / 2
  }
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.modifiedMs === b.modifiedMs
}
