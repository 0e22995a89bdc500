import { equalBytes } from '@shoal/protocol/bytes'
import { asEngineError, EngineError } from '../base/errors.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { FileSlice, Hasher } from '../ports/hasher.ts'
import type { FileState } from './file-state.ts'
import { compareWithDisk, foreignFile } from './foreign-files.ts'
import { inLanes } from './lanes.ts'
import { countFiles, MAX_FILES_AT_ONCE, type StoredFiles } from './stored-files.ts'
import { hashOfPiece, nameOfFile } from './stored-torrent.ts'

/** Those that are synced at the same time share the syncs of their folders. All of them are open meanwhile. */
const SYNC_LANES = 96
const COPY_BYTES = 1024 * 1024

/** Bytes of ours in an open file. */
export interface CopySource {
  readonly file: DiskFile
  readonly offset: number
  readonly length: number
}

/**
 * The only one that writes into the files of a torrent, and only bytes that have been verified.
 *
 * The usual piece goes to a worker as a whole, which hashes it and writes it; one that was hashed while it came is only written. A piece that touches a suspect file
 * (`foreign-files.ts`) or very many files is hashed first and then written file by file.
 */
export class PieceWriter {
  readonly #disk: Disk
  readonly #hasher: Hasher
  readonly #files: StoredFiles
  readonly #onTouched: (state: FileState) => void
  /** Files with bytes that a power cut would take. */
  readonly #dirty = new Set<FileState>()

  constructor(options: { disk: Disk; hasher: Hasher; files: StoredFiles; onTouched: (state: FileState) => void }) {
    this.#disk = options.disk
    this.#hasher = options.hasher
    this.#files = options.files
    this.#onTouched = options.onTouched
  }

  /** `TorrentStorage.writePiece`, while nobody moves files about. */
  async writePiece(pieceIndex: number, bytes: Uint8Array, digest: Uint8Array | undefined): Promise<boolean> {
    const expected = hashOfPiece(this.#files.torrent, pieceIndex)
    if (digest !== undefined && !equalBytes(digest, expected)) return false
    const spans = this.#files.spansOfPiece(pieceIndex)
    if (countFiles(spans) <= MAX_FILES_AT_ONCE) {
      const held = await this.#files.holdSpans(spans, 'write')
      try {
        if (![...held.files.keys()].some((state) => state.claim === 'suspect')) {
          return await this.#whileWriting(held.files, () =>
            digest === undefined ? this.#hasher.verifyAndWrite(bytes, expected, held.slices) : writeSlices(bytes, held.slices),
          )
        }
      } finally {
        held.release()
      }
    }
    if (digest === undefined && !(await this.#hasher.verifyAndWrite(bytes, expected, []))) return false
    let at = 0
    for (const { state, offset, length } of spans) {
      if (state !== undefined) await this.writeSpan(state, offset, bytes.subarray(at, at + length))
      at += length
    }
    return true
  }

  async copyPiece(pieceIndex: number, source: CopySource): Promise<boolean> {
    const digest = await this.#hasher.hashSlices([source])
    if (digest === undefined || !equalBytes(digest, hashOfPiece(this.#files.torrent, pieceIndex))) return false
    let at = source.offset
    for (const { state, offset, length } of this.#files.spansOfPiece(pieceIndex)) {
      if (state !== undefined && !(await this.copySpan(state, offset, { file: source.file, offset: at, length }))) return false
      at += length
    }
    return true
  }

  /** @returns whether the source had all the bytes */
  async copySpan(state: FileState, offset: number, source: CopySource): Promise<boolean> {
    const buffer = new Uint8Array(Math.min(COPY_BYTES, source.length))
    for (let done = 0; done < source.length; ) {
      const view = buffer.subarray(0, Math.min(buffer.length, source.length - done))
      if ((await source.file.read([view], source.offset + done)) < view.length) return false
      await this.writeSpan(state, offset + done, view)
      done += view.length
    }
    return true
  }

  /** Writes verified bytes into one file, which may be suspect. @throws {EngineError} `FILE_FOREIGN`, … */
  async writeSpan(state: FileState, offset: number, bytes: Uint8Array): Promise<void> {
    const { file, release } = await this.#files.holdForWriting(state)
    try {
      if (state.claim === 'suspect') {
        const comparison = await compareWithDisk(file, offset, bytes)
        if (comparison === 'different') throw foreignFile(nameOfFile(state), state.root)
        if (comparison === 'equal') {
          // Whoever wrote it may have died before it was synced: right in the page cache is not yet right on the disk.
          this.#dirty.add(state)
          state.stamp ??= file.stampSync()
          return
        }
      }
      await this.#whileWriting(new Map([[state, file]]), () => file.write(bytes, offset))
    } finally {
      release()
    }
  }

  markDirty(state: FileState): void {
    this.#dirty.add(state)
  }

  /** It may be synced once more by `sync`. */
  async syncFile(state: FileState): Promise<void> {
    const { file, release } = await this.#files.holdForSync(state)
    await file.sync().finally(release)
  }

  /** `TorrentStorage.sync` */
  async sync(): Promise<void> {
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    const failed: FileState[] = []
    let cause: unknown
    await inLanes(SYNC_LANES, dirty, async (state) => {
      try {
        // Opening it to write would make it again, should somebody have removed it.
        if (this.#files.peek(state) === undefined && (await this.#disk.stat(state.root, state.path)) === undefined) return
        await this.syncFile(state)
      } catch (error) {
        failed.push(state)
        cause = error
      }
    })
    if (failed.length === 0) return
    const names = failed.slice(0, 3).map((state) => `'${nameOfFile(state)}'`)
    const reason = asEngineError(cause, 'DISK_FAILED', 'Cannot sync').message
    throw new EngineError('DISK_FAILED', `Cannot be sure that ${names.join(', ')} reached the disk: ${reason}`, { cause })
  }

  /** Keeps our own writing apart from other people's: looks before, remembers the stamps after. */
  async #whileWriting<Result>(files: ReadonlyMap<FileState, DiskFile>, write: () => Promise<Result>): Promise<Result> {
    for (const [state, file] of files) {
      if (!state.isEmpty && !state.isUntouched(file)) this.#onTouched(state)
      state.isEmpty = false
      state.writers++
      this.#dirty.add(state)
    }
    try {
      return await write()
    } finally {
      for (const [state, file] of files) {
        state.writers--
        // Again: a sync may have begun before the last bytes were there.
        this.#dirty.add(state)
        state.stamp = file.stampSync()
      }
    }
  }
}

/** The bytes over the slices, one after another. @returns true, for whoever asks whether they were right */
async function writeSlices(bytes: Uint8Array, slices: readonly FileSlice[]): Promise<true> {
  let at = 0
  for (const { file, offset, length } of slices) {
    if (file !== undefined) await file.write(bytes.subarray(at, at + length), offset)
    at += length
  }
  return true
}
