import type { Disk, DiskFile } from '../ports/disk.ts'
import type { CopySource } from './piece-writer.ts'
import type { PlaceOnDisk } from './stored-files.ts'

/**
 * Pieces that are too large to wait in memory, as slots of one file that is used again and again, so it never
 * takes more disk than the pieces that are open at once. Nothing in it outlives the run.
 */
export class SpillFile {
  readonly #disk: Disk
  readonly #place: PlaceOnDisk
  readonly #slotBytes: number
  #file: Promise<DiskFile> | undefined

  constructor(options: { disk: Disk; place: PlaceOnDisk; slotBytes: number }) {
    this.#disk = options.disk
    this.#place = options.place
    this.#slotBytes = options.slotBytes
  }

  /** @throws {EngineError} `DISK_FULL`, `NOT_WRITABLE`, … */
  async write(slot: number, begin: number, bytes: Uint8Array): Promise<void> {
    const file = await this.#open()
    await file.write(bytes, slot * this.#slotBytes + begin)
  }

  async source(slot: number, length: number): Promise<CopySource> {
    return { file: await this.#open(), offset: slot * this.#slotBytes, length }
  }

  /** Closes and removes it. */
  async remove(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    await (await file).close()
    await this.#disk.removeFile(this.#place.root, this.#place.path)
  }

  #open(): Promise<DiskFile> {
    if (this.#file !== undefined) return this.#file
    const file = this.#disk.openFile(this.#place.root, this.#place.path, 'write')
    this.#file = file
    // A failure is told to whoever waits for it; the next write tries again.
    file.catch(() => {
      if (this.#file === file) this.#file = undefined
    })
    return file
  }
}
