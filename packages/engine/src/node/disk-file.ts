import * as fs from 'node:fs'
import { statfs } from 'node:fs/promises'
import { EngineError } from '../base/errors.ts'
import type { DiskFile, FileStamp } from '../ports/disk.ts'
import type { FileCalls } from './file-calls.ts'
import type { FolderSyncs } from './folder.ts'
import { diskError, errorCode } from './system-error.ts'

/** `readv` takes at most 1,024 pieces (IOV_MAX). */
const MAX_VIEWS = 1024
/** Node counts the bytes of one call in 31 bits. */
const MAX_CALL_BYTES = 2 ** 30
const RESERVE_STEP_BYTES = 1024 * 1024

/**
 * One open file as a numeric descriptor, which the hashing threads use too.
 *
 * Whoever uses the descriptor borrows it, and `close` waits for the last one: a descriptor that is closed under a
 * writing thread may be given to another file the next moment, and a good piece of a stranger would be overwritten.
 */
export class NodeDiskFile implements DiskFile {
  /** For messages only. */
  readonly path: string
  readonly stampAtOpen: FileStamp
  readonly #fd: number
  readonly #calls: FileCalls
  readonly #folderSyncs: FolderSyncs
  /** The name of a new file is safe only when all of these are. */
  #unsafeFolders: readonly string[]
  #borrowers = 0
  #isClosed = false
  #onReturned: (() => void) | undefined

  constructor(options: {
    fd: number
    path: string
    stampAtOpen: FileStamp
    calls: FileCalls
    folderSyncs: FolderSyncs
    unsafeFolders: readonly string[]
  }) {
    this.#fd = options.fd
    this.path = options.path
    this.stampAtOpen = options.stampAtOpen
    this.#calls = options.calls
    this.#folderSyncs = options.folderSyncs
    this.#unsafeFolders = options.unsafeFolders
  }

  /** The descriptor, good until `giveBack`. */
  borrow(): number {
    if (this.#isClosed) throw new EngineError('CLOSED', `Cannot use "${this.path}": it has been closed.`)
    this.#borrowers++
    return this.#fd
  }

  giveBack(): void {
    this.#borrowers--
    if (this.#borrowers === 0) this.#onReturned?.()
  }

  readSync(views: readonly Uint8Array[], offset: number): number {
    const fd = this.borrow()
    try {
      return readFully(fd, views, offset)
    } catch (error) {
      throw diskError(error, 'read', this.path)
    } finally {
      this.giveBack()
    }
  }

  async read(views: readonly Uint8Array[], offset: number): Promise<number> {
    const fd = this.borrow()
    try {
      const wanted = byteLengthOf(views)
      let rest = views
      let done = 0
      while (done < wanted) {
        const byteCount = await readOnce(fd, rest.length > MAX_VIEWS ? rest.slice(0, MAX_VIEWS) : rest, offset + done)
        if (byteCount === 0) break
        if (byteCount < 0) continue
        done += byteCount
        if (done < wanted) rest = viewsAfter(rest, byteCount)
      }
      return done
    } catch (error) {
      throw diskError(error, 'read', this.path)
    } finally {
      this.giveBack()
    }
  }

  async write(view: Uint8Array, offset: number): Promise<void> {
    const written = await this.#write(view, offset)
    if (written !== view.length) throw diskError({ message: 'it takes no more bytes' }, 'write to', this.path)
  }

  /**
   * Between the old end and `size` nobody else may write until a reserving `grow` is done: it writes zeros there,
   * because Node has no `fallocate`. If the disk fills up, what was taken is given back.
   */
  async grow(size: number, reserve: boolean): Promise<void> {
    const fd = this.borrow()
    try {
      const oldSize = fs.fstatSync(fd).size
      if (oldSize >= size) return
      if (reserve) await this.#reserve(fd, oldSize, size)
      else await this.#calls.truncate(fd, size)
    } catch (error) {
      throw diskError(error, 'make room in', this.path)
    } finally {
      this.giveBack()
    }
  }

  stampSync(): FileStamp {
    const fd = this.borrow()
    try {
      return stampOf(fs.fstatSync(fd))
    } catch (error) {
      throw diskError(error, 'look at', this.path)
    } finally {
      this.giveBack()
    }
  }

  async sync(): Promise<void> {
    const fd = this.borrow()
    try {
      await new Promise<void>((resolve, reject) => fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error))))
      for (const folder of this.#unsafeFolders) await this.#folderSyncs.sync(folder)
      this.#unsafeFolders = []
    } catch (error) {
      throw diskError(error, 'save', this.path)
    } finally {
      this.giveBack()
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#borrowers > 0) {
      await new Promise<void>((resolve) => {
        this.#onReturned = resolve
      })
    }
    try {
      await this.#calls.close(this.#fd)
    } catch (error) {
      throw diskError(error, 'close', this.path)
    }
  }

  /** @returns bytes written; fewer than the view only when the file takes no more. */
  async #write(view: Uint8Array, offset: number): Promise<number> {
    const fd = this.borrow()
    try {
      let done = 0
      while (done < view.length) {
        const length = Math.min(view.length - done, MAX_CALL_BYTES)
        const byteCount = await writeOnce(fd, view, done, length, offset + done)
        if (byteCount === 0) break
        if (byteCount > 0) done += byteCount
      }
      return done
    } catch (error) {
      throw diskError(error, 'write to', this.path)
    } finally {
      this.giveBack()
    }
  }

  async #reserve(fd: number, oldSize: number, size: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.path)
    const missing = size - oldSize
    if (missing > bavail * bsize) {
      const text = `Cannot reserve ${missing} bytes for "${this.path}": only ${bavail * bsize} bytes are free. Free some space, or choose another folder.`
      throw new EngineError('DISK_FULL', text)
    }
    const zeros = new Uint8Array(Math.min(RESERVE_STEP_BYTES, missing))
    try {
      for (let at = oldSize; at < size; ) {
        const length = Math.min(zeros.length, size - at)
        const byteCount = await writeOnce(fd, zeros, 0, length, at)
        if (byteCount > 0) at += byteCount
      }
    } catch (error) {
      try {
        await this.#calls.truncate(fd, oldSize)
      } catch {
        // the first error is the one to tell
      }
      throw error
    }
  }
}

export function stampOf({ size, mtimeMs }: fs.Stats): FileStamp {
  return { size, modifiedMs: mtimeMs }
}

/** The views one after another, also through short reads. */
function readFully(fd: number, views: readonly Uint8Array[], offset: number): number {
  const wanted = byteLengthOf(views)
  let rest = views
  let done = 0
  while (done < wanted) {
    let byteCount = 0
    try {
      byteCount = fs.readvSync(fd, rest.length > MAX_VIEWS ? rest.slice(0, MAX_VIEWS) : rest, offset + done)
    } catch (error) {
      if (errorCode(error) === 'EINTR') continue
      throw error
    }
    if (byteCount === 0) break
    done += byteCount
    if (done < wanted) rest = viewsAfter(rest, byteCount)
  }
  return done
}

function viewsAfter(views: readonly Uint8Array[], byteCount: number): readonly Uint8Array[] {
  let first = 0
  let skip = byteCount
  while (first < views.length && skip >= views[first]!.length) skip -= views[first++]!.length
  const rest = views.slice(first)
  if (skip > 0) rest[0] = rest[0]!.subarray(skip)
  return rest
}

/** @returns bytes moved, 0 at the end of the file, -1 when a signal came first: try again. */
function writeOnce(fd: number, view: Uint8Array, at: number, length: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => fs.write(fd, view, at, length, offset, settling(resolve, reject)))
}

/** @returns as `writeOnce` */
function readOnce(fd: number, views: readonly Uint8Array[], offset: number): Promise<number> {
  return new Promise((resolve, reject) => fs.readv(fd, views, offset, settling(resolve, reject)))
}

function settling(
  resolve: (byteCount: number) => void,
  reject: (error: Error) => void,
): (error: NodeJS.ErrnoException | null, byteCount: number) => void {
  return (error, byteCount) => {
    if (error === null) resolve(byteCount)
    else if (error.code === 'EINTR') resolve(-1)
    else reject(error)
  }
}

function byteLengthOf(views: readonly Uint8Array[]): number {
  let length = 0
  for (const view of views) length += view.length
  return length
}
