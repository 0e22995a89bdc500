import { EngineError, type EngineErrorCode } from '../base/errors.ts'
import type { DiskFile, FileStamp, OpenMode } from '../ports/disk.ts'
import type { SimDisk } from './disk.ts'
import type { FileBody } from './platter.ts'

/** A file of a `SimDisk`; the simulated hasher writes through it too. */
export class SimDiskFile implements DiskFile {
  readonly path: string
  readonly stampAtOpen: FileStamp
  readonly #disk: SimDisk
  readonly #body: FileBody
  readonly #mode: OpenMode
  /** Makes the name of a new file safe; undefined when it is. */
  #syncName: (() => void) | undefined
  #isClosed = false

  constructor(disk: SimDisk, body: FileBody, path: string, mode: OpenMode, syncName?: () => void) {
    this.#disk = disk
    this.#body = body
    this.path = path
    this.stampAtOpen = { size: body.size, modifiedMs: body.modifiedMs }
    this.#mode = mode
    this.#syncName = syncName
  }

  readSync(views: readonly Uint8Array[], offset: number): number {
    this.#check()
    const fault = this.#disk.beginCall('read')
    if (fault !== undefined) throw diskError(fault.code, 'read', this.path)
    if (this.#disk.readSyncMs > 0) this.#disk.system.spend(this.#disk.readSyncMs)
    return this.#readBody(views, offset)
  }

  async read(views: readonly Uint8Array[], offset: number): Promise<number> {
    this.#check()
    const fault = await this.#disk.beginSlowCall('read')
    if (fault !== undefined) throw diskError(fault.code, 'read', this.path)
    return this.#readBody(views, offset)
  }

  async write(view: Uint8Array, offset: number): Promise<void> {
    this.#check()
    const fault = await this.#disk.beginSlowCall('write')
    if (this.#mode === 'read') throw diskError('DISK_FAILED', 'write to', this.path)
    if (fault !== undefined) {
      if (fault.isTorn === true) this.#disk.writeBody(this.#body, view.subarray(0, view.length >> 1), offset, this.path)
      throw diskError(fault.code, 'write to', this.path)
    }
    this.#disk.writeBody(this.#body, view, offset, this.path)
  }

  async grow(size: number, reserve: boolean): Promise<void> {
    this.#check()
    const fault = await this.#disk.beginSlowCall('grow')
    if (fault !== undefined) throw diskError(fault.code, 'make room in', this.path)
    this.#disk.growBody(this.#body, size, reserve, this.path)
  }

  stampSync(): FileStamp {
    this.#check()
    const fault = this.#disk.beginCall('stat')
    if (fault !== undefined) throw diskError(fault.code, 'look at', this.path)
    return { size: this.#body.size, modifiedMs: this.#body.modifiedMs }
  }

  async sync(): Promise<void> {
    this.#check()
    const fault = await this.#disk.beginSlowCall('sync')
    if (fault !== undefined) throw diskError(fault.code, 'save', this.path)
    this.#body.sync()
    this.#syncName?.()
    this.#syncName = undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  /** All of the record at the end of the file, or nothing of it. */
  appendNow(record: Uint8Array): void {
    this.#check()
    const fault = this.#disk.beginCall('append')
    if (fault !== undefined) throw diskError(fault.code, 'write to', this.path)
    this.#disk.writeBody(this.#body, record, this.#body.size, this.path)
  }

  #readBody(views: readonly Uint8Array[], offset: number): number {
    let done = 0
    for (const view of views) {
      const byteCount = this.#body.read(view, offset + done)
      done += byteCount
      if (byteCount < view.length) break
    }
    return done
  }

  #check(): void {
    if (this.#isClosed) throw new EngineError('CLOSED', `Cannot use "${this.path}": it has been closed.`)
  }
}

/** The same words as the real disk's, for the codes that can be planned. */
export function diskError(code: EngineErrorCode, doing: string, path: string): EngineError {
  const reasons: Partial<Record<EngineErrorCode, string>> = {
    DISK_FULL: 'the disk is full. Free some space, or choose another folder.',
    NOT_WRITABLE: 'permission denied. Give this user the right to write there, or choose another folder.',
    NOT_READABLE: 'permission denied. Give this user the right to read it.',
    FILE_MISSING: 'it is not there. Was it moved or deleted, or is its disk not mounted?',
  }
  return new EngineError(code, `Cannot ${doing} "${path}": ${reasons[code] ?? 'the disk failed (EIO). Check the disk, then try again.'}`)
}

export function unsafePath(path: string): EngineError {
  return new EngineError('PATH_UNSAFE', `Refused to use "${path}": it is not a plain file. Move it away, or choose another folder.`)
}
