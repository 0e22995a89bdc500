import { equalBytes } from '@shoal/protocol/bytes'
import { EngineError } from '../base/errors.ts'
import type { Disk, DiskFile, FileStamp } from '../ports/disk.ts'
import type { AbortSignalLike } from '../ports/network.ts'
import { foreignFile } from './foreign-files.ts'
import type { PlaceOnDisk } from './stored-files.ts'

const CHUNK_BYTES = 1024 * 1024
const PROGRESS_STEPS = 500

/** A file that is to be somewhere else. */
export interface Transfer {
  readonly from: PlaceOnDisk
  readonly to: PlaceOnDisk
  readonly isExecutable: boolean
}

export interface RelocationOptions {
  readonly disk: Disk
  /** For the names of unfinished copies: nobody else's are taken for ours. */
  readonly token: string
  readonly transfers: readonly Transfer[]
  /** Bytes that are there, of all. */
  readonly onProgress: (movedBytes: number, totalBytes: number) => void
  readonly signal: AbortSignalLike
}

/**
 * Takes files elsewhere so that at every moment one place has all of them: first everything is there twice (`bring`), then
 * whoever has to know is told, then the old names go (`removeSources`).
 *
 * On one file system a file is there twice when it has two names, which costs nothing. To another one it is copied under a name
 * of ours, synced, compared with what it was copied from, and only then gets its name. A file that is there already is taken as it is when it has the same bytes (as
 * after a crash in the middle), else nothing is moved: no file is ever overwritten.
 */
export class Relocation {
  readonly #disk: Disk
  readonly #token: string
  readonly #transfers: readonly Transfer[]
  readonly #onProgress: (movedBytes: number, totalBytes: number) => void
  readonly #signal: AbortSignalLike
  /** What was not there before. */
  readonly #made: PlaceOnDisk[] = []
  #movedBytes = 0
  #reportedBytes = 0
  #totalBytes = 0

  constructor(options: RelocationOptions) {
    this.#disk = options.disk
    this.#token = options.token
    this.#transfers = options.transfers
    this.#onProgress = options.onProgress
    this.#signal = options.signal
  }

  /**
   * Every file is in both places, whole and safe from a power cut, when it resolves; when it rejects, what was made is gone.
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`, `FILE_MISSING`, `CLOSED` (called off), and what the disk says
   */
  async bring(): Promise<void> {
    try {
      await this.#refuseOverlap()
      const found: FileStamp[] = []
      for (const { from } of this.#transfers) {
        const stamp = await this.#disk.stat(from.root, from.path)
        if (stamp === undefined)
          throw new EngineError('FILE_MISSING', `Cannot move '${from.path.join('/')}': it is not in ${from.root} any more`)
        found.push(stamp)
        this.#totalBytes += stamp.size
      }
      for (const [at, transfer] of this.#transfers.entries()) await this.#bringOne(transfer, found[at]!, `.shoal-${this.#token}-${at}`)
    } catch (error) {
      await this.undo()
      throw error
    }
  }

  /** Removes what `bring` has made. What was there before it stays. */
  async undo(): Promise<void> {
    for (const { root, path } of this.#made) await this.#disk.removeFile(root, path).catch(() => undefined)
    await this.#removeEmptyFolders(this.#made)
    this.#made.length = 0
  }

  /** Removes the old names, and the folders that are empty then. @returns what could not be removed */
  async removeSources(): Promise<readonly EngineError[]> {
    const errors: EngineError[] = []
    for (const { from } of this.#transfers) {
      await this.#disk.removeFile(from.root, from.path).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw error
        errors.push(error)
      })
    }
    await this.#removeEmptyFolders(this.#transfers.map(({ from }) => from))
    return errors
  }

  /** A place that is old and new at once would be removed in the end. */
  async #refuseOverlap(): Promise<void> {
    const realRoots = new Map<string, string>()
    for (const { from, to } of this.#transfers) {
      for (const { root } of [from, to]) if (!realRoots.has(root)) realRoots.set(root, (await this.#disk.enterRoot(root)).path)
    }
    const nameOf = ({ root, path }: PlaceOnDisk): string => [realRoots.get(root), ...path].join('/').normalize('NFC').toLowerCase()
    const targets = new Set(this.#transfers.map(({ to }) => nameOf(to)))
    const both = this.#transfers.find(({ from }) => targets.has(nameOf(from)))
    if (both === undefined) return
    throw new EngineError('OPTION_INVALID', `Cannot move to ${both.to.root}: it is inside what is to be moved. Choose another folder.`)
  }

  async #bringOne({ from, to, isExecutable }: Transfer, stamp: FileStamp, copyName: string): Promise<void> {
    this.#refuseIfCalledOff()
    const outcome = await this.#disk.linkFile(from.root, from.path, to.root, to.path)
    if (outcome === 'linked') this.#made.push(to)
    // Left by an attempt that was cut off, or by somebody: nothing to compare, and not ours to take back.
    else if (outcome !== 'same' && (outcome === 'exists' || (await this.#disk.stat(to.root, to.path)) !== undefined))
      await this.#compare(from, to, stamp)
    else if (outcome === 'impossible') {
      await this.#requireSpace(to.root)
      const copy: PlaceOnDisk = { root: to.root, path: [...to.path.slice(0, -1), copyName] }
      this.#made.push(copy)
      await this.#disk.removeFile(copy.root, copy.path) // of an attempt that was cut off
      await this.#copy(from, copy, stamp, isExecutable)
      await this.#compare(from, copy, stamp)
      if ((await this.#disk.renameFile(copy.root, copy.path, to.path.at(-1)!)) === 'exists') throw foreignFile(to.path.join('/'), to.root)
      this.#made.push(to)
    }
    this.#movedBytes += stamp.size
    this.#report(this.#movedBytes)
  }

  async #requireSpace(root: string): Promise<void> {
    const neededBytes = this.#totalBytes - this.#movedBytes
    const freeBytes = await this.#disk.freeBytes(root)
    if (freeBytes === undefined || freeBytes >= neededBytes) return
    throw new EngineError(
      'DISK_FULL',
      `Cannot copy ${neededBytes} bytes to ${root}: ${freeBytes} are free. Free some space or choose another folder.`,
    )
  }

  async #copy(from: PlaceOnDisk, to: PlaceOnDisk, { size }: FileStamp, executable: boolean): Promise<void> {
    const source = await this.#disk.openFile(from.root, from.path, 'read')
    try {
      const target = await this.#disk.openFile(to.root, to.path, 'write', { executable })
      try {
        await target.grow(size, false)
        await this.#copyBytes(source, target, size)
        await target.sync()
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  }

  async #copyBytes(source: DiskFile, target: DiskFile, size: number): Promise<void> {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size))
    for (let at = 0; at < size; ) {
      this.#refuseIfCalledOff()
      const got = await source.read([chunk.subarray(0, Math.min(chunk.length, size - at))], at)
      if (got === 0) return // shorter than it was: the comparison tells
      const bytes = chunk.subarray(0, got)
      // A half-fetched file is mostly holes, and stays so.
      if (!isZeros(bytes)) await target.write(bytes, at)
      at += got
      this.#report(this.#movedBytes + at / 2)
    }
  }

  async #compare(from: PlaceOnDisk, to: PlaceOnDisk, { size }: FileStamp): Promise<void> {
    const there = await this.#disk.stat(to.root, to.path)
    if (there?.size !== size) throw foreignFile(to.path.join('/'), to.root)
    const source = await this.#disk.openFile(from.root, from.path, 'read')
    try {
      const target = await this.#disk.openFile(to.root, to.path, 'read')
      try {
        await this.#compareBytes(source, target, to, size)
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  }

  async #compareBytes(source: DiskFile, target: DiskFile, to: PlaceOnDisk, size: number): Promise<void> {
    const left = new Uint8Array(Math.min(CHUNK_BYTES, size))
    const right = new Uint8Array(left.length)
    for (let at = 0; at < size; at += left.length) {
      this.#refuseIfCalledOff()
      this.#report(this.#movedBytes + (size + at) / 2)
      const length = Math.min(left.length, size - at)
      const [got, gotThere] = await Promise.all([source.read([left.subarray(0, length)], at), target.read([right.subarray(0, length)], at)])
      if (got !== length || gotThere !== length || !equalBytes(left.subarray(0, length), right.subarray(0, length))) {
        throw foreignFile(to.path.join('/'), to.root)
      }
    }
  }

  /** Often enough for a bar, and no more. */
  #report(movedBytes: number): void {
    if (movedBytes < this.#totalBytes && movedBytes - this.#reportedBytes < this.#totalBytes / PROGRESS_STEPS) return
    this.#reportedBytes = movedBytes
    this.#onProgress(movedBytes, this.#totalBytes)
  }

  /** The innermost first; the root stays. */
  async #removeEmptyFolders(places: readonly PlaceOnDisk[]): Promise<void> {
    const folders = new Map<string, PlaceOnDisk>()
    for (const { root, path } of places) {
      for (let depth = path.length - 1; depth > 0; depth--) {
        const folder = { root, path: path.slice(0, depth) }
        folders.set([root, ...folder.path].join('\0'), folder)
      }
    }
    for (const { root, path } of [...folders.values()].sort((a, b) => b.path.length - a.path.length)) {
      await this.#disk.removeEmptyFolder(root, path).catch(() => false)
    }
  }

  #refuseIfCalledOff(): void {
    if (this.#signal.aborted) throw new EngineError('CLOSED', 'The move was called off; everything is where it was')
  }
}

function isZeros(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false
  return true
}
