import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogLine, TorrentError, TorrentItem } from '@shoal/api/daemon-api'
import { decodePieceMap, encodePieceMap } from '@shoal/api/piece-map'
import {
  type Bitfield,
  DEFAULT_SWARM_OPTIONS,
  EngineError,
  type AddTorrent as EngineInput,
  type Info,
  type Session,
  type Torrent,
  type TorrentState,
} from '@shoal/engine'
import { parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { encodeMetainfo, type Metainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import type { DaemonSystem } from './daemon-system.ts'
import { HASHES, type MetainfoFiles } from './metainfo-files.ts'
import { engineInput, factsOf, remembered, wantedOf } from './torrent-facts.ts'
import type { TorrentRecord } from './torrent-record.ts'
import { knowsContent, torrentItem, withoutKey } from './torrent-view.ts'
import { areUntouched } from './untouched-files.ts'

const MAX_LOG_LINES = 200
/** Slower than the settings say for so long: it does not count as active. */
const SLOW_AFTER_MS = 60_000

/** So much time of running may be lost when the daemon is killed. */
const KEEP_TIME_MS = 600_000

/** What a held torrent needs of the daemon, and tells it. */
export interface HeldTorrentOwner {
  readonly session: Session
  readonly system: DaemonSystem
  readonly metainfoFiles: Pick<MetainfoFiles, 'keep' | 'read'>
  /** The record has changed. @returns when it is saved */
  onRecord(held: HeldTorrent): Promise<void>
  /** Something that the queue decides by has changed. */
  onStatus(held: HeldTorrent): void
  /** Something that people see has changed. */
  onNews(held: HeldTorrent): void
  onLog(held: HeldTorrent, line: LogLine): void
  /** All that is wanted has come, for the first time. */
  onCompleted(held: HeldTorrent): void
}

/**
 * One torrent of the daemon: what is remembered of it, and the engine's torrent while it runs. At rest it costs its record.
 *
 * It runs when its owner says so; whatever takes time goes through `exclusively`, one thing after another.
 */
export class HeldTorrent {
  readonly log: LogLine[] = []
  #record: TorrentRecord
  readonly #owner: HeldTorrentOwner
  #engine: Torrent | undefined
  #offs: (() => void)[] = []
  #turn: Promise<unknown> = Promise.resolve()
  #error: TorrentError | undefined
  #activeMs = 0
  #seedingMs = 0
  #idleMs = 0
  #slowMs = 0
  #counted: { downloaded: number; uploaded: number } | undefined
  queuePosition: number | null = null
  /** Its data may be missing: it is fetched again then. */
  #mayBeGone = false
  /** Its owner has decided to start or stop it, and that is on its way. */
  isSettling = false

  constructor(record: TorrentRecord, owner: HeldTorrentOwner) {
    this.#record = record
    this.#owner = owner
  }

  get id(): string {
    return this.#record.id
  }

  get record(): TorrentRecord {
    return this.#record
  }

  get engine(): Torrent | undefined {
    return this.#engine
  }

  get state(): TorrentState['status'] {
    return this.#engine?.state.status ?? 'stopped'
  }

  get error(): TorrentError | undefined {
    return this.#error
  }

  get isComplete(): boolean {
    const { size, wantedSize, haveBytes } = this.#record
    if (this.#engine !== undefined && knowsContent(this.#engine.state)) return this.state === 'seeding' || this.state === 'finished'
    return size > 0 && haveBytes >= wantedSize
  }

  /** It takes its time to look at what is on the disk, and others wait with theirs. */
  get isOpening(): boolean {
    return this.state === 'checking'
  }

  /** It has been next to idle for a while: it takes no place of the queue. */
  get isSlow(): boolean {
    return this.#slowMs >= SLOW_AFTER_MS
  }

  get sharing(): { readonly size: number; readonly uploaded: number; readonly seedingMs: number; readonly idleMs: number } {
    const { wantedSize, uploaded, seedingMs } = this.#record
    return { size: wantedSize, uploaded: this.#counted?.uploaded ?? uploaded, seedingMs: seedingMs + this.#seedingMs, idleMs: this.#idleMs }
  }

  /** How long it has been running, and sharing all that is wanted. */
  get times(): { readonly activeMs: number; readonly seedingMs: number } {
    const { activeMs, seedingMs } = this.#record
    return { activeMs: Math.round(activeMs + this.#activeMs), seedingMs: Math.round(seedingMs + this.#seedingMs) }
  }

  get item(): TorrentItem {
    return torrentItem(this.#record, {
      summary: this.#engine?.summary(),
      error: this.#error,
      queuePosition: this.queuePosition,
    })
  }

  /** Work on this torrent, one after another. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work)
    this.#turn = done.catch(() => {}) // whoever asked for it hears of it
    return done
  }

  /** Seen at once, and saved soon: on the disk when it resolves. */
  change(change: Partial<TorrentRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change }
    this.#owner.onNews(this)
    return this.#owner.onRecord(this)
  }

  /** Changes what may be changed while it runs, and lets the engine know. */
  steer(change: Partial<Omit<TorrentRecord, 'id' | 'dir'>>): void {
    void this.change(change)
    const engine = this.#engine
    if (engine === undefined) return
    applyLimits(engine, this.#record)
    if (change.priorities !== undefined) this.#setPriorities(change.priorities)
    if (change.trackers !== undefined) engine.setTrackers(change.trackers)
  }

  /** What stood in the way may be gone; and if its data is, somebody wants it fetched again. */
  forgetError(): void {
    this.#error = undefined
    this.#mayBeGone = true
  }

  /** Gives it to the engine. What is wrong with it becomes its error. Only inside `exclusively`. */
  async start(): Promise<void> {
    if (this.#engine !== undefined) return
    try {
      this.#adopt(this.#owner.session.add(await this.#input()))
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Lets the engine work at the files of this torrent, whether it runs or rests. Only inside `exclusively`. One that rests
   * meets nobody meanwhile, and rests again afterwards.
   *
   * @param asks `files`: they are closed for the work; `content`: it has to know what is there when the work is done
   */
  async work(asks: 'files' | 'content', work: (engine: Torrent) => Promise<void>): Promise<void> {
    if (this.#engine !== undefined) {
      await work(this.#engine)
      return
    }
    const engine = this.#owner.session.add({ ...(await this.#input()), trackerTiers: [], peers: [] })
    this.#adopt(engine)
    try {
      if (asks === 'files') await engine.stop()
      await work(engine)
      if (asks === 'content') await engine.whenReady()
    } finally {
      await this.stop()
    }
  }

  /** Ends what was begun with `work`: everything stays, or is again, where it was. */
  async interrupt(): Promise<void> {
    await this.#engine?.stop()
  }

  /** Takes it from the engine, trackers told and files closed. Only inside `exclusively`. */
  async stop(): Promise<void> {
    const engine = this.#engine
    if (engine === undefined) return
    this.#remember()
    for (const off of this.#offs.splice(0)) off()
    this.#engine = undefined
    this.#slowMs = 0
    this.#owner.onNews(this)
    try {
      await this.#owner.session.remove(engine)
    } catch (error) {
      this.say('warning', `It was not stopped in order: ${messageOf(error)}`)
    }
  }

  /** Counts what has passed since the last time. @returns what was moved meanwhile */
  tick(elapsedMs: number, slowRate: number): { readonly downloaded: number; readonly uploaded: number } {
    const summary = this.#engine?.summary()
    if (summary === undefined || !knowsContent(summary.state)) return { downloaded: 0, uploaded: 0 }
    const isComplete = this.isComplete
    this.#activeMs += elapsedMs
    if (isComplete) {
      this.#seedingMs += elapsedMs
      this.#idleMs = summary.uploadRate > 0 ? 0 : this.#idleMs + elapsedMs
    }
    const rate = isComplete ? summary.uploadRate : summary.downloadRate
    this.#slowMs = rate < slowRate || rate === 0 ? this.#slowMs + elapsedMs : 0
    const { downloaded, uploaded } = summary
    const before = this.#counted ?? { downloaded, uploaded }
    this.#counted = { downloaded, uploaded }
    return { downloaded: Math.max(0, downloaded - before.downloaded), uploaded: Math.max(0, uploaded - before.uploaded) }
  }

  /** Puts into the record what has been counted, if something was moved; time alone is written down now and then. */
  keepCounts(): void {
    if (this.#engine === undefined) return
    const { downloaded, uploaded } = this.#counted ?? this.#record
    const hasMoved = downloaded !== this.#record.downloaded || uploaded !== this.#record.uploaded
    if (hasMoved || this.#activeMs >= KEEP_TIME_MS) this.#remember()
  }

  /** What is verified; undefined while nothing is known. */
  get pieces(): Bitfield | undefined {
    return this.#engine?.snapshot().havePieces
  }

  get piecesText(): string {
    const have = this.pieces
    return have === undefined ? (this.#record.pieces ?? '') : encodePieceMap(have)
  }

  /** As far as it is known without running. */
  piecesAtRest(pieceCount: number): Bitfield | undefined {
    return this.#record.pieces === undefined ? undefined : decodePieceMap(this.#record.pieces, pieceCount)
  }

  async readMetainfo(): Promise<Metainfo | undefined> {
    const { metainfo } = this.#record
    return metainfo === undefined ? undefined : parseMetainfo(await this.#owner.metainfoFiles.read(metainfo), HASHES)
  }

  /** The file or folder on this disk. */
  pathOf(metainfo: Metainfo): string {
    const first = metainfo.info.files.findIndex((file) => !file.isPadding)
    const top = this.#record.pathsOnDisk?.[first]?.[0] ?? metainfo.info.files[first]?.path[0] ?? metainfo.info.name
    return join(this.#record.dir, top)
  }

  say(level: LogLine['level'], text: string): void {
    const line: LogLine = { at: this.#owner.system.wallClock(), level, text }
    this.log.push(line)
    if (this.log.length > MAX_LOG_LINES) this.log.shift()
    this.#owner.onLog(this, line)
  }

  async #input(): Promise<EngineInput> {
    const { metainfo, skipCheck, dir, pathsOnDisk, addedAt } = this.#record
    const bytes = metainfo === undefined ? undefined : await this.#owner.metainfoFiles.read(metainfo)
    if (bytes === undefined) return engineInput(this.#record, bytes)
    if (this.#record.haveBytes > 0 && !this.#mayBeGone) await this.#expectData(parseMetainfo(bytes, HASHES))
    if (skipCheck) {
      const { files } = parseMetainfo(bytes, HASHES).info
      if (!(await areUntouched({ dir, files, pathsOnDisk, since: addedAt }))) void this.change({ skipCheck: false })
    }
    return engineInput(this.#record, bytes)
  }

  /** A disk that is not there is no reason to fetch everything again, onto another one. @throws {EngineError} `FILE_MISSING` */
  async #expectData(metainfo: Metainfo): Promise<void> {
    const path = this.pathOf(metainfo)
    const isThere = await lstat(path).then(
      () => true,
      () => false,
    )
    if (isThere) return
    throw new EngineError(
      'FILE_MISSING',
      `${path} is no longer there. Bring its disk back and resume it; without the data, resuming fetches it again`,
    )
  }

  #adopt(engine: Torrent): void {
    this.#engine = engine
    this.#error = undefined
    this.#mayBeGone = false
    const { record } = this
    if (record.priorities !== undefined && engine.info !== undefined) this.#setPriorities(record.priorities)
    applyLimits(engine, record)
    this.#offs = [
      engine.on('state', () => this.#onState()),
      engine.on('metadata', (info) => void this.exclusively(() => this.#onMetadata(info))),
      engine.on('done', () => this.#onDone()),
      engine.on('piece', () => this.#owner.onNews(this)),
      engine.on('peer-connected', () => this.#owner.onNews(this)),
      engine.on('peer-disconnected', () => this.#owner.onNews(this)),
      engine.on('peer-banned', ({ host, port, client, pieceIndex }) =>
        this.say('warning', `${host}:${port} (${client}) sent wrong data for piece ${pieceIndex} and is banned`),
      ),
      engine.on('tracker', ({ url, status, message }) => {
        if (status === 'failing')
          this.say('warning', `Tracker ${withoutKey(url)}: ${(message ?? 'no answer').replaceAll(url, withoutKey(url))}`)
        this.#owner.onNews(this)
      }),
      engine.on('note', (note) => this.say('note', note)),
      engine.on('warning', (warning) => this.say('warning', warning.message)),
      engine.on('error', (error) => {
        this.#fail(error)
        void this.exclusively(() => this.stop())
      }),
    ]
    this.#owner.onNews(this)
  }

  #setPriorities(digits: string): void {
    this.#engine?.setPriorities(digits.split('').map(Number)).catch((error: unknown) => this.say('warning', messageOf(error)))
  }

  #onState(): void {
    this.#owner.onNews(this)
    this.#owner.onStatus(this)
  }

  /** From here on it is a torrent like those that came as a file. */
  async #onMetadata(info: Info): Promise<void> {
    const { magnet, files } = this.record
    const trackers = magnet === undefined ? [] : parseMagnet(magnet).trackers.map((url) => [url])
    try {
      const metainfo = await this.#owner.metainfoFiles.keep(encodeMetainfo({ infoRaw: info.raw, trackers }))
      void this.change({ metainfo, ...factsOf(info), ...wantedOf(info, files) })
      this.say('note', `The metadata has come: '${info.name}'`)
    } catch (error) {
      // The engine remembers it, too; it is fetched again after a restart at the worst.
      this.say('warning', messageOf(error))
      void this.change({ ...factsOf(info), ...wantedOf(info, files) })
    }
    this.#owner.onStatus(this)
  }

  #onDone(): void {
    const isFirst = this.record.completedAt === null
    const fetched = this.#engine?.summary().downloaded ?? 0
    this.#remember()
    if (isFirst) void this.change({ completedAt: this.#owner.system.wallClock() })
    this.#slowMs = this.#idleMs = 0
    this.#owner.onStatus(this)
    if (isFirst && fetched > 0) {
      this.say('note', 'All that is wanted is here')
      this.#owner.onCompleted(this)
    }
  }

  #fail(error: unknown): void {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'BUG'
    this.#error = { code, detail: messageOf(error) }
    this.say('error', messageOf(error))
    this.#owner.onNews(this)
    this.#owner.onStatus(this)
  }

  /** Puts what the engine knows, and what has been counted, into the record. */
  #remember(): void {
    const snapshot = this.#engine?.snapshot()
    const known = snapshot !== undefined && knowsContent(snapshot.state) ? remembered(snapshot) : {}
    void this.change({ ...known, ...this.times })
    this.#activeMs = this.#seedingMs = 0
  }
}

function applyLimits(engine: Torrent, record: TorrentRecord): void {
  engine.setDownloadRate(record.downloadLimit ?? Number.POSITIVE_INFINITY)
  engine.setUploadRate(record.uploadLimit ?? Number.POSITIVE_INFINITY)
  engine.setMaxConnections(record.maxConnections ?? DEFAULT_SWARM_OPTIONS.maxConnections)
  engine.setSequential(record.isSequential)
  engine.setSuperSeeding(record.isSuperSeeding)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
