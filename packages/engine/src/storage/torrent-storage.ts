import type { Bitfield } from '@shoal/protocol/bitfield'
import { equalBytes } from '@shoal/protocol/bytes'
import type { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError } from '../base/errors.ts'
import type { Disk, FileStamp } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { System } from '../ports/system.ts'
import { FileClaims } from './file-claims.ts'
import { type FileState, type StampRecord, sameStamp } from './file-state.ts'
import { inLanes } from './lanes.ts'
import { type CopySource, PieceWriter } from './piece-writer.ts'
import { readRun, viewsOfSpans } from './scattered-views.ts'
import type { SlabPool } from './slab-pool.ts'
import { countFiles, MAX_FILES_AT_ONCE, type PlaceOnDisk, StoredFiles, type StoredSpan } from './stored-files.ts'
import { hashOfPiece, type StoredTorrent } from './stored-torrent.ts'
import { WriteGate } from './write-gate.ts'

export interface StorageOptions {
  readonly disk: Disk
  readonly hasher: Hasher
  /** The session's, shared by its torrents. */
  readonly slabs: SlabPool
  readonly system: Pick<System, 'now'>
  readonly torrent: StoredTorrent
  /** The download folder. */
  readonly root: string
  /** Where bytes of unwanted files go that came with a wanted piece. */
  readonly parts: PlaceOnDisk
  /** `full` reserves the blocks of a file before its first byte is written. */
  readonly preallocation: 'sparse' | 'full'
  /** One answer a file, at its index. */
  readonly wanted: readonly boolean[]
  /** Files open at the same time. */
  readonly maxOpenFiles?: number
  /**
   * Somebody else wrote to, replaced or removed this file: its pieces are unproven from now on (R1). Called at
   * most once a change, also from inside a read.
   */
  readonly onFileChanged: (fileIndex: number) => void
}

/** `later`: use `readBlocks`. `short`: the bytes are not there. */
export type ReadOutcome = 'ok' | 'later' | 'short'

const MAX_OPEN_FILES = 128
/** Files looked at in one round of `lookForChanges`. */
const FILES_A_ROUND = 256
const LOOK_LANES = 4
/** A file that others write to without end cannot be served. */
const MAX_READ_TRIES = 3

/**
 * The content of one torrent on disk: reads blocks, verifies pieces, and writes pieces that are right.
 *
 * Before use: `survey` (what is there?), a recheck of what cannot be trusted, `claim` (may we write there?).
 * What it never does: write a byte that has not been verified, shorten a file, overwrite a file that is not this
 * torrent's (`foreign-files.ts`), make a padding file or a symbolic link, follow one.
 */
export class TorrentStorage {
  readonly geometry: PieceGeometry
  readonly #disk: Disk
  readonly #hasher: Hasher
  readonly #slabs: SlabPool
  readonly #system: Pick<System, 'now'>
  readonly #files: StoredFiles
  readonly #claims: FileClaims
  readonly #onFileChanged: (fileIndex: number) => void
  readonly #writer: PieceWriter
  readonly #gate = new WriteGate()
  #nextLook = 0
  #scratch: { readonly bytes: Uint8Array; turn: Promise<unknown> } | undefined

  constructor(options: StorageOptions) {
    this.#disk = options.disk
    this.#hasher = options.hasher
    this.#slabs = options.slabs
    this.#system = options.system
    this.#onFileChanged = options.onFileChanged
    this.#files = new StoredFiles({
      disk: options.disk,
      torrent: options.torrent,
      root: options.root,
      parts: options.parts,
      isReserving: options.preallocation === 'full',
      maxOpenFiles: options.maxOpenFiles ?? MAX_OPEN_FILES,
    })
    this.geometry = this.#files.geometry
    for (const state of this.#files.states) state.isWanted = options.wanted[state.index] ?? true
    this.#claims = new FileClaims({ disk: options.disk, files: this.#files })
    this.#writer = new PieceWriter({ ...options, files: this.#files, onTouched: (state) => this.#tellChanged(state) })
  }

  /** What people should know about files that are not made (BEP 47 links). */
  get notes(): readonly string[] {
    return this.#claims.notes
  }

  get openFileCount(): number {
    return this.#files.openCount
  }

  // ── before use ────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Looks which files are there; `known` is what resume data remembers of them, undefined when there is none.
   * @returns the stamp of each file on disk, undefined where there is none; the last one is the parts file's.
   * @throws {EngineError} `PATH_UNSAFE`, `NOT_READABLE`: a wanted file cannot be looked at
   */
  survey(known: readonly StampRecord[] | undefined): Promise<readonly (FileStamp | undefined)[]> {
    return this.#claims.survey(known)
  }

  /** After `survey`: which of the files on disk holds the bytes of a file (the parts file counts as the one after the last). */
  homeOf(fileIndex: number): number | undefined {
    const state = this.#files.states[fileIndex]
    return state && this.#files.homeOf(state)?.index
  }

  /** After `survey`: are the files under a piece there at all? */
  isPieceThere(pieceIndex: number): boolean {
    return this.#files.spansOfPiece(pieceIndex).every(({ state }) => state === undefined || this.#claims.isThere(state))
  }

  /** A piece that this run found right and did not write, so others may not have synced it: the next `sync` covers it. */
  markUnsynced(pieceIndex: number): void {
    for (const { state } of this.#files.spansOfPiece(pieceIndex)) if (state !== undefined) this.#writer.markDirty(state)
  }

  /**
   * Decides of every file that is there whether it may be written, makes empty files, and brings files that are
   * wanted out of the parts file. `verified` is what the disk is known to hold after the recheck, `begun` which files
   * the last run may have begun without a word of it (`resume-trust.ts`).
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`, before anything is written
   */
  async claim(verified: Bitfield, begun: ReadonlySet<number>): Promise<void> {
    await this.#gate.alone(async () => {
      await this.#claims.claim(verified, begun)
      for (const state of this.#files.states) if (state.isWanted && state.place === 'parts') await this.#moveOut(state)
    })
  }

  // ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Fills the views, one after another, from the page cache. Hot path: when the run lies in one open file this is
   * one scatter read and allocates nothing. Files whose reads are slow, closed files, and files that somebody else
   * has touched are left to `readBlocks`.
   */
  readBlocksSync(pieceIndex: number, begin: number, views: readonly Uint8Array[]): ReadOutcome {
    let length = 0
    for (const view of views) length += view.length
    const offset = this.geometry.pieceOffset(pieceIndex) + begin
    const file = this.#files.states[this.#files.layout.fileAt(offset)]!
    if (offset + length > file.offset + file.length) return this.#readAcrossSync(offset, length, views)
    const state = this.#files.homeOf(file)
    return this.#readSpanSync(state, state === file ? offset - file.offset : offset, length, views)
  }

  /**
   * The same without stopping the thread. A file that somebody else has touched is reported, and the piece is
   * hashed before any of it is given out.
   * @returns whether all bytes were there (and right, if they had to be checked)
   * @throws {EngineError} `FILE_MISSING`, `NOT_READABLE`, …
   */
  async readBlocks(pieceIndex: number, begin: number, views: readonly Uint8Array[]): Promise<boolean> {
    let length = 0
    for (const view of views) length += view.length
    const spans = this.#files.spans(this.geometry.pieceOffset(pieceIndex) + begin, length)
    const wasClosed = spans.some(({ state }) => state !== undefined && this.#files.peek(state) === undefined)
    const held = await this.#files.holdSpans(spans, 'read')
    try {
      // That was all that was missing: what the page cache holds goes the cheap way after all.
      if (wasClosed && this.readBlocksSync(pieceIndex, begin, views) === 'ok') return true
      for (let tries = 0; tries < MAX_READ_TRIES; tries++) {
        let isWhole = true
        for (const [at, run] of viewsOfSpans(spans, views).entries()) isWhole = isWhole && (await readRun(held.slices[at]!, run))
        let isTouched = false
        for (const [state, file] of held.files) {
          if (state.isUntouched(file)) continue
          state.stamp = file.stampSync()
          this.#tellChanged(state)
          isTouched = true
        }
        if (!isTouched) return isWhole
        if (!(await this.verifyPiece(pieceIndex))) return false
      }
      return false
    } finally {
      held.release()
    }
  }

  /** Does the piece on disk hash right? A file that is missing or too short makes it wrong, not an error. */
  async verifyPiece(pieceIndex: number): Promise<boolean> {
    const spans = this.#files.spansOfPiece(pieceIndex)
    try {
      if (countFiles(spans) > MAX_FILES_AT_ONCE) return await this.#verifyFileByFile(pieceIndex, spans)
      const held = await this.#files.holdSpans(spans, 'read')
      try {
        // From here on a change by others is noticed, also one made while we hash.
        for (const [state, file] of held.files) state.stamp ??= file.stampSync()
        const digest = await this.#hasher.hashSlices(held.slices)
        return digest !== undefined && equalBytes(digest, hashOfPiece(this.#files.torrent, pieceIndex))
      } finally {
        held.release()
      }
    } catch (error) {
      if (error instanceof EngineError && error.code === 'FILE_MISSING') return false
      throw error
    }
  }

  // ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Hashes a piece and, if it is right, writes it. `bytes` are memory of `hasher.allocate` and belong to the
   * workers until the promise settles. `digest` is their SHA-1, where it is known already.
   * @returns whether the hash was right; the bytes are in the files (not yet synced) when it resolves
   * @throws {EngineError} `DISK_FULL`, `FILE_FOREIGN`, `NOT_WRITABLE`, …; the piece counts as not written then
   */
  writePiece(pieceIndex: number, bytes: Uint8Array, digest?: Uint8Array): Promise<boolean> {
    return this.#gate.among(() => this.#writer.writePiece(pieceIndex, bytes, digest))
  }

  /** The same for a piece that is too large for memory and lies in a file of ours. */
  copyPiece(pieceIndex: number, source: CopySource): Promise<boolean> {
    return this.#gate.among(() => this.#writer.copyPiece(pieceIndex, source))
  }

  /**
   * Everything written so far survives a power cut once this resolves.
   * @throws {EngineError} `DISK_FAILED`: what was written since the last sync may be lost and must be checked again;
   * asking a second time would only look like success
   */
  sync(): Promise<void> {
    return this.#writer.sync()
  }

  // ── what others do to the files ───────────────────────────────────────────────────────────────────────────────

  /** Looks at some of the files (all, in turns) and reports those that others touched. For a timer of a few seconds. */
  async lookForChanges(): Promise<void> {
    const states = [...this.#files.states, this.#files.parts]
    const round: FileState[] = []
    for (let looked = 0; looked < states.length && round.length < FILES_A_ROUND; looked++) {
      const state = states[this.#nextLook++ % states.length]!
      if (state.stamp !== undefined && state.writers === 0) round.push(state)
    }
    this.#nextLook %= states.length
    await inLanes(LOOK_LANES, round, async (state) => {
      const before = state.stamp
      // What can no longer be looked at is gone for us, whatever the reason.
      const stamp = await this.#disk.stat(state.root, state.path).catch(() => undefined)
      if (state.writers > 0 || state.stamp !== before || before === undefined) return
      if (stamp !== undefined && sameStamp(stamp, before)) return
      state.stamp = stamp
      // The name may lead to another file now, which is not ours if ours is gone.
      this.#files.forget(state)
      if (stamp === undefined && state !== this.#files.parts) state.claim = 'unknown'
      this.#tellChanged(state)
    })
  }

  /** A piece that counts as here is only believed: how its files look is not to be remembered until `endDoubts`. */
  doubt(pieceIndex: number): void {
    for (const { state } of this.#files.spansOfPiece(pieceIndex)) if (state !== undefined) state.isDoubted = true
  }

  /** Every piece that counts as here has been proven. */
  endDoubts(): void {
    for (const state of [...this.#files.states, this.#files.parts]) state.isDoubted = false
  }

  /** What to remember of the files under a piece, for resume data. */
  stampsOfPiece(pieceIndex: number): readonly StampRecord[] {
    const stamps: StampRecord[] = []
    for (const { state } of this.#files.spansOfPiece(pieceIndex)) {
      const stamp = state && stampRecord(state)
      if (stamp !== undefined && stamps.at(-1)?.fileIndex !== stamp.fileIndex) stamps.push(stamp)
    }
    return stamps
  }

  /** What to remember of all files. */
  stamps(): readonly StampRecord[] {
    return [...this.#files.states, this.#files.parts].map(stampRecord).filter((stamp) => stamp !== undefined)
  }

  /** The files on disk that are the torrent's beyond doubt: made by us, or right from end to end. The parts file is not among them. */
  ownFiles(isHad: (pieceIndex: number) => boolean): readonly number[] {
    return this.#files.states
      .filter((state) => state.place === 'file' && state.stamp !== undefined && (state.claim === 'ours' || this.#isWhole(state, isHad)))
      .map(({ index }) => index)
  }

  #isWhole(state: FileState, isHad: (pieceIndex: number) => boolean): boolean {
    const { begin, end } = this.#files.layout.piecesOfFile(state.index, this.geometry.pieceLength)
    for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) if (!isHad(pieceIndex)) return false
    return state.stamp?.size === state.length
  }

  // ── selection, end ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Changes which files are wanted. The bytes that we already have of a file that is wanted now are brought out of
   * the parts file; a file that is not wanted any more stays where it is.
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`, …: that file and those after it stay as they were
   */
  async setWanted(wanted: readonly boolean[]): Promise<void> {
    await this.#gate.alone(async () => {
      for (const state of this.#files.states) {
        const isWanted = wanted[state.index] ?? true
        if (isWanted === state.isWanted) continue
        if (isWanted && state.place === 'parts') await this.#moveOut(state)
        state.isWanted = isWanted
        if (!isWanted && state.place === 'file' && state.claim === 'unknown' && !state.isPrepared && state.preparing === undefined)
          state.place = 'parts'
        if (isWanted && state.length === 0) await this.#claims.makeIfEmpty(state)
      }
    })
  }

  /** Waits for pieces being read and written, then closes all files. Does not sync. */
  async close(): Promise<void> {
    await this.#gate.alone(async () => {
      await this.#scratch?.turn
      if (this.#scratch !== undefined) this.#slabs.giveBack(this.#scratch.bytes)
      this.#scratch = undefined
      await this.#files.close()
    })
  }

  /** After `close`: removes the parts file and, if asked, the torrent's own files. Files of others stay. */
  async remove(options: { readonly content: boolean }): Promise<void> {
    await this.#removeIfThere(this.#files.parts)
    if (!options.content) return
    for (const state of this.#files.states) {
      if (state.claim === 'ours' && state.place === 'file') await this.#removeIfThere(state)
    }
  }

  async #removeIfThere(state: FileState): Promise<void> {
    if ((await this.#disk.stat(state.root, state.path)) !== undefined) await this.#disk.removeFile(state.root, state.path)
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

  #readSpanSync(state: FileState | undefined, offset: number, length: number, views: readonly Uint8Array[]): ReadOutcome {
    if (state === undefined) {
      for (const view of views) view.fill(0)
      return 'ok'
    }
    const startMs = this.#system.now()
    if (state.isSlow(startMs)) return 'later'
    const file = this.#files.peek(state)
    if (file === undefined) return 'later'
    const got = file.readSync(views, offset)
    const endMs = this.#system.now()
    state.onRead(endMs - startMs, endMs)
    // Looked at after the read, each time: what was written before we read is never sent (R1). It costs 1.6 µs beside
    // the 22 µs of a whole run.
    if (!state.isUntouched(file)) return 'later'
    return got === length ? 'ok' : 'short'
  }

  #readAcrossSync(offset: number, length: number, views: readonly Uint8Array[]): ReadOutcome {
    const spans = this.#files.spans(offset, length)
    for (const [at, run] of viewsOfSpans(spans, views).entries()) {
      const span = spans[at]!
      const outcome = this.#readSpanSync(span.state, span.offset, span.length, run)
      if (outcome !== 'ok') return outcome
    }
    return 'ok'
  }

  /** For pieces of very many files: read into one buffer, a file at a time, and hashed there. One such piece at once. */
  async #verifyFileByFile(pieceIndex: number, spans: readonly StoredSpan[]): Promise<boolean> {
    this.#scratch ??= { bytes: this.#slabs.take(this.geometry.pieceLength), turn: Promise.resolve() }
    const scratch = this.#scratch
    const mine = scratch.turn.then(async () => {
      const bytes = scratch.bytes.subarray(0, this.geometry.pieceSize(pieceIndex))
      let at = 0
      for (const { state, offset, length } of spans) {
        const view = bytes.subarray(at, at + length)
        at += length
        if (state === undefined) {
          view.fill(0)
          continue
        }
        const { file, release } = await this.#files.hold(state)
        try {
          state.stamp ??= file.stampSync()
          if ((await file.read([view], offset)) < length) return false
        } finally {
          release()
        }
      }
      return this.#hasher.verifyAndWrite(bytes, hashOfPiece(this.#files.torrent, pieceIndex), [])
    })
    // Whoever waits for the turn does not care how the one before ended.
    scratch.turn = mine.catch(() => undefined)
    return mine
  }

  #tellChanged(changed: FileState): void {
    changed.isDoubted = true
    const files = changed === this.#files.parts ? this.#files.states.filter((state) => state.place === 'parts') : [changed]
    for (const { index } of files) this.#onFileChanged(index)
  }

  /** Copies what we have of a file out of the parts file. Only pieces that verify: the file may be somebody's. */
  async #moveOut(state: FileState): Promise<void> {
    const { begin, end } = this.#files.layout.piecesOfFile(state.index, this.geometry.pieceLength)
    let isCopied = false
    for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) {
      if (!(await this.verifyPiece(pieceIndex))) continue
      const pieceOffset = this.geometry.pieceOffset(pieceIndex)
      const from = Math.max(0, pieceOffset - state.offset)
      const to = Math.min(state.length, pieceOffset + this.geometry.pieceSize(pieceIndex) - state.offset)
      const { file, release } = await this.#files.hold(this.#files.parts)
      try {
        await this.#writer.copySpan(state, from, { file, offset: state.offset + from, length: to - from })
      } finally {
        release()
      }
      isCopied = true
    }
    // The pieces may have been synced long ago: from here on it is the copy that the journal speaks of.
    if (isCopied) await this.#writer.syncFile(state)
    state.place = 'file'
  }
}

function stampRecord(state: FileState): StampRecord | undefined {
  if (state.stamp === undefined || state.isDoubted || state.place === 'nowhere') return undefined
  return { fileIndex: state.index, size: state.stamp.size, modifiedMs: state.stamp.modifiedMs, isSuspect: state.claim !== 'ours' }
}
