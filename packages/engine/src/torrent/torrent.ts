import { toHex } from '@shoal/protocol/bytes'
import type { HashFunctions, Info } from '@shoal/protocol/metainfo/info'
import { parseInfo } from '@shoal/protocol/metainfo/info'
import { asEngineError, EngineError } from '../base/errors.ts'
import { Emitter } from '../base/events.ts'
import type { SessionOptions, SwarmOptions } from '../base/options.ts'
import { AbortSwitch } from '../discovery/abort-switch.ts'
import { Announcer, type AnnouncerOwner } from '../discovery/announcer.ts'
import type { TrackerClient } from '../discovery/tracker-client.ts'
import type { TrackerStatus } from '../discovery/tracker-tier.ts'
import type { PeerDoor } from '../peer/peer-connection.ts'
import { RateLimiter } from '../peer/rate-limiter.ts'
import type { TrafficRules } from '../peer/traffic-rules.ts'
import type { FramePool } from '../peer/upload-frame.ts'
import type { Disk } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { Endpoint, Network } from '../ports/network.ts'
import type { System, Timer } from '../ports/system.ts'
import type { SlabPool } from '../storage/slab-pool.ts'
import { Swarm, type SwarmOwner } from '../swarm/swarm.ts'
import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import { AnnounceView } from './announce-view.ts'
import { ClosedFiles, type ClosedFilesOwner } from './closed-files.ts'
import { filesProgress } from './file-progress.ts'
import { FileSelection } from './file-selection.ts'
import { type StreamRange, streamFile } from './file-stream.ts'
import { PieceWaiters } from './piece-waiters.ts'
import { type ContentOptions, type PieceOutcomes, TorrentContent } from './torrent-content.ts'
import type { TorrentEvents, TorrentSnapshot, TorrentSummary } from './torrent-events.ts'
import { type Progress, progressOf, type TorrentFacts, torrentSnapshot, torrentSummary } from './torrent-snapshot.ts'
import { type AddTorrent, checkedTiers, type TorrentSource, torrentSource } from './torrent-source.ts'
import { nextState, type TorrentEvent, type TorrentState } from './torrent-state.ts'

const SYNC_INTERVAL_MS = 10_000
const LOOK_INTERVAL_MS = 5_000
/** How often a full disk is tried again. */
const DISK_RETRY_MS = 5_000

/** What a torrent shares with the others of its session. */
export interface TorrentHost {
  readonly system: System
  readonly network: Network
  readonly disk: Disk
  readonly hasher: Hasher
  readonly session: SessionOptions
  readonly frames: FramePool
  readonly slabs: SlabPool
  readonly trackers: TrackerClient
  readonly uploadLimiter: RateLimiter
  readonly downloadLimiter: RateLimiter
  readonly traffic: Readonly<TrafficRules>
  readonly listenPort: number
  /** Tells trackers that our addresses are one client (BEP 7). */
  readonly trackerKey: number
  nextPeerKey(): number
  /** Whether the session has fewer connections than it may have. */
  hasRoom(): boolean
}

/**
 * One torrent: wires swarm, content and announcer together, owns their lives and tells people about them.
 *
 * It decides nothing about pieces or peers. Its state is one of `torrent-state.ts`, changed only by `#apply`.
 */
export class Torrent extends Emitter<TorrentEvents> implements SwarmOwner, AnnouncerOwner, ClosedFilesOwner {
  readonly infoHash: Uint8Array
  readonly infoHashHex: string
  #dir: string
  readonly #host: TorrentHost
  readonly #what: AddTorrent
  readonly #source: TorrentSource
  readonly #uploadLimiter: RateLimiter
  readonly #downloadLimiter: RateLimiter
  readonly #timers: Timer[] = []
  readonly #waiters = new PieceWaiters()
  readonly #files = new ClosedFiles(this)
  readonly #swarmOptions: SwarmOptions & { maxConnections: number }
  #state: TorrentState = { status: 'stopped' }
  #info: Info | undefined
  #selection: FileSelection | undefined
  #abort = new AbortSwitch()
  #swarm: Swarm | undefined
  #announcer: Announcer | undefined
  #content: TorrentContent | undefined
  #opening: Promise<void> | undefined
  /** Under way: swarm and files are being closed. */
  #ending: Promise<void> | undefined
  /** Under way: a move or a recheck, for which swarm and files are closed. */
  #work: Promise<void> | undefined
  /** To be begun when what is being closed is closed. */
  #isStartDue = false
  #skipCheck: boolean
  #isSequential: boolean
  #isSuperSeeding: boolean
  #trackers: readonly (readonly string[])[]
  #isDone = false
  #isReady = false
  #isMeeting = false
  #diskRetry: Timer | undefined

  /** @throws {ProtocolError} of the metainfo or magnet. @throws {EngineError} `TORRENT_UNSUPPORTED`, `OPTION_INVALID`, `NOTHING_SELECTED` */
  constructor(host: TorrentHost, what: AddTorrent) {
    super()
    this.#host = host
    this.#what = what
    this.#source = torrentSource(what, this.#hashes)
    this.infoHash = this.#source.infoHash
    this.infoHashHex = toHex(this.infoHash)
    this.#dir = what.dir
    this.#isSequential = what.sequential ?? false
    this.#skipCheck = what.skipCheck ?? false
    this.#isSuperSeeding = what.superSeeding ?? false
    this.#trackers = what.trackerTiers === undefined ? this.#source.trackers : checkedTiers(what.trackerTiers)
    this.#swarmOptions = { ...host.session.swarm, ...(what.maxConnections === undefined ? {} : { maxConnections: what.maxConnections }) }
    if (this.#source.info !== undefined) this.#learn(this.#source.info)
    this.#uploadLimiter = new RateLimiter({
      bytesPerSecond: what.uploadRateBytesPerSecond ?? Number.POSITIVE_INFINITY,
      system: host.system,
      parent: host.uploadLimiter,
    })
    this.#downloadLimiter = new RateLimiter({
      bytesPerSecond: what.downloadRateBytesPerSecond ?? Number.POSITIVE_INFINITY,
      system: host.system,
      parent: host.downloadLimiter,
    })
  }

  get name(): string {
    return this.#info?.name ?? this.#source.name ?? this.infoHashHex
  }

  /** The folder that holds the file or folder of the torrent. */
  get dir(): string {
    return this.#dir
  }

  get state(): TorrentState {
    return this.#state
  }

  /** Undefined while a magnet link fetches it. */
  get info(): Info | undefined {
    return this.#info
  }

  get connectionCount(): number {
    return this.#swarm?.connectionCount ?? 0
  }

  /** Connections, and those that are on their way. */
  get socketCount(): number {
    return this.#swarm?.socketCount ?? 0
  }

  /** For handshakes that name this torrent; undefined while it takes nobody in. */
  get door(): PeerDoor | undefined {
    return this.#isActive && (this.#content !== undefined || this.#state.status === 'fetching-metadata') ? this.#swarm : undefined
  }

  /** Starts (again). What is wrong becomes an `error` event and the state `failed`. */
  start(): void {
    if (this.#state.status !== 'stopped' && this.#state.status !== 'failed') return
    this.#apply({ type: 'start', hasMetadata: this.#info !== undefined })
    this.#isStartDue = true
    const closing = this.#work ?? this.#ending
    if (closing === undefined) this.#begin()
    else
      void closing
        .catch(() => undefined) // told to those who closed it
        .then(() => this.#begin())
  }

  #begin(): void {
    if (!this.#isStartDue) return
    this.#isStartDue = false
    this.#abort = new AbortSwitch()
    this.#isDone = this.#isReady = this.#isMeeting = false
    const swarm = new Swarm({
      host: {
        system: this.#host.system,
        network: this.#host.network,
        hasher: this.#host.hasher,
        frames: this.#host.frames,
        connection: this.#host.session.connection,
        swarm: this.#swarmOptions,
        traffic: this.#host.traffic,
        uploadLimiter: this.#uploadLimiter,
        downloadLimiter: this.#downloadLimiter,
        listenPort: this.#host.listenPort,
        nextPeerKey: () => this.#host.nextPeerKey(),
        hasRoom: () => this.#host.hasRoom(),
      },
      owner: this,
      infoHash: this.infoHash,
      ourPeerId: this.#source.makePeerId(this.#host.system),
      metadata: this.#info?.raw,
    })
    swarm.setSuperSeeding(this.#isSuperSeeding)
    this.#swarm = swarm
    this.#announcer = new Announcer({
      system: this.#host.system,
      client: this.#host.trackers,
      tiers: this.#trackers,
      identity: { infoHash: this.infoHash, peerId: swarm.ourPeerId, port: this.#host.listenPort, key: this.#host.trackerKey },
      state: new AnnounceView({
        swarm,
        options: this.#swarmOptions,
        bytesLeft: () => (this.#content === undefined ? undefined : this.#progress.wantedSize - this.#progress.haveBytes),
      }),
      owner: this,
      options: { stopTimeoutMs: this.#host.session.stopTimeoutMs },
    })
    if (this.#info === undefined) this.#meetPeers()
    else this.#openContent(this.#info)
  }

  /** Tells trackers and peers, writes down what there is, closes the files. Resolves when all of it is done. */
  stop(): Promise<void> {
    this.#apply({ type: 'stop' })
    this.#isStartDue = false
    if (this.#work === undefined) return this.#end()
    this.#abort.abort()
    // Whoever asked for the work is told how it ended.
    return this.#work.catch(() => undefined)
  }

  /**
   * Takes the files to another folder, also on another file system, and goes on there if it was at work. At every moment one
   * of the two folders has all of them; files of others are neither moved nor overwritten.
   * @param onSwitched is called when the new folder has everything, to write its name down. The old one is cleared after that;
   *   if it fails, nothing was moved
   * @throws {EngineError} `FILE_FOREIGN`, `DISK_FULL`, `CLOSED` (stopped meanwhile), …: then it is where it was
   */
  async move(dir: string, onSwitched?: () => Promise<void> | void): Promise<void> {
    const { disk } = this.#host
    await this.#interrupt('move', async (signal) => {
      const isThereAlready = (await disk.enterRoot(dir)).id === (await disk.enterRoot(this.#dir)).id
      if (!isThereAlready) await this.#files.move(dir, signal, onSwitched)
    })
  }

  /**
   * Stops, takes the torrent's own files (no others) out of its folder into `recycleDir`, from where they can be taken back,
   * and forgets what was remembered of them.
   * @throws {EngineError} as `move`
   */
  async discardData(recycleDir: string): Promise<void> {
    await this.stop()
    await this.#interrupt('move', (signal) => this.#files.discard(recycleDir, signal))
  }

  /**
   * Hashes everything that is there, whatever is remembered, and goes on if it was at work. Resolves when it is checked.
   * @throws {EngineError} of the disk; `CLOSED` when it is stopped meanwhile
   */
  async recheck(): Promise<void> {
    if (this.#info === undefined) return
    this.#skipCheck = false
    await this.#interrupt('recheck', async (signal) => {
      // Without a memory the start that follows checks everything anyway.
      if (this.#host.session.stateDir !== undefined) await this.#files.look({ checksAll: true, signal })
    })
  }

  /** Closes everything for some work, and then goes on as it was, unless it was stopped or started meanwhile. */
  async #interrupt(type: 'move' | 'recheck', work: (signal: AbortSwitch) => Promise<void>): Promise<void> {
    if (this.#work !== undefined) {
      throw new EngineError(
        'OPTION_INVALID',
        `'${this.name}' is being ${this.#state.status === 'moving' ? 'moved' : 'checked'}: wait until that has ended`,
      )
    }
    const wasActive = this.#isActive
    this.#isStartDue = false
    this.#apply({ type })
    const busy = this.#state
    const run = async (): Promise<void> => {
      await this.#end()
      const signal = new AbortSwitch()
      this.#abort = signal
      if (this.#state.status !== busy.status || this.#isStartDue) signal.abort()
      await work(signal)
    }
    this.#work = run().finally(() => {
      this.#work = undefined
      const isUntouched = this.#state.status === busy.status && !this.#isStartDue
      if (isUntouched && !wasActive) this.#apply({ type: 'stop' })
      if (!isUntouched || !wasActive) return
      this.#apply({ type: 'go-on', hasMetadata: this.#info !== undefined })
      this.#isStartDue = true
      this.#begin()
    })
    await this.#work
  }

  get #isActive(): boolean {
    return this.#state.status !== 'stopped' && this.#state.status !== 'failed'
  }

  /** Checked, listening, and every tracker tier has answered or failed once. Rejects when the torrent fails before. */
  whenReady(): Promise<void> {
    return this.#when('ready', () => this.#isReady)
  }

  /** All wanted files are complete and verified. Rejects when the torrent fails or stops before. */
  whenDone(): Promise<void> {
    return this.#when('done', () => this.#isDone)
  }

  /** Peers to try besides those that trackers tell of. */
  addPeers(endpoints: readonly Endpoint[]): void {
    this.#swarm?.addEndpoints(endpoints, 'manual')
  }

  setUploadRate(bytesPerSecond: number): void {
    this.#uploadLimiter.setRate(bytesPerSecond)
  }

  setDownloadRate(bytesPerSecond: number): void {
    this.#downloadLimiter.setRate(bytesPerSecond)
  }

  get maxConnections(): number {
    return this.#swarmOptions.maxConnections
  }

  /** Connections that this torrent may have; when there are more, those go that exchange least. @throws {EngineError} `OPTION_INVALID` */
  setMaxConnections(count: number): void {
    this.#swarmOptions.maxConnections = connectionLimit(count)
    this.#swarm?.onMaxConnectionsChanged()
  }

  get isSequential(): boolean {
    return this.#isSequential
  }

  /** In the order of the file rather than the rarest first. */
  setSequential(isSequential: boolean): void {
    this.#isSequential = isSequential
    const picker = this.#content?.swarm.picker
    if (picker !== undefined) picker.sequential = isSequential
  }

  get isSuperSeeding(): boolean {
    return this.#isSuperSeeding
  }

  /**
   * As a seed, shows whoever comes from now on only what hardly anybody has (BEP 16), so that less has to be uploaded until
   * others have everything; then it is a seed like any other.
   */
  setSuperSeeding(isSuperSeeding: boolean): void {
    this.#isSuperSeeding = isSuperSeeding
    this.#swarm?.setSuperSeeding(isSuperSeeding)
  }

  /** Tiers of addresses (BEP 12). */
  get trackers(): readonly (readonly string[])[] {
    return this.#trackers
  }

  /**
   * Other trackers from now on, whatever the torrent says: those that go hear that we leave, new ones that we are here.
   * @throws {EngineError} `OPTION_INVALID` for what is no address of a tracker, or too many; nothing has changed then
   */
  setTrackers(tiers: readonly (readonly string[])[]): void {
    this.#trackers = checkedTiers(tiers)
    this.#announcer?.setTiers(this.#trackers)
  }

  /** Asks the trackers for peers as soon as they allow it. */
  announceNow(): void {
    this.#announcer?.announceSoon()
  }

  /** How many times the others have everything between them, as far as we see: 1 and more means that nothing needs us. */
  get copiesElsewhere(): number {
    return this.#swarm?.copiesElsewhere ?? 0
  }

  /** One a file, 0 (not wanted) to 7 (first); undefined until the metadata is known. */
  get priorities(): readonly number[] | undefined {
    return this.#selection?.priorities
  }

  /** Verified bytes of each file; undefined until the metadata is known. Nothing is known of one that is stopped. */
  filesProgress(): readonly number[] | undefined {
    const info = this.#info
    const have = this.#content?.swarm.have
    if (info === undefined) return undefined
    return have === undefined ? info.files.map(() => 0) : filesProgress(info.files, info.pieceLength, have)
  }

  /** One priority a file, 0 (not wanted) to 7 (first). @throws {EngineError} as `FileSelection.setPriorities`, and of the disk */
  async setPriorities(priorities: readonly number[]): Promise<void> {
    const selection = this.#selection
    if (selection === undefined || this.#info === undefined)
      throw new EngineError('OPTION_INVALID', 'The files are not known yet: wait for the metadata')
    selection.setPriorities(priorities)
    if (this.#swarm !== undefined) await this.#content?.select(selection, this.#swarm)
    this.#onPiecesChanged()
  }

  /**
   * The bytes of one file in order, each as soon as it is verified; what is read next is fetched first. Waits for the
   * metadata of a magnet link, and for the check of what is on disk. The file must be wanted, or its bytes never come.
   * @throws {EngineError} `OPTION_INVALID` for a file or range that is not there, `CLOSED` when the torrent stops
   */
  async *stream(fileIndex: number, range?: StreamRange): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#state.status !== 'stopped') await this.#when('state', () => this.#content !== undefined)
    if (this.#content === undefined) throw new EngineError('CLOSED', 'The torrent has stopped')
    const { swarm: content, playheads } = this.#content
    const file = this.#info?.files[fileIndex]
    if (file === undefined)
      throw new EngineError('OPTION_INVALID', `Cannot read file ${fileIndex}: the torrent has ${this.#info?.files.length}`)
    yield* streamFile(
      {
        geometry: content.geometry,
        whenHave: (pieceIndex) => (content.have.has(pieceIndex) ? Promise.resolve() : this.#waiters.wait(pieceIndex)),
        openPlayhead: (span) => playheads.open(span),
        read: (pieceIndex, begin, view) => content.storage.readBlocks(pieceIndex, begin, [view]),
      },
      file,
      range,
    )
  }

  /** All that there is to tell; copies pieces and peers. */
  snapshot(): TorrentSnapshot {
    return torrentSnapshot(this.#facts)
  }

  /** A line of a list: cheap enough for thousands of torrents a second. */
  summary(): TorrentSummary {
    return torrentSummary(this.#facts)
  }

  /** For tests and the simulator: throws what is wrong, in words. */
  checkInvariants(): void {
    this.#swarm?.checkInvariants()
  }

  // --- from the swarm ----------------------------------------------------------------------------------------

  onMetadata(raw: Uint8Array): void {
    try {
      this.#learn(parseInfo(raw.slice(), this.#hashes))
    } catch (error) {
      this.#fail(asEngineError(error, 'METADATA_INVALID', 'Cannot use the metadata that the peers sent'))
      return
    }
    this.#apply({ type: 'metadata' })
    this.emit('metadata', this.#info!)
    this.#openContent(this.#info!)
  }

  onPeerConnected(peer: SwarmPeer): void {
    const { remote, client } = peer.connection
    this.emit('peer-connected', { host: remote.host, port: remote.port, client })
  }

  onPeerDisconnected(peer: SwarmPeer, error: EngineError | undefined): void {
    const { remote, client } = peer.connection
    this.emit('peer-disconnected', { host: remote.host, port: remote.port, client, error })
  }

  onPeerBanned(peer: SwarmPeer, pieceIndex: number): void {
    const { remote, client } = peer.connection
    this.emit('peer-banned', { host: remote.host, port: remote.port, client, pieceIndex })
  }

  onPieceVerified(pieceIndex: number): void {
    this.#waiters.onVerified(pieceIndex)
    if (this.#state.status === 'waiting-for-disk' && this.#content?.swarm.committer.failedCount === 0) this.#onDiskReady()
    this.emit('piece', { pieceIndex })
    this.#onPiecesChanged()
  }

  onPieceProven(pieceIndex: number): void {
    this.#content?.onPieceProven(pieceIndex)
  }

  onPieceLost(pieceIndex: number, error: EngineError | undefined): void {
    this.#content?.onPieceLost(pieceIndex)
    const why = error?.message ?? 'its file was changed or removed'
    this.emit('warning', new EngineError('FILE_CHANGED', `Piece ${pieceIndex} is no longer right on disk: ${why}. It is fetched again.`))
    this.#isDone = false
    this.#onPiecesChanged()
  }

  onComplete(): void {
    this.#announcer?.complete()
    this.#done()
  }

  onWriteFailed(error: EngineError): void {
    const isHopeless = error.code === 'FILE_FOREIGN' || error.code === 'PATH_UNSAFE'
    const isNewTrouble = error.code !== 'DISK_FULL' && this.#content?.swarm.have.isEmpty === true
    if (isHopeless || isNewTrouble) {
      this.#fail(error)
      return
    }
    const before = this.#state
    this.#apply({ type: 'disk-full', error })
    if (this.#state !== before) this.emit('warning', error)
    this.#diskRetry ??= this.#host.system.every(DISK_RETRY_MS, () => this.#content?.swarm.committer.retry())
  }

  // --- from the announcer ------------------------------------------------------------------------------------

  onPeers(endpoints: readonly Endpoint[]): void {
    this.#swarm?.addEndpoints(endpoints, 'tracker')
  }

  onTrackerStatus(status: TrackerStatus): void {
    this.emit('tracker', status)
  }

  onFirstRound(): void {
    this.#ready()
  }

  // --- from the closed files ---------------------------------------------------------------------------------

  onMoveProgress(movedBytes: number, totalBytes: number): void {
    this.#apply({ type: 'move-progress', movedBytes, totalBytes })
  }

  onMoved(dir: string): void {
    this.#dir = dir
  }

  onLeftBehind(error: EngineError): void {
    this.emit('warning', error)
  }

  contentOptions(info: Info, outcomes: PieceOutcomes): ContentOptions {
    return {
      ...this.#host,
      info,
      infoHash: this.infoHash,
      dir: this.#dir,
      stateDir: this.#host.session.stateDir,
      selection: this.#selection!,
      pathsOnDisk: this.#what.pathsOnDisk,
      preallocation: this.#what.preallocation ?? 'sparse',
      pieceMemoryBytes: this.#host.session.pieceMemoryBytes,
      sequential: this.#isSequential,
      skipCheck: this.#skipCheck,
      checksAll: false,
      uploadOnly: this.#what.uploadOnly ?? false,
      keepsInfo: this.#source.info === undefined,
      signal: this.#abort,
      onProgress: (checkedPieceCount, pieceCount) => {
        this.#apply({ type: 'check-progress', checkedPieceCount, pieceCount })
        this.emit('checking', { checkedPieces: checkedPieceCount, piecesToCheck: pieceCount })
      },
      onNote: (note) => this.emit('note', note),
      outcomes,
    }
  }

  // --- inside ------------------------------------------------------------------------------------------------

  get #hashes(): HashFunctions {
    const { hasher } = this.#host
    return { sha1: (bytes) => hasher.sha1(bytes), sha256: (bytes) => hasher.sha256(bytes) }
  }

  #learn(info: Info): void {
    if (info.infoHashV1 === undefined) {
      throw new EngineError(
        'TORRENT_UNSUPPORTED',
        `'${info.name}' is a v2-only torrent (BEP 52): Shoal transfers v1 and hybrid torrents. Ask whoever made it for a hybrid one.`,
      )
    }
    const selection = new FileSelection(info.files, info.pieceLength)
    const wanted = this.#what.files ?? this.#source.selectedFiles
    if (wanted !== undefined) selection.selectOnly(wanted)
    this.#info = info
    this.#selection = selection
  }

  #openContent(info: Info): void {
    this.#opening = this.#open(info).catch((error: unknown) => {
      if (!this.#abort.aborted) this.#fail(asEngineError(error, 'DISK_FAILED', `Cannot open '${info.name}'`))
    })
  }

  async #open(info: Info): Promise<void> {
    const swarm = this.#swarm!
    const isMet = this.#isMeeting
    const content = await TorrentContent.open(this.contentOptions(info, swarm.pieceOutcomes))
    if (this.#abort.aborted) {
      await content.close(0, 0)
      return
    }
    this.#content = content
    swarm.setContent(content.swarm)
    const { picker } = content.swarm
    this.#apply({ type: 'checked', ...this.#missing() })
    this.#keepTime(content)
    if (picker.wantedComplete) this.#done()
    // A magnet has met them to fetch the metadata.
    if (!isMet) this.#meetPeers()
  }

  #meetPeers(): void {
    this.#isMeeting = true
    this.#swarm!.start()
    this.#swarm!.addEndpoints(this.#source.peers, 'magnet')
    this.#swarm!.addEndpoints(this.#what.peers ?? [], 'manual')
    this.#announcer!.start()
  }

  #keepTime(content: TorrentContent): void {
    const { system } = this.#host
    this.#timers.push(
      system.every(SYNC_INTERVAL_MS, () => {
        content.syncPoint(this.#swarm?.uploadedBytes ?? 0, this.#swarm?.downloadedBytes ?? 0).catch((error: unknown) => this.#warn(error))
      }),
      system.every(LOOK_INTERVAL_MS, () => {
        content.swarm.storage.lookForChanges().then(
          () => this.#swarm?.proveSoon(content.touched),
          (error: unknown) => this.#warn(error),
        )
      }),
    )
  }

  /** Closes what is open; whoever asks meanwhile waits for the same end. */
  #end(): Promise<void> {
    this.#ending ??= this.#close().finally(() => {
      this.#ending = undefined
    })
    return this.#ending
  }

  async #close(): Promise<void> {
    this.#abort.abort()
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#diskRetry?.cancel()
    this.#diskRetry = undefined
    this.#waiters.close(new EngineError('CLOSED', 'The torrent has stopped'))
    const swarm = this.#swarm
    const told = this.#announcer?.stop()
    const [uploaded, downloaded] = [swarm?.uploadedBytes ?? 0, swarm?.downloadedBytes ?? 0]
    swarm?.close()
    this.#uploadLimiter.close()
    this.#downloadLimiter.close()
    await this.#opening
    try {
      if (this.#content !== undefined) this.#files.onClosing(this.#content)
      await this.#content?.close(uploaded, downloaded)
    } finally {
      this.#content = undefined
      await told
      this.#swarm = undefined
      this.#announcer = undefined
    }
  }

  #fail(error: EngineError): void {
    this.#apply({ type: 'fail', error })
    // What could not be closed does not matter more than why it is closed.
    void this.#end().catch(() => undefined)
    this.emit('error', error)
  }

  #apply(event: TorrentEvent): void {
    const next = nextState(this.#state, event)
    if (next === this.#state) return
    this.#state = next
    this.emit('state', next)
  }

  #missing(): { missingWantedCount: number; missingCount: number } {
    const { picker, geometry, have } = this.#content!.swarm
    return { missingWantedCount: picker.missingWantedCount, missingCount: geometry.pieceCount - have.count }
  }

  #onPiecesChanged(): void {
    if (this.#content !== undefined) this.#apply({ type: 'pieces-changed', ...this.#missing() })
  }

  #onDiskReady(): void {
    this.#diskRetry?.cancel()
    this.#diskRetry = undefined
    this.#apply({ type: 'disk-ready' })
    this.#swarm?.resumeDownload()
  }

  #done(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.emit('done', undefined)
  }

  #ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.emit('ready', undefined)
  }

  #warn(error: unknown): void {
    this.emit('warning', asEngineError(error, 'DISK_FAILED', 'Cannot look after the files'))
  }

  get #facts(): TorrentFacts {
    return {
      name: this.name,
      infoHashHex: this.infoHashHex,
      state: this.#state,
      info: this.#info,
      progress: this.#progress,
      content: this.#content,
      swarm: this.#swarm,
      announcer: this.#announcer,
      now: this.#host.system.now(),
    }
  }

  get #progress(): Progress {
    return progressOf(this.#content, this.#selection?.wantedSize ?? 0)
  }

  #when(name: 'ready' | 'done' | 'state', isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (isSo()) return resolve()
      if (this.#state.status === 'failed') return reject(this.#state.error)
      const offs = [
        this.on(name, () => {
          if (isSo()) settle(resolve)
        }),
        this.on('state', (state) => {
          if (state.status === 'failed') settle(() => reject(state.error))
          if (state.status === 'stopped') settle(() => reject(new EngineError('CLOSED', 'The torrent has stopped')))
        }),
      ]
      const settle = (how: () => void): void => {
        for (const off of offs) off()
        how()
      }
    })
  }
}

function connectionLimit(count: number): number {
  if (Number.isInteger(count) && count >= 1) return count
  throw new EngineError('OPTION_INVALID', `Cannot allow ${count} connections: give a whole number from 1 on`)
}
