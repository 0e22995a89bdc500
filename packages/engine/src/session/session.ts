import { uint32 } from '@shoal/protocol/bytes'
import { infoHashHex } from '@shoal/protocol/info-hash'
import { asEngineError, EngineError } from '../base/errors.ts'
import { Emitter } from '../base/events.ts'
import { DEFAULT_SESSION_OPTIONS, type SessionOptions } from '../base/options.ts'
import { TrackerClient } from '../discovery/tracker-client.ts'
import { UdpTrackerClient } from '../discovery/udp-tracker.ts'
import type { PeerDoor } from '../peer/peer-connection.ts'
import { RateLimiter } from '../peer/rate-limiter.ts'
import type { TrafficRules } from '../peer/traffic-rules.ts'
import { FramePool } from '../peer/upload-frame.ts'
import type { Disk } from '../ports/disk.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { Network } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import { SlabPool } from '../storage/slab-pool.ts'
import { Torrent } from '../torrent/torrent.ts'
import type { AddTorrent } from '../torrent/torrent-source.ts'
import { PeerListener, type TorrentDirectory } from './listener.ts'

/** Sixteen megabytes of frames: enough for sixty sockets that are all busy, and the bound of all uploads together. */
const MAX_UPLOAD_FRAMES = 64

/** Peers give up on one who is silent for two minutes. */
const MAX_ANSWER_DELAY_MS = 60_000

/** The world a session lives in: real (`createSession`) or simulated. */
export interface SessionPorts {
  readonly system: System
  readonly network: Network
  readonly disk: Disk
  readonly hasher: Hasher
  /** Sockets that the process may have open at all: what `maxConnections` may be at most. */
  readonly mostSockets?: number
}

export interface SessionEvents {
  'torrent-added': Torrent
  'torrent-removed': Torrent
}

/**
 * All torrents of one program: one port, one set of limits, one pool of hashing threads.
 *
 * A torrent that fails stops nothing else (R6). `close` stops them all, tells their trackers, and leaves nothing
 * behind that would keep the process alive.
 */
export class Session extends Emitter<SessionEvents> implements TorrentDirectory {
  readonly options: SessionOptions
  readonly #ports: SessionPorts
  readonly #torrents = new Map<string, Torrent>()
  readonly #listener: PeerListener
  readonly #frames = new FramePool(MAX_UPLOAD_FRAMES)
  readonly #uploadLimiter: RateLimiter
  readonly #downloadLimiter: RateLimiter
  readonly #udpTrackers: UdpTrackerClient
  readonly #trackers: TrackerClient
  readonly #slabs: SlabPool
  readonly #trackerKey: number
  readonly #traffic: TrafficRules
  #maxConnections: number
  #lastPeerKey = 0
  #closing: Promise<void> | undefined

  private constructor(ports: SessionPorts, options: SessionOptions) {
    super()
    this.options = options
    this.#ports = ports
    const { system, network } = ports
    this.#maxConnections = options.maxConnections
    this.#traffic = { lanIsUnlimited: options.lanIsUnlimited, answerDelayMs: 0 }
    this.#uploadLimiter = new RateLimiter({ bytesPerSecond: options.uploadRateBytesPerSecond, system })
    this.#downloadLimiter = new RateLimiter({ bytesPerSecond: options.downloadRateBytesPerSecond, system })
    this.#udpTrackers = new UdpTrackerClient({ system, network })
    this.#trackers = new TrackerClient({ system, network, udp: this.#udpTrackers })
    this.#slabs = new SlabPool(ports.hasher)
    this.#trackerKey = uint32(system.randomBytes(4), 0)
    this.#listener = new PeerListener({ system, network, session: options, directory: this })
  }

  /** Opens the port. @throws {EngineError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`. */
  static async open(ports: SessionPorts, options: Partial<SessionOptions> = {}): Promise<Session> {
    const session = new Session(ports, { ...DEFAULT_SESSION_OPTIONS, ...options })
    await session.#listener.open()
    return session
  }

  /** Where peers reach us. Differs from `options.listenPort` when that one was taken. */
  get listenPort(): number {
    return this.#listener.port ?? 0
  }

  get torrents(): readonly Torrent[] {
    return [...this.#torrents.values()]
  }

  get connectionCount(): number {
    let count = 0
    for (const torrent of this.#torrents.values()) count += torrent.connectionCount
    return count
  }

  /** Of all torrents together: what was set, or what the process may have. */
  get maxConnections(): number {
    return Math.min(this.#maxConnections, this.#ports.mostSockets ?? Number.POSITIVE_INFINITY)
  }

  /** Whether there are fewer connections, those on their way counted, than there may be. */
  get hasRoom(): boolean {
    let count = this.#listener.silentCount
    for (const torrent of this.#torrents.values()) count += torrent.socketCount
    return count < this.maxConnections
  }

  /**
   * Adds a torrent and starts it, unless told otherwise. What is wrong with the metainfo or magnet is thrown at once; what goes wrong
   * later is the torrent's `error` event.
   * @throws {ProtocolError} of the metainfo or magnet
   * @throws {EngineError} `TORRENT_UNSUPPORTED`, `TORRENT_DUPLICATE`, `OPTION_INVALID`, `CLOSED`
   */
  add(what: AddTorrent): Torrent {
    if (this.#closing !== undefined) throw new EngineError('CLOSED', 'The session is closing')
    const ports = this.#ports
    const torrent = new Torrent(
      {
        ...ports,
        session: this.options,
        frames: this.#frames,
        slabs: this.#slabs,
        trackers: this.#trackers,
        trackerKey: this.#trackerKey,
        uploadLimiter: this.#uploadLimiter,
        downloadLimiter: this.#downloadLimiter,
        traffic: this.#traffic,
        listenPort: this.listenPort,
        nextPeerKey: () => this.nextPeerKey(),
        hasRoom: () => this.hasRoom,
      },
      what,
    )
    if (this.#torrents.has(torrent.infoHashHex)) {
      throw new EngineError('TORRENT_DUPLICATE', `The torrent ${torrent.infoHashHex} is already in this session`)
    }
    this.#torrents.set(torrent.infoHashHex, torrent)
    this.emit('torrent-added', torrent)
    if (what.isStopped !== true) torrent.start()
    return torrent
  }

  get(infoHash: Uint8Array | string): Torrent | undefined {
    return this.#torrents.get(typeof infoHash === 'string' ? infoHash : infoHashHex(infoHash))
  }

  /** Stops a torrent and forgets it. Its data and its resume data stay. */
  async remove(torrent: Torrent): Promise<void> {
    await torrent.stop()
    if (this.#torrents.delete(torrent.infoHashHex)) this.emit('torrent-removed', torrent)
  }

  setUploadRate(bytesPerSecond: number): void {
    this.#uploadLimiter.setRate(bytesPerSecond)
  }

  setDownloadRate(bytesPerSecond: number): void {
    this.#downloadLimiter.setRate(bytesPerSecond)
  }

  /** Connections of all torrents together. Those above it stay until they end by themselves. @throws {EngineError} `OPTION_INVALID` */
  setMaxConnections(count: number): void {
    if (!Number.isInteger(count) || count < 1) {
      throw new EngineError('OPTION_INVALID', `Cannot allow ${count} connections: give a whole number from 1 on`)
    }
    this.#maxConnections = count
  }

  /** Whether peers in networks of our own go past the limits of rates. */
  setLanIsUnlimited(isUnlimited: boolean): void {
    this.#traffic.lanIsUnlimited = isUnlimited
  }

  /** For experiments: so long every answer to a peer waits. @throws {EngineError} `OPTION_INVALID` */
  setAnswerDelay(delayMs: number): void {
    if (!(delayMs >= 0 && delayMs <= MAX_ANSWER_DELAY_MS)) {
      throw new EngineError('OPTION_INVALID', `Cannot wait ${delayMs} ms with every answer: give 0 to ${MAX_ANSWER_DELAY_MS}`)
    }
    this.#traffic.answerDelayMs = delayMs
  }

  /** Stops everything; resolves when nothing of the session is left. Calling it again waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  doorOf(infoHash: string): PeerDoor | undefined {
    return this.#torrents.get(infoHash)?.door
  }

  nextPeerKey(): number {
    return ++this.#lastPeerKey
  }

  async #close(): Promise<void> {
    await this.#listener.close()
    const outcomes = await Promise.allSettled([...this.#torrents.values()].map((torrent) => torrent.stop()))
    this.#torrents.clear()
    this.#udpTrackers.close()
    await this.#ports.hasher.close()
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw asEngineError(failed.reason, 'DISK_FAILED', 'Cannot close the session cleanly')
  }
}
