import type { Bitfield } from '@shoal/protocol/bitfield'
import { equalBytes } from '@shoal/protocol/bytes'
import type { Handshake } from '@shoal/protocol/wire/handshake'
import type { MetadataMessage } from '@shoal/protocol/wire/metadata'
import { EngineError } from '../base/errors.ts'
import type { ConnectionOptions, SwarmOptions } from '../base/options.ts'
import { type Admission, PeerConnection, type PeerDoor, type PeerOwner } from '../peer/peer-connection.ts'
import type { RateLimiter } from '../peer/rate-limiter.ts'
import type { TrafficRules } from '../peer/traffic-rules.ts'
import type { FramePool } from '../peer/upload-frame.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { ByteStream, Endpoint, Network } from '../ports/network.ts'
import type { System, Timer } from '../ports/system.ts'
import { Dialer } from './dialer.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { Downloader } from './downloader.ts'
import { Herald } from './herald.ts'
import { MetadataExchange } from './metadata-exchange.ts'
import { PeerList, type PeerSource } from './peer-list.ts'
import { Prover } from './prover.ts'
import { SuperSeeder } from './super-seeder.ts'
import type { SwarmContent } from './swarm-content.ts'
import { checkSwarm } from './swarm-invariants.ts'
import { SwarmPeer } from './swarm-peer.ts'
import { Unchoker } from './unchoker.ts'
import { Uploader } from './uploader.ts'

const TICK_MS = 1_000
/** A tick that is so late was not held up by work. */
const STANDSTILL_MS = 5_000
const MAX_DEPARTED = 64

/** What a swarm tells the torrent that owns it. */
export interface SwarmOwner {
  onMetadata(raw: Uint8Array): void
  onPeerConnected(peer: SwarmPeer): void
  onPeerDisconnected(peer: SwarmPeer, error: EngineError | undefined): void
  onPeerBanned(peer: SwarmPeer, pieceIndex: number): void
  onPieceVerified(pieceIndex: number): void
  /** A piece that was only believed has been hashed and is right. */
  onPieceProven(pieceIndex: number): void
  /** A piece that we had is gone or wrong on disk; it counts as missing again. */
  onPieceLost(pieceIndex: number, error: EngineError | undefined): void
  /** Every wanted piece is verified. Again after a piece was lost and came back. */
  onComplete(): void
  /** The disk does not take a piece. Downloading pauses until `resumeDownload`. */
  onWriteFailed(error: EngineError): void
}

export interface SwarmHost {
  readonly system: System
  readonly network: Network
  readonly hasher: Hasher
  readonly frames: FramePool
  readonly connection: ConnectionOptions
  /** Looked at whenever it matters: `maxConnections` may change. */
  readonly swarm: SwarmOptions
  readonly traffic: Readonly<TrafficRules>
  readonly uploadLimiter: RateLimiter
  readonly downloadLimiter: RateLimiter
  /** Where others can reach us; undefined when we do not listen. */
  readonly listenPort: number | undefined
  nextPeerKey(): number
  /** Whether the session has fewer connections than it may have. */
  hasRoom(): boolean
}

/**
 * The connections of one torrent. It routes what peers say to the room that decides about it: the picker and
 * pipelines (`Downloader`), the queues (`Uploader`), the choker (`Unchoker`), the address list (`Dialer`), and
 * keeps the one fact they share: who has what.
 */
export class Swarm implements PeerOwner, PeerDoor {
  readonly peerList: PeerList
  readonly ourPeerId: Uint8Array
  readonly infoHash: Uint8Array
  readonly #host: SwarmHost
  readonly #owner: SwarmOwner
  readonly #peers = new Map<number, SwarmPeer>()
  /** Dialled, and silent so far. */
  readonly #greeted = new Set<PeerConnection>()
  readonly #doorkeeper: Doorkeeper
  readonly #dialer: Dialer
  readonly #downloader: Downloader
  readonly #prover: Prover
  readonly #uploader: Uploader
  readonly #unchoker: Unchoker
  readonly #herald: Herald<SwarmPeer>
  readonly #superSeeder: SuperSeeder
  readonly #metadata: MetadataExchange
  #content: SwarmContent | undefined
  /** Peers that gave us blocks and left, the latest: what they gave may still turn out to be lies. */
  readonly #departed = new Map<number, SwarmPeer>()
  /** Where those were who had everything when they and we had nothing more to say to each other. */
  readonly #completeHosts = new Set<string>()
  #uploadedToGone = 0
  #tick: Timer | undefined
  #tickedAt = 0
  #isClosed = false

  constructor(options: {
    host: SwarmHost
    owner: SwarmOwner
    infoHash: Uint8Array
    ourPeerId: Uint8Array
    /** The info dictionary, where it is known from the start. */
    metadata: Uint8Array | undefined
  }) {
    const { host } = options
    this.#host = host
    this.#owner = options.owner
    this.infoHash = options.infoHash
    this.ourPeerId = options.ourPeerId
    this.peerList = new PeerList({ randomBelow: (limit) => host.system.randomBelow(limit), bansPerAddress: host.swarm.bansPerAddress })
    this.#doorkeeper = new Doorkeeper({
      identity: this,
      listenPort: host.listenPort,
      peerList: this.peerList,
      options: host.swarm,
    })
    this.#dialer = new Dialer({ system: host.system, network: host.network, swarm: host.swarm, peerList: this.peerList, owner: this })
    this.#downloader = new Downloader({
      system: host.system,
      hasher: host.hasher,
      limiter: host.downloadLimiter,
      traffic: host.traffic,
      owner: this,
    })
    this.#prover = new Prover(this)
    this.#uploader = new Uploader({
      system: host.system,
      frames: host.frames,
      limiter: host.uploadLimiter,
      traffic: host.traffic,
      prover: this.#prover,
      owner: this,
    })
    this.#unchoker = new Unchoker({ system: host.system, hasher: host.hasher, options: host.swarm, owner: this })
    this.#herald = new Herald({ system: host.system, owner: this })
    this.#superSeeder = new SuperSeeder({ system: host.system, owner: this })
    this.#metadata = new MetadataExchange({
      system: host.system,
      owner: this,
      raw: options.metadata,
      isRight: (raw) => equalBytes(host.hasher.sha1(raw), options.infoHash),
    })
  }

  get connectionCount(): number {
    return this.#peers.size
  }

  get greetedCount(): number {
    return this.#greeted.size
  }

  /** Connections, and those that are on their way. */
  get socketCount(): number {
    return this.#peers.size + this.#greeted.size + this.#dialer.diallingCount
  }

  get sessionHasRoom(): boolean {
    return this.#host.hasRoom()
  }

  get isSeeding(): boolean {
    return this.#content?.picker.wantedComplete === true
  }

  get downloadedBytes(): number {
    return this.#downloader.downloadedBytes
  }

  get uploadedBytes(): number {
    let bytes = this.#uploadedToGone
    for (const peer of this.#peers.values()) bytes += peer.connection.uploadMeter.total
    return bytes
  }

  get wastedBytes(): number {
    return this.#downloader.wastedBytes
  }

  /**
   * How many times the others have everything between them: the copies of the rarest piece among those who are connected, and
   * those who had all and left in order (two seeds do not stay connected; they may be gone since).
   */
  get copiesElsewhere(): number {
    return (this.#content?.availability.wholeCopies ?? 0) + this.#completeHosts.size
  }

  peers(): Iterable<SwarmPeer> {
    return this.#peers.values()
  }

  unchoked(): Iterable<SwarmPeer> {
    return this.#unchoker.unchoked()
  }

  peer(key: number): SwarmPeer | undefined {
    return this.#peers.get(key)
  }

  start(): void {
    this.#tickedAt = this.#host.system.now()
    this.#tick = this.#host.system.every(TICK_MS, () => this.#onTick())
    this.#unchoker.start()
    this.#dialer.dialMore()
  }

  /** The data is known and checked: from now on pieces go both ways. */
  setContent(content: SwarmContent): void {
    this.#content = content
    this.#prover.setContent(content)
    this.#uploader.setContent(content)
    this.#unchoker.setContent(content)
    this.#herald.setContent(content)
    this.#superSeeder.setContent(content)
    this.#downloader.setContent(content)
    for (const peer of this.#peers.values()) {
      peer.connection.setGeometry(content.geometry)
      if (peer.connection.isClosed) continue
      // They met us when we knew only a hash: now others can have the metadata from us.
      this.#introduce(peer.connection)
      content.have.forEachSet((pieceIndex) => peer.connection.sendHave(pieceIndex))
      this.onPieces(peer.connection)
    }
    // Some unchoke before anybody is interested, and say nothing more that would make us ask.
    this.#downloader.refillAllSoon()
    this.#dialer.dialMore()
  }

  addEndpoints(endpoints: readonly Endpoint[], source: PeerSource): void {
    for (const endpoint of endpoints) this.peerList.add(endpoint, source)
    this.#dialer.dialMore()
  }

  /** The disk takes pieces again. */
  resumeDownload(): void {
    this.#downloader.resume()
  }

  /** Fewer or more connections are allowed now. */
  onMaxConnectionsChanged(): void {
    for (const { connection } of this.#doorkeeper.surplus(this.#peers.values(), this.#host.system.now())) {
      connection.close(new EngineError('PEER_LIMIT', 'There are to be fewer connections'))
    }
    this.#dialer.dialMore()
  }

  /** Shows those who come what hardly anybody has, and nothing else, until others have everything (BEP 16). */
  setSuperSeeding(isWanted: boolean): void {
    this.#superSeeder.setWanted(isWanted)
  }

  /** A block is not wanted any more. */
  cancel(peerKey: number, pieceIndex: number, begin: number, length: number): void {
    this.#peers.get(peerKey)?.connection.cancel(pieceIndex, begin, length)
  }

  /** Wanted files changed: interest is weighed anew. */
  onSelectionChanged(): void {
    for (const peer of this.#peers.values()) this.#weighInterest(peer)
    this.#downloader.refillAllSoon()
    this.#dialer.dialMore()
  }

  close(): void {
    this.#isClosed = true
    this.#tick?.cancel()
    this.#unchoker.stop()
    this.#herald.close()
    this.#dialer.close()
    this.#prover.close()
    this.#uploader.close()
    for (const connection of this.#greeted) connection.close()
    for (const peer of this.#peers.values()) peer.connection.close()
  }

  /** For tests and the simulator: throws what is wrong between the rooms, in words. */
  checkInvariants(): void {
    if (this.#content !== undefined) checkSwarm(this.#content, this.#peers.values(), (peer) => this.#herald.hasTold(peer))
  }

  // --- coming in ---------------------------------------------------------------------------------------------

  onDialled(stream: ByteStream): void {
    const { system, connection } = this.#host
    const greeted = new PeerConnection({
      key: this.#host.nextPeerKey(),
      stream,
      system,
      connection,
      door: this,
      greeting: { infoHash: this.infoHash, ourPeerId: this.ourPeerId },
      onRefused: (error) => {
        this.#greeted.delete(greeted)
        this.peerList.onFailed(stream.remote, system.now(), error)
      },
    })
    this.#greeted.add(greeted)
  }

  admit(connection: PeerConnection, handshake: Handshake): Admission {
    this.#greeted.delete(connection)
    if (this.#isClosed) throw new EngineError('CLOSED', 'The torrent has stopped')
    this.#doorkeeper.admit(connection, handshake)
    this.#peers.set(connection.key, new SwarmPeer(connection))
    return { owner: this, infoHash: this.infoHash, ourPeerId: this.ourPeerId }
  }

  onOpen(connection: PeerConnection): void {
    const peer = this.#peers.get(connection.key)!
    const content = this.#content
    this.peerList.onConnected(connection.remote, this.#host.system.now())
    this.#completeHosts.delete(connection.remote.host)
    if (content !== undefined) connection.setGeometry(content.geometry)
    const isHidden = this.#superSeeder.mayHide(peer, content?.have.isComplete === true)
    connection.sendPieces(isHidden ? undefined : content?.have)
    this.#herald.onIntroduced(peer)
    this.#introduce(connection)
    this.#owner.onPeerConnected(peer)
  }

  // --- what peers say ----------------------------------------------------------------------------------------

  onPieces(connection: PeerConnection): void {
    const peer = this.#peers.get(connection.key)!
    this.#content?.availability.addPeer(connection.pieces)
    this.peerList.setSeed(connection.remote, connection.isSeed)
    this.#superSeeder.onPieces(peer)
    this.#weighInterest(peer)
    this.#closeIfUseless(peer)
  }

  onHave(connection: PeerConnection, pieceIndex: number): void {
    const content = this.#content!
    const peer = this.#peers.get(connection.key)!
    content.availability.addHave(connection.pieces, pieceIndex)
    this.#superSeeder.onHave(peer, pieceIndex)
    if (!content.have.has(pieceIndex) && content.picker.priorityOf(pieceIndex) !== 0) {
      connection.setInterested(true)
      peer.isStarved = true
    }
    if (connection.isSeed) {
      this.peerList.setSeed(connection.remote, true)
      this.#closeIfUseless(peer)
    }
  }

  onDontHave(connection: PeerConnection, pieceIndex: number): void {
    this.#content?.availability.removeHave(connection.pieces, pieceIndex)
    this.#weighInterest(this.#peers.get(connection.key)!)
  }

  onUnchoked(connection: PeerConnection): void {
    this.#downloader.refill(this.#peers.get(connection.key)!)
  }

  onChoked(connection: PeerConnection): void {
    this.#downloader.onChoked(this.#peers.get(connection.key)!)
  }

  onInterestChanged(connection: PeerConnection): void {
    this.#unchoker.onInterestChanged(this.#peers.get(connection.key)!)
  }

  onBlock(connection: PeerConnection, pieceIndex: number, begin: number, block: Uint8Array): void {
    this.#downloader.onBlock(this.#peers.get(connection.key)!, pieceIndex, begin, block)
  }

  onStrayBlock(_connection: PeerConnection, length: number): void {
    this.#downloader.onStrayBlock(length)
  }

  onRejected(connection: PeerConnection, pieceIndex: number, begin: number): void {
    this.#downloader.onBlockRejected(this.#peers.get(connection.key)!, pieceIndex, begin)
  }

  onAllowedFast(connection: PeerConnection, pieceIndex: number): void {
    const peer = this.#peers.get(connection.key)!
    if (peer.grantedToUs.size >= MAX_GRANTED_TO_US) return
    peer.grantedToUs.add(pieceIndex)
    peer.isStarved = true
  }

  mayServe(connection: PeerConnection, pieceIndex: number): boolean {
    const peer = this.#peers.get(connection.key)!
    if (this.#content?.have.has(pieceIndex) !== true) return false
    if (connection.state.isChoking && !peer.grantedByUs.has(pieceIndex)) return false
    this.#prover.onAsked(pieceIndex)
    return true
  }

  onUploadWork(connection: PeerConnection): void {
    this.#uploader.serve(this.#peers.get(connection.key)!)
  }

  onExtensionHandshake(connection: PeerConnection): void {
    const peer = this.#peers.get(connection.key)!
    const listenPort = connection.extensions?.port
    if (connection.isIncoming && listenPort !== undefined && listenPort > 0) this.peerList.onReachableAt(connection.remote, listenPort)
    this.#metadata.onExtensionHandshake(peer)
  }

  onMetadataMessage(connection: PeerConnection, message: MetadataMessage): void {
    this.#metadata.onMessage(this.#peers.get(connection.key)!, message)
  }

  onTurnEnd(connection: PeerConnection): void {
    const peer = this.#peers.get(connection.key)
    if (peer !== undefined) this.#downloader.refill(peer)
  }

  onClosed(connection: PeerConnection, error: EngineError | undefined): void {
    const peer = this.#peers.get(connection.key)
    if (peer === undefined) return
    this.#peers.delete(connection.key)
    this.#doorkeeper.onGone(connection)
    this.#uploadedToGone += connection.uploadMeter.total
    if (connection.downloadMeter.total > 0) this.#remember(peer)
    const isInOrder = error === undefined || error.code === 'PEER_USELESS'
    if (isInOrder && this.isSeeding && connection.isSeed && this.#completeHosts.size < MAX_DEPARTED) {
      this.#completeHosts.add(connection.remote.host)
    }
    if (connection.pieces.size > 0) this.#content?.availability.removePeer(connection.pieces)
    this.#downloader.onPeerGone(peer)
    this.#metadata.onPeerGone(peer)
    this.#unchoker.onPeerGone(peer)
    this.#superSeeder.onPeerGone(peer)
    this.peerList.onClosed(connection.remote, this.#host.system.now(), error)
    this.#owner.onPeerDisconnected(peer, error)
    if (!this.#isClosed) this.#dialer.dialMore()
  }

  // --- what becomes of pieces --------------------------------------------------------------------------------

  onPieceVerified(pieceIndex: number): void {
    this.#herald.onPieceVerified(pieceIndex)
    this.#owner.onPieceVerified(pieceIndex)
    if (this.#content!.picker.wantedComplete) this.#onComplete()
  }

  onUnchoking(peer: SwarmPeer): void {
    this.#herald.tell(peer)
  }

  onTold({ connection }: SwarmPeer): void {
    if (connection.state.isInterested) connection.setInterested(this.#content!.picker.isInteresting(connection.pieces))
  }

  onPieceFailed(_pieceIndex: number): void {}

  onPieceProven(pieceIndex: number): void {
    this.#owner.onPieceProven(pieceIndex)
  }

  /** Hashes these pieces, which were touched by others, without waiting for somebody who asks. */
  proveSoon(pieces: Bitfield): void {
    void this.#prover.proveAll(pieces) // never rejects
  }

  onPieceLost(pieceIndex: number, error: EngineError | undefined): void {
    const content = this.#content!
    if (!content.have.has(pieceIndex)) return
    content.unproven.clear(pieceIndex)
    content.picker.markMissing(pieceIndex)
    for (const peer of this.#peers.values()) {
      peer.connection.sendDontHave(pieceIndex)
      this.#weighInterest(peer)
    }
    this.#owner.onPieceLost(pieceIndex, error)
    this.#downloader.refillAllSoon()
    this.#dialer.dialMore()
  }

  onLiar(peerKey: number, pieceIndex: number): void {
    const peer = this.#peers.get(peerKey) ?? this.#departed.get(peerKey)
    if (peer === undefined) return
    const content = this.#content!
    content.picker.dropBlocksFrom(peerKey, (piece, begin) => content.assembly.drop(piece, begin))
    this.#banish(peer, `It sent bad bytes of piece ${pieceIndex}`)
    // Another piece may tell the same of it: once is enough, or its neighbours behind one address would be banned too.
    this.#departed.delete(peerKey)
    this.#owner.onPeerBanned(peer, pieceIndex)
  }

  onWriteFailed(error: EngineError): void {
    this.#owner.onWriteFailed(error)
  }

  /** From the committer, which belongs to the content. */
  get pieceOutcomes(): Pick<Downloader, 'onVerified' | 'onBad' | 'onWriteFailed'> {
    return this.#downloader
  }

  onMetadata(raw: Uint8Array): void {
    this.#owner.onMetadata(raw)
  }

  onMetadataLiar(peerKey: number): void {
    const peer = this.#peers.get(peerKey)
    if (peer !== undefined) this.#banish(peer, 'It sent metadata that does not match the info hash')
  }

  // --- inside ------------------------------------------------------------------------------------------------

  #introduce(connection: PeerConnection): void {
    if (!connection.supportsExtensions) return
    connection.sendExtensionHandshake({ listenPort: this.#host.listenPort, metadataSize: this.#metadata.size })
  }

  #onTick(): void {
    const now = this.#host.system.now()
    const lateMs = now - this.#tickedAt - TICK_MS
    this.#tickedAt = now
    for (const { connection } of this.#peers.values()) {
      if (lateMs > STANDSTILL_MS) connection.onStandstill(lateMs, now)
      connection.onTick(now)
    }
    this.#downloader.onTick(now)
    this.#metadata.onTick(now)
    this.#superSeeder.onTick(now)
    this.#dialer.dialMore()
  }

  #onComplete(): void {
    for (const peer of this.#peers.values()) this.#closeIfUseless(peer)
    this.#owner.onComplete()
  }

  /** Says whether it has anything that we want. */
  #weighInterest(peer: SwarmPeer): void {
    const content = this.#content
    if (content === undefined) return
    peer.connection.setInterested(content.picker.isInteresting(peer.pieces))
    peer.isStarved = true
  }

  /** Two peers that both have all they want have nothing to say to each other, once it has heard of our last piece. */
  #closeIfUseless(peer: SwarmPeer): void {
    if (this.isSeeding && peer.connection.isSeed) peer.connection.leave(new EngineError('PEER_USELESS', 'Both of us have everything'))
  }

  #remember(departed: SwarmPeer): void {
    this.#departed.set(departed.key, departed)
    for (const oldest of this.#departed.keys()) {
      if (this.#departed.size <= MAX_DEPARTED) return
      this.#departed.delete(oldest)
    }
  }

  #banish(peer: SwarmPeer, why: string): void {
    this.peerList.ban(peer.connection.remote, peer.connection.peerId)
    peer.connection.close(new EngineError('PEER_BANNED', why))
  }
}

/** BEP 6 leaves the number open; more is not a grant but a flood. */
const MAX_GRANTED_TO_US = 64
