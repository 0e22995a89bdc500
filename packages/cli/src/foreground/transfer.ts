import { join } from 'node:path'
import { createSession, type Session, type Torrent, type TorrentState, type TrackerStatus } from '@shoal/engine'
import type { Info } from '@shoal/protocol/metainfo/info'
import { pathsOnDisk } from './original-names.ts'
import type { TransferEvent, TransferPhase, TransferStatus } from './transfer-event.ts'
import { WaitingWatch } from './waiting-watch.ts'

/** Peers listen on the first free port from here on. */
const FIRST_PORT = 6881
const PORTS_TO_TRY = 118

/** One torrent to get or to share, in this process, until it is done or stopped. */
export interface TransferRequest {
  /** The .torrent file's bytes, with what was read from them; or a magnet link. */
  readonly what: { readonly metainfo: Uint8Array; readonly info: Info } | { readonly magnet: string }
  readonly dir: string
  readonly stateDir: string
  /** Undefined: the first free one of Shoal's range. */
  readonly port: number | undefined
  /** Shares what is here and asks for nothing. */
  readonly onlyShares: boolean
  /** Goes on sharing when everything is here. */
  readonly staysSharing: boolean
  /** Wanted files, counted from 0; undefined: all. */
  readonly files: readonly number[] | undefined
  readonly isSequential: boolean
  readonly skipsCheck: boolean
  readonly preallocation: 'sparse' | 'full'
  readonly uploadRateBytesPerSecond: number
  readonly downloadRateBytesPerSecond: number
  /** Asked besides those that the torrent names. */
  readonly trackers: readonly string[]
  readonly peers: readonly { readonly host: string; readonly port: number }[]
}

/** A session of the engine with one torrent in it, told as a person sees it. */
export class Transfer {
  readonly #request: TransferRequest
  readonly #onEvent: (event: TransferEvent) => void
  readonly #session: Session
  readonly #torrent: Torrent
  readonly #begunAt = performance.now()
  readonly #failed: Promise<never>
  readonly #waitingWatch = new WaitingWatch()
  readonly #failingTrackers = new Set<string>()
  #topName: string
  /** Totals of earlier runs, which the engine goes on counting. */
  #earlier = { downloaded: 0, uploaded: 0 }
  #phase: TransferPhase
  #stopping: Promise<void> | undefined

  private constructor(request: TransferRequest, onEvent: (event: TransferEvent) => void, session: Session, torrent: Torrent) {
    this.#request = request
    this.#onEvent = onEvent
    this.#session = session
    this.#torrent = torrent
    this.#phase = torrent.state.status
    this.#topName = 'info' in request.what ? topNameOf(request.what.info) : ''
    this.#failed = new Promise((_, reject) => {
      torrent.on('error', reject)
    })
    // Whoever waits for the transfer gets it; when nobody waits yet, it must not end the process.
    this.#failed.catch(() => {})
    torrent.on('metadata', (info) => this.#onMetadata(info))
    torrent.on('state', (state) => this.#onState(state))
    torrent.on('tracker', (tracker) => this.#onTracker(tracker))
    torrent.on('peer-banned', ({ host, port, client, pieceIndex }) => {
      onEvent({ type: 'peer-banned', address: addressOf(host, port), client, pieceIndex })
    })
    torrent.on('warning', ({ code, message }) => {
      // That the disk is full is told by the state.
      if (this.#phase !== 'waiting-for-disk') onEvent({ type: 'warning', code, message })
    })
  }

  /**
   * Opens the port and starts. What is wrong with the torrent or with the folder comes out of the waiting calls.
   * @throws {EngineError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`, `STATE_LOCKED`, `TORRENT_UNSUPPORTED`, `NOTHING_SELECTED`
   */
  static async start(request: TransferRequest, onEvent: (event: TransferEvent) => void): Promise<Transfer> {
    const firstPort = request.port ?? FIRST_PORT
    const session = await createSession({
      stateDir: request.stateDir,
      listenPort: firstPort,
      lastListenPort: Math.min(65_535, firstPort + PORTS_TO_TRY),
      uploadRateBytesPerSecond: request.uploadRateBytesPerSecond,
      downloadRateBytesPerSecond: request.downloadRateBytesPerSecond,
    })
    try {
      const { listenPort } = session
      const isAnother = request.port !== undefined && request.port !== 0 && listenPort !== request.port
      onEvent({
        type: 'start',
        port: listenPort,
        portNote: isAnother ? `port ${request.port} is in use; listening on ${listenPort} instead` : undefined,
        dir: request.dir,
      })
      if ('info' in request.what) onEvent(metadataEvent(request.what.info))
      const { what, dir } = request
      const torrent = session.add({
        ...(request.onlyShares && 'info' in what ? { pathsOnDisk: await pathsOnDisk(dir, what.info.files) } : {}),
        ...('info' in request.what ? { metainfo: request.what.metainfo } : { magnet: request.what.magnet }),
        dir: request.dir,
        ...(request.files === undefined ? {} : { files: request.files }),
        sequential: request.isSequential,
        skipCheck: request.skipsCheck,
        preallocation: request.preallocation,
        peers: request.peers,
        trackers: request.trackers,
        uploadOnly: request.onlyShares,
      })
      return new Transfer(request, onEvent, session, torrent)
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** Resolves when the data is checked and every tracker has answered or failed once. @throws the error that ended the transfer. */
  async whenReady(): Promise<void> {
    await Promise.race([this.#torrent.whenReady(), this.#failed])
  }

  /** Tells that others can get it from here now. */
  tellReady(): void {
    const { infoHashHex } = this.#torrent.snapshot()
    this.#onEvent({ type: 'ready', port: this.#session.listenPort, infoHash: infoHashHex, status: this.status() })
  }

  /** Resolves when everything wanted is here and verified. @throws the error that ended the transfer. */
  async whenDone(): Promise<void> {
    await Promise.race([this.#torrent.whenDone(), this.#failed])
    const { name, wantedSize, downloaded } = this.status()
    this.#onEvent({
      type: 'done',
      name,
      bytes: wantedSize,
      downloaded,
      elapsedMs: this.elapsedMs,
      path: join(this.#request.dir, this.#topName),
      staysSharing: this.#request.staysSharing,
    })
  }

  /** Never resolves. @throws the error that ended the transfer. */
  whenFailed(): Promise<never> {
    return this.#failed
  }

  /** Looks at the transfer; what is only seen by looking (nobody is there any more) becomes an event. */
  look(): TransferStatus {
    const status = this.status()
    const change = this.#waitingWatch.look(status, performance.now())
    if (change !== undefined) this.#onEvent({ type: change, peerCount: status.peers.length })
    return status
  }

  status(): TransferStatus {
    const snapshot = this.#torrent.snapshot()
    const { state } = snapshot
    return {
      name: snapshot.name,
      phase: this.#request.onlyShares && state.status === 'downloading' ? 'seeding' : state.status,
      totalSize: snapshot.totalSize,
      wantedSize: snapshot.wantedSize,
      haveBytes: snapshot.haveBytes,
      pieceCount: snapshot.pieceCount,
      pieces: snapshot.havePieces,
      checked: state.status === 'checking' ? state.checkedPieceCount / Math.max(1, state.pieceCount) : 1,
      downloadRate: snapshot.downloadRate,
      uploadRate: snapshot.uploadRate,
      downloaded: Math.max(0, snapshot.downloaded - this.#earlier.downloaded),
      uploaded: Math.max(0, snapshot.uploaded - this.#earlier.uploaded),
      peers: snapshot.peers.map(({ host, port, client, downloadRate, uploadRate }) => ({
        address: addressOf(host, port),
        client,
        downloadRate,
        uploadRate,
      })),
      seedCount: snapshot.peers.filter((peer) => peer.isSeed).length,
      etaMs: snapshot.etaMs,
    }
  }

  /** Writes down what is known, tells the trackers, closes everything. Calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#session.close()
    return this.#stopping
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#begunAt)
  }

  #onMetadata(info: Info): void {
    this.#topName = topNameOf(info)
    this.#onEvent(metadataEvent(info))
  }

  /** A full disk is said once; that it goes on is said too. */
  #onState(state: TorrentState): void {
    const before = this.#phase
    this.#phase = state.status
    if (before === state.status) return
    if (before === 'checking') {
      const { downloaded, uploaded } = this.#torrent.snapshot()
      this.#earlier = { downloaded, uploaded }
    }
    if (state.status === 'waiting-for-disk') {
      this.#onEvent({ type: 'disk-full', code: state.error.code, message: state.error.message })
    } else if (before === 'waiting-for-disk' && state.status === 'downloading') {
      this.#onEvent({ type: 'disk-ready' })
    }
  }

  /** A tracker that fails is said once, and once more when it works again. */
  #onTracker({ url, status, message, seeds, leechers }: TrackerStatus): void {
    if (status !== 'working' && status !== 'failing') return
    const isWorking = status === 'working'
    if (isWorking ? !this.#failingTrackers.delete(url) : this.#failingTrackers.has(url)) return
    if (!isWorking) this.#failingTrackers.add(url)
    this.#onEvent({ type: 'tracker', url, isWorking, message, seeds, leechers })
  }
}

function metadataEvent(info: Info): TransferEvent {
  const fileCount = info.files.filter((file) => !file.isPadding).length
  return { type: 'metadata', name: info.name, totalSize: info.totalSize, pieceCount: info.pieceCount, fileCount }
}

/** The file or the folder that the torrent makes in the download folder. */
function topNameOf(info: Info): string {
  return info.files.find((file) => !file.isPadding)?.path[0] ?? info.name
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
