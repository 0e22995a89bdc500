import { FileLayout } from '@shoal/protocol/metainfo/file-layout'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError } from '../base/errors.ts'
import type { Disk, DiskFile, OpenMode } from '../ports/disk.ts'
import type { FileSlice } from '../ports/hasher.ts'
import { FileState, sameStamp } from './file-state.ts'
import { foreignFile } from './foreign-files.ts'
import { type HeldFile, OpenFiles } from './open-files.ts'
import { nameOfFile, type StoredTorrent } from './stored-torrent.ts'

/** Where a file of ours lies: below `root`, made of clean components. */
export interface PlaceOnDisk {
  readonly root: string
  readonly path: readonly string[]
}

/** A run of bytes inside one file on disk; without `state` it is in no file and reads as zeros. */
export interface StoredSpan {
  readonly state: FileState | undefined
  /** Bytes from the start of the file on disk. */
  readonly offset: number
  readonly length: number
}

/** The files under a piece, held open. */
export interface HeldSpans {
  readonly slices: readonly FileSlice[]
  readonly files: ReadonlyMap<FileState, DiskFile>
  readonly release: () => void
}

/** A piece of more files than this is not held open as a whole: its files are taken one after another. */
export const MAX_FILES_AT_ONCE = 48

export function countFiles(spans: readonly StoredSpan[]): number {
  let count = 0
  for (const { state } of spans) if (state !== undefined) count++
  return count
}

/**
 * The files of one torrent on disk: which bytes of the torrent are in which of them, and opening and making them.
 *
 * The bytes of files that nobody wants lie in the parts file, at their offset in the torrent: a piece at the edge
 * of a wanted file can be verified and shared without making its neighbours.
 *
 * ```
 * torrent     |      a (wanted)      |   b (unwanted)   |      c (wanted)      |
 * pieces      |       0       |       1       |       2       |       3        |
 * a, c        |======================|                  |======================|
 * parts file                         |========= sparse =|
 * ```
 */
export class StoredFiles {
  readonly torrent: StoredTorrent
  readonly geometry: PieceGeometry
  readonly layout: FileLayout
  /** One a file of the torrent, at its index. */
  readonly states: readonly FileState[]
  readonly parts: FileState
  readonly #disk: Disk
  readonly #root: string
  readonly #open: OpenFiles
  readonly isReserving: boolean

  constructor(options: {
    disk: Disk
    torrent: StoredTorrent
    root: string
    parts: PlaceOnDisk
    isReserving: boolean
    maxOpenFiles: number
  }) {
    const { torrent } = options
    this.torrent = torrent
    this.geometry = new PieceGeometry(torrent)
    this.layout = new FileLayout(torrent.files)
    this.states = torrent.files.map((file, index) => new FileState({ ...file, index, root: options.root }))
    for (const [index, file] of torrent.files.entries()) {
      if (file.isPadding || file.symlinkTarget !== undefined) this.states[index]!.place = 'nowhere'
    }
    this.parts = new FileState({ ...options.parts, index: this.states.length, offset: 0, length: torrent.totalSize, isExecutable: false })
    this.parts.claim = 'ours'
    this.#disk = options.disk
    this.#root = options.root
    this.isReserving = options.isReserving
    this.#open = new OpenFiles({ maxOpen: options.maxOpenFiles, openFile: (key, mode) => this.#openByKey(key, mode) })
  }

  get openCount(): number {
    return this.#open.openCount
  }

  /** The file on disk that holds the bytes of a file of the torrent now. */
  homeOf(state: FileState): FileState | undefined {
    return state.place === 'file' ? state : state.place === 'parts' ? this.parts : undefined
  }

  /** The runs on disk that bytes of the torrent are made of; neighbours in one file on disk are one run. */
  spans(offset: number, length: number): readonly StoredSpan[] {
    const spans: StoredSpan[] = []
    let last: StoredSpan | undefined
    for (const { fileIndex, fileOffset, length: spanLength } of this.layout.spans(offset, length)) {
      const file = this.states[fileIndex]!
      const state = this.homeOf(file)
      const at = state === file ? fileOffset : file.offset + fileOffset
      if (last !== undefined && last.state === state && last.offset + last.length === at) {
        last = { state, offset: last.offset, length: last.length + spanLength }
        spans[spans.length - 1] = last
      } else {
        last = { state, offset: at, length: spanLength }
        spans.push(last)
      }
    }
    return spans
  }

  spansOfPiece(pieceIndex: number): readonly StoredSpan[] {
    return this.spans(this.geometry.pieceOffset(pieceIndex), this.geometry.pieceSize(pieceIndex))
  }

  /** The file if it is open, for use before the next `await` only. */
  peek(state: FileState): DiskFile | undefined {
    return this.#open.peek(state.index)
  }

  /** Opens a file to read it. @throws {EngineError} `FILE_MISSING` and what else the disk port says */
  hold(state: FileState): Promise<HeldFile> {
    return this.#open.hold(state.index, 'read')
  }

  /**
   * Opens a file to write it; the first time it is made and given its length, unless all of it is about to be written.
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL` and what else the disk port says
   */
  async holdForWriting(state: FileState, willFill = false): Promise<HeldFile> {
    if (!state.isPrepared) {
      state.preparing ??= this.#prepare(state, willFill).finally(() => {
        state.preparing = undefined
      })
      await state.preparing
    }
    return this.#open.hold(state.index, 'write')
  }

  /** Opens a file to sync it: to write, which saves its name too; one that we may not write to has its name from others. */
  async holdForSync(state: FileState): Promise<HeldFile> {
    try {
      return await this.#open.hold(state.index, 'write')
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'NOT_WRITABLE') throw error
      return this.hold(state)
    }
  }

  async holdSpans(spans: readonly StoredSpan[], mode: OpenMode): Promise<HeldSpans> {
    const held: HeldFile[] = []
    const files = new Map<FileState, DiskFile>()
    const release = (): void => {
      for (const file of held) file.release()
    }
    try {
      const slices: FileSlice[] = []
      for (const { state, offset, length } of spans) {
        if (state !== undefined && !files.has(state)) {
          // Without an `await` for what is open already: that is nearly always all of it.
          const open = mode === 'read' || state.isPrepared ? this.#open.holdOpen(state.index, mode) : undefined
          const one = open ?? (await (mode === 'write' ? this.holdForWriting(state, length === state.length) : this.hold(state)))
          held.push(one)
          files.set(state, one.file)
        }
        slices.push({ file: state && files.get(state), offset, length })
      }
      return { slices, files, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Whatever we have open is no longer what the name leads to: the next use opens anew. */
  forget(state: FileState): void {
    state.isPrepared = false
    state.isEmpty = false
    this.#open.forget(state.index)
  }

  /** Before blocks are reserved. @throws {EngineError} `DISK_FULL`, with the numbers, when fewer than `bytes` are free */
  async requireSpace(bytes: number): Promise<void> {
    const freeBytes = bytes > 0 ? await this.#disk.freeBytes(this.#root) : undefined
    if (freeBytes === undefined || freeBytes >= bytes) return
    throw new EngineError(
      'DISK_FULL',
      `Cannot store ${bytes} more bytes in ${this.#root}: ${freeBytes} are free. Free at least ${bytes - freeBytes} bytes or choose another folder.`,
    )
  }

  close(): Promise<void> {
    return this.#open.close()
  }

  #openByKey(key: number, mode: OpenMode): Promise<DiskFile> {
    const state = this.states[key] ?? this.parts
    return this.#disk.openFile(state.root, state.path, mode, { executable: state.isExecutable })
  }

  async #prepare(state: FileState, willFill: boolean): Promise<void> {
    const { file, isJustOpened, release } = await this.#open.hold(state.index, 'write')
    try {
      const found = isJustOpened ? file.stampAtOpen : file.stampSync()
      const { size } = found
      if (state.claim === 'unknown') {
        // Nobody has looked at it, or it appeared after we did.
        if (size > state.length || (size > 0 && size < state.length)) throw foreignFile(nameOfFile(state), state.root)
        state.claim = size === 0 ? 'ours' : 'suspect'
      }
      // The parts file stays sparse; a suspect file is not touched before its bytes have been compared.
      if (state !== this.parts && state.claim === 'ours') {
        const isGrowing = size < state.length && (this.isReserving || !willFill)
        if (isGrowing) {
          if (this.isReserving) await this.requireSpace(state.length - size)
          await file.grow(state.length, this.isReserving)
        }
        // A file that somebody touched keeps the stamp that tells so: whoever reads or writes it next finds out.
        if (state.stamp === undefined || sameStamp(state.stamp, found)) {
          state.stamp = isGrowing ? file.stampSync() : found
          state.isEmpty = size === 0
        }
      }
      state.isPrepared = true
    } finally {
      release()
    }
  }
}
