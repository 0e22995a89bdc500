import { Bitfield } from '@shoal/protocol/bitfield'
import { asEngineError, type EngineError } from '../base/errors.ts'
import type { AppendFile, Disk } from '../ports/disk.ts'
import type { System } from '../ports/system.ts'
import type { StampRecord } from './file-state.ts'
import type { PieceJournal } from './piece-committer.ts'
import { bootFingerprint, encodeSnapshot, type ResumeState } from './resume-data.ts'
import { RECORD_BYTES, type ResumeRecord, writeRecord } from './resume-record.ts'

/** What a journal begins with: what is known after loading, judging and checking. */
export interface JournalContent {
  readonly infoHash: Uint8Array
  readonly pieceLength: number
  readonly totalSize: number
  readonly verified: Bitfield
  /** Remembered from a crashed run of this same boot: verified, but not yet safe from a power cut. */
  readonly unsynced?: Bitfield | undefined
  readonly stamps: readonly StampRecord[]
  readonly selection: Uint8Array
  readonly uploaded: number
  readonly downloaded: number
  readonly infoRaw?: Uint8Array | undefined
}

/** What a sync point needs of the storage. */
export interface SyncedStorage {
  sync(): Promise<void>
  stamps(): readonly StampRecord[]
}

export interface SyncOutcome {
  /** Verified before, and not sure to be on the disk: to be checked again. Empty when all went well. */
  readonly lostPieces: readonly number[]
  readonly error: EngineError | undefined
}

/**
 * After a power cut a file may be this much newer than the latest record that survived, and more (`resume-trust.ts`);
 * so the first piece after a longer pause waits until its record is on the disk.
 */
const MAX_SILENCE_MS = 20_000
/** After so many records the journal is folded into a new snapshot. */
const MAX_RECORDS = 65_536

/**
 * Writes down what happens to a torrent, so that neither a crash nor a power cut costs more than it must.
 *
 * A verified piece is appended before anybody is told of it: it survives the process. Every few seconds a sync point
 * (`syncPoint`, on the caller's timer) makes the data and then the journal survive the machine. The file is not
 * touched before the first record, so a torrent that only seeds costs nothing; then, and whenever the records have
 * become many, the whole state is written as a new generation. In that order nothing is ever told that is not so.
 */
export class ResumeJournal implements PieceJournal {
  readonly #disk: Disk
  readonly #path: string
  readonly #system: Pick<System, 'wallClock'>
  readonly #boot: number
  readonly #verified: Bitfield
  /** Which record of this generation told of a piece that no sync has covered yet; -1: the snapshot. */
  readonly #unsynced = new Map<number, number>()
  readonly #stamps = new Map<number, StampRecord>()
  #content: JournalContent
  #uploaded: number
  #downloaded: number
  #file: AppendFile | undefined
  #snapshotCrc = 0
  #recordCount = 0
  #generation = 0
  #isClosed = false
  /** The latest time of day that is on the disk. */
  #knownActiveMs = Number.NEGATIVE_INFINITY
  #lastWritingMs = Number.NEGATIVE_INFINITY
  /** Waits for the next write, which takes along what comes until its turn. */
  #gathered: ResumeRecord[] = []
  #gathering: Promise<void> | undefined
  /** Snapshots and records go one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: { disk: Disk; path: string; system: Pick<System, 'wallClock' | 'bootId'>; content: JournalContent }) {
    this.#disk = options.disk
    this.#path = options.path
    this.#system = options.system
    this.#boot = bootFingerprint(options.system.bootId())
    this.#content = options.content
    this.#verified = options.content.verified.clone()
    options.content.unsynced?.forEachSet((pieceIndex) => {
      if (this.#verified.has(pieceIndex)) this.#unsynced.set(pieceIndex, -1)
    })
    for (const stamp of options.content.stamps) this.#stamps.set(stamp.fileIndex, stamp)
    this.#uploaded = options.content.uploaded
    this.#downloaded = options.content.downloaded
  }

  /** Pieces that a power cut would cost a check. */
  get unsyncedCount(): number {
    return this.#unsynced.size
  }

  async onPieceWriting(pieceIndex: number): Promise<void> {
    const wallMs = this.#system.wallClock()
    await this.#append([{ type: 'writing', pieceIndex, wallMs }])
    if (this.#isKnownActive(wallMs)) return
    await this.#inTurn(async () => {
      if (this.#isKnownActive(wallMs)) return
      await this.#file?.sync()
      this.#knownActiveMs = wallMs
    })
  }

  /** A piece is right on disk: just written, or found so by a recheck. */
  onPieceVerified(pieceIndex: number, stamps: readonly StampRecord[]): Promise<void> {
    const records: ResumeRecord[] = stamps.slice(0, -1).map((stamp) => ({ type: 'stamp', stamp }))
    records.push({ type: 'verified', pieceIndex, stamp: stamps.at(-1) })
    return this.#append(records)
  }

  onPieceLost(pieceIndex: number): Promise<void> {
    return this.#append([{ type: 'lost', pieceIndex }])
  }

  /** Bytes of all runs together. */
  setTotals(uploaded: number, downloaded: number): Promise<void> {
    if (uploaded === this.#uploaded && downloaded === this.#downloaded) return Promise.resolve()
    return this.#append([{ type: 'totals', uploaded, downloaded }])
  }

  /** What does not fit into a record makes a new generation. `stamps` are those of all files now. */
  async save(change: { selection?: Uint8Array; infoRaw?: Uint8Array; stamps?: readonly StampRecord[] } = {}): Promise<void> {
    await this.#inTurn(async () => {
      this.#content = { ...this.#content, ...change }
      for (const stamp of change.stamps ?? []) this.#stamps.set(stamp.fileIndex, stamp)
      await this.#writeGeneration(false)
    })
  }

  /** Everything verified so far survives a power cut once this resolves, but for what the outcome says. */
  async syncPoint(storage: Pick<SyncedStorage, 'sync'>): Promise<SyncOutcome> {
    await this.#turn
    if (this.#unsynced.size === 0) return { lostPieces: [], error: undefined }
    const generation = this.#generation
    const recordCount = this.#recordCount
    const covered = new Map(this.#unsynced)
    try {
      await storage.sync()
    } catch (thrown) {
      // The system may have dropped the bytes and forgotten that it did: nothing since the last sync is sure.
      const error = asEngineError(thrown, 'DISK_FAILED', 'Cannot sync the files')
      const lostPieces = [...this.#unsynced.keys()]
      // A journal on the same failing disk cannot make it worse: the pieces stay unsynced there.
      await this.#append(lostPieces.map((pieceIndex) => ({ type: 'lost', pieceIndex }))).catch(() => undefined)
      return { lostPieces, error }
    }
    await this.#inTurn(async () => {
      // A generation that came between has numbered its records anew: the next sync point covers it.
      if (generation !== this.#generation) return
      if (this.#file !== undefined) this.#appendNow([{ type: 'synced', recordCount }])
      for (const [pieceIndex, number] of covered) if (this.#unsynced.get(pieceIndex) === number) this.#unsynced.delete(pieceIndex)
      if (this.#file === undefined) return this.#writeGeneration(false)
      const wallMs = this.#lastWritingMs
      await this.#file.sync()
      this.#knownActiveMs = Math.max(this.#knownActiveMs, wallMs)
    })
    return { lostPieces: [], error: undefined }
  }

  /**
   * A stop in order: syncs and writes a last generation, which the next run believes without looking at the data.
   * Before it, nothing may be writing any more.
   */
  async close(storage?: SyncedStorage): Promise<SyncOutcome> {
    const outcome = storage === undefined ? undefined : await this.syncPoint(storage)
    await this.#inTurn(async () => {
      if (this.#isClosed) return
      for (const stamp of storage?.stamps() ?? []) this.#stamps.set(stamp.fileIndex, stamp)
      const isClean = storage !== undefined && this.#unsynced.size === 0 && outcome?.error === undefined
      try {
        await this.#writeGeneration(isClean)
      } finally {
        this.#isClosed = true
        await this.#closeFile()
      }
    })
    return outcome ?? { lostPieces: [], error: undefined }
  }

  /** Stops without a last word, as a crash would: for a torrent that is removed. */
  async abandon(): Promise<void> {
    await this.#inTurn(async () => {
      this.#isClosed = true
      await this.#closeFile()
    })
  }

  #isKnownActive(wallMs: number): boolean {
    return Math.abs(wallMs - this.#knownActiveMs) <= MAX_SILENCE_MS
  }

  /**
   * Appends, in one write with all that others append until its turn comes, for pieces come in groups; memory follows only
   * when that has succeeded.
   */
  #append(records: readonly ResumeRecord[]): Promise<void> {
    for (const record of records) this.#gathered.push(record)
    this.#gathering ??= this.#inTurn(() => {
      const gathered = this.#gathered
      this.#gathered = []
      this.#gathering = undefined
      return this.#appendInTurn(gathered)
    })
    return this.#gathering
  }

  async #appendInTurn(records: readonly ResumeRecord[]): Promise<void> {
    if (this.#isClosed || records.length === 0) return
    if (this.#file === undefined || this.#recordCount >= MAX_RECORDS) await this.#writeGeneration(false)
    this.#appendNow(records)
  }

  #appendNow(records: readonly ResumeRecord[]): void {
    const bytes = new Uint8Array(records.length * RECORD_BYTES)
    for (const [at, record] of records.entries()) {
      writeRecord(bytes, at * RECORD_BYTES, record, { snapshotCrc: this.#snapshotCrc, number: this.#recordCount + at })
    }
    this.#file!.append(bytes)
    for (const record of records) this.#remember(record, this.#recordCount++)
  }

  #remember(record: ResumeRecord, number: number): void {
    if (record.type === 'verified') {
      this.#verified.set(record.pieceIndex)
      this.#unsynced.set(record.pieceIndex, number)
      if (record.stamp !== undefined) this.#stamps.set(record.stamp.fileIndex, record.stamp)
    } else if (record.type === 'stamp') {
      this.#stamps.set(record.stamp.fileIndex, record.stamp)
    } else if (record.type === 'lost') {
      this.#verified.clear(record.pieceIndex)
      this.#unsynced.delete(record.pieceIndex)
    } else if (record.type === 'writing') {
      this.#lastWritingMs = record.wallMs
    } else if (record.type === 'totals') {
      this.#uploaded = record.uploaded
      this.#downloaded = record.downloaded
    }
  }

  async #writeGeneration(isClean: boolean): Promise<void> {
    const unsynced = Bitfield.empty(this.#verified.size)
    for (const pieceIndex of this.#unsynced.keys()) unsynced.set(pieceIndex)
    const activeMs = this.#system.wallClock()
    const state: ResumeState = {
      infoHash: this.#content.infoHash,
      pieceLength: this.#content.pieceLength,
      totalSize: this.#content.totalSize,
      isClean,
      boot: this.#boot,
      verified: this.#verified,
      unsynced,
      activeMs,
      snapshotMs: activeMs,
      writing: new Map(),
      stamps: this.#stamps,
      syncedStamps: this.#stamps,
      selection: this.#content.selection,
      uploaded: this.#uploaded,
      downloaded: this.#downloaded,
      infoRaw: this.#content.infoRaw,
    }
    const { bytes, crc } = encodeSnapshot(state)
    await this.#disk.replaceState(this.#path, bytes)
    this.#knownActiveMs = activeMs
    // Only now: until the new file is there, the old one goes on.
    await this.#closeFile()
    this.#file = await this.#disk.openAppend(this.#path)
    this.#snapshotCrc = crc
    this.#recordCount = 0
    this.#generation++
    for (const pieceIndex of this.#unsynced.keys()) this.#unsynced.set(pieceIndex, -1)
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    // Nothing is buffered, so a failed close loses nothing.
    await file?.close().catch(() => undefined)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work)
    // Its failure belongs to whoever asked, not to the next in turn.
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}
