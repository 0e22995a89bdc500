import * as fs from 'node:fs'
import { lstat, mkdir, readlink, realpath } from 'node:fs/promises'
import { errorCode } from './system-error.ts'

/** At once, or when a thread has done it. */
type Answer<Value> = Value | Promise<Value>

/** One call that takes longer than this stops the loop for too long, because all sockets share its thread. */
const SLOW_CALL_MS = 1
/** How long a slow disk is asked through threads before it is tried again. */
const SLOW_PAUSE_MS = 3_000
/** The weight of one call in the average, and the most that one call counts: a loaded machine hiccups. */
const CALL_WEIGHT = 1 / 32
const MAX_COUNTED_CALL_MS = 8
/** A call this long is no hiccup. */
const STUCK_CALL_MS = 100
/** What calls may take of one turn of the loop, all together: the first look at 100,000 files must not stop the sockets. */
const MAX_TURN_MS = 4

/**
 * The calls of the system that find, open and close files, on this thread as long as the disk answers from memory.
 *
 * A thread of Node takes 40 to 100 µs to be told and to answer, the call itself 2 to 15: a torrent of 2,000 files spent
 * more time in waking threads, eight times a file, than in everything else. A disk that is slow is asked through
 * threads, as is what does not fit into a turn of the loop.
 */
export class FileCalls {
  readonly #now: () => number
  #callMs = 0
  #slowUntilMs = Number.NEGATIVE_INFINITY
  #turnMs = 0
  #isInTurn = false
  readonly #realPaths = new Map<string, string>()
  readonly #folders = new Set<string>()
  readonly #endTurn = (): void => {
    this.#isInTurn = false
    this.#turnMs = 0
    this.#realPaths.clear()
    this.#folders.clear()
  }

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Undefined when there is nothing. */
  lstat(path: string): Answer<fs.Stats | undefined> {
    return this.#call(
      () => fs.lstatSync(path, { throwIfNoEntry: false }),
      () => undefinedIfMissing(lstat(path)),
    )
  }

  /**
   * Undefined when there is nothing. Within one turn of the loop it is asked once: of the calls for a file this is the
   * dearest, because it looks at every folder from the top, and it is the same for all files of a torrent.
   */
  realpath(path: string): Answer<string | undefined> {
    return (
      this.#realPaths.get(path) ??
      this.#call(
        () => {
          // `realpathSync` could say so only by throwing, once a file of a folder that is still to be made.
          if (fs.statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
          const found = fs.realpathSync.native(path)
          this.#realPaths.set(path, found)
          return found
        },
        () => undefinedIfMissing(realpath(path)),
      )
    )
  }

  /** This turn of the loop has seen that it is a folder, and no link. */
  isKnownFolder(path: string): boolean {
    return this.#folders.has(path)
  }

  /** Forgotten at the end of the turn. */
  rememberFolder(path: string): void {
    if (this.#isInTurn) this.#folders.add(path)
  }

  readlink(path: string): Answer<string> {
    return this.#call(
      () => fs.readlinkSync(path),
      () => readlink(path),
    )
  }

  mkdir(path: string): Answer<void> {
    return this.#call(
      () => fs.mkdirSync(path),
      () => mkdir(path),
    )
  }

  /** A descriptor, which whoever asked for it closes. */
  open(path: string, flags: number, permissions?: number): Answer<number> {
    return this.#call(
      () => fs.openSync(path, flags, permissions),
      () =>
        new Promise((resolve, reject) => {
          fs.open(path, flags, permissions, (error, fd) => (error === null ? resolve(fd) : reject(error)))
        }),
    )
  }

  truncate(fd: number, size: number): Answer<void> {
    return this.#call(
      () => fs.ftruncateSync(fd, size),
      () => new Promise((resolve, reject) => fs.ftruncate(fd, size, (error) => (error === null ? resolve() : reject(error)))),
    )
  }

  close(fd: number): Answer<void> {
    return this.#call(
      () => fs.closeSync(fd),
      () => new Promise((resolve, reject) => fs.close(fd, (error) => (error == null ? resolve() : reject(error)))),
    )
  }

  #call<Value>(atOnce: () => Value, onThread: () => Promise<Value>): Answer<Value> {
    const startMs = this.#now()
    if (startMs < this.#slowUntilMs || this.#turnMs > MAX_TURN_MS) return onThread()
    try {
      return atOnce()
    } finally {
      const endMs = this.#now()
      this.#onCall(endMs - startMs, endMs)
    }
  }

  #onCall(tookMs: number, nowMs: number): void {
    if (!this.#isInTurn) setImmediate(this.#endTurn)
    this.#isInTurn = true
    this.#turnMs += tookMs
    this.#callMs += (Math.min(tookMs, MAX_COUNTED_CALL_MS) - this.#callMs) * CALL_WEIGHT
    if (this.#callMs <= SLOW_CALL_MS && tookMs < STUCK_CALL_MS) return
    this.#slowUntilMs = nowMs + SLOW_PAUSE_MS
    this.#callMs = SLOW_CALL_MS / 2
  }
}

async function undefinedIfMissing<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  try {
    return await answer
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
