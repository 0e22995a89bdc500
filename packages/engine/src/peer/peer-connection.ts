import { Bitfield } from '@shoal/protocol/bitfield'
import type { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { clientName } from '@shoal/protocol/peer-id'
import { DONT_HAVE_EXTENSION, encodeDontHave, parseDontHave } from '@shoal/protocol/wire/dont-have'
import {
  EXTENSION_HANDSHAKE_ID,
  type ExtensionHandshake,
  encodeExtensionHandshake,
  mergeExtensionHandshakes,
  parseExtensionHandshake,
} from '@shoal/protocol/wire/extension'
import type { Handshake } from '@shoal/protocol/wire/handshake'
import { MESSAGE_ID } from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import { encodeMetadataMessage, METADATA_EXTENSION, type MetadataMessage, parseMetadataMessage } from '@shoal/protocol/wire/metadata'
import { asEngineError, EngineError } from '../base/errors.ts'
import type { ConnectionOptions } from '../base/options.ts'
import type { ByteStream, Endpoint, StreamHandler } from '../ports/network.ts'
import type { System, Timer } from '../ports/system.ts'
import { EarlyPieces } from './early-pieces.ts'
import { HandshakeCollector } from './handshake-collector.ts'
import { MessageSender } from './message-sender.ts'
import { PeerState } from './peer-state.ts'
import { RateMeter } from './rate-meter.ts'
import { RequestPipeline } from './request-pipeline.ts'
import { LONGEST_REQUEST, UploadQueue } from './upload-queue.ts'

/** Our ids for extension messages (BEP 10): what peers put on messages to us. */
export const OUR_EXTENSIONS: ReadonlyMap<string, number> = new Map([
  [METADATA_EXTENSION, 2],
  [DONT_HAVE_EXTENSION, 7],
])
const METADATA_ID = 2
const DONT_HAVE_ID = 7

/** A have-all is five bytes and costs a look at every piece; with "don't have" between them there could be many. */
const MAX_LATE_HAVE_ALLS = 16
/** A megabyte that was not asked for may be somebody's mistake. */
const MAX_STRAY_BLOCKS = 64

/** Who a handshake is for. The swarm answers for what it dialled, the listener finds the torrent of a stranger. */
export interface PeerDoor {
  /**
   * Takes the peer in and says what we are to it.
   * @throws {EngineError} why it is sent away.
   */
  admit(peer: PeerConnection, handshake: Handshake): Admission
}

export interface Admission {
  readonly owner: PeerOwner
  readonly infoHash: Uint8Array
  readonly ourPeerId: Uint8Array
}

/** What a connection tells the swarm that owns it. Nothing comes after `onClosed`. */
export interface PeerOwner {
  /** Both handshakes are done: say what we have. */
  onOpen(peer: PeerConnection): void
  /** Its pieces are known anew, all of them. */
  onPieces(peer: PeerConnection): void
  onHave(peer: PeerConnection, pieceIndex: number): void
  onDontHave(peer: PeerConnection, pieceIndex: number): void
  onUnchoked(peer: PeerConnection): void
  /** Blocks asked for are lost (`peer.pipeline` still has them) unless the peer speaks the fast extension. */
  onChoked(peer: PeerConnection): void
  onInterestChanged(peer: PeerConnection): void
  /** A block that was asked for. `block` is good only during the call. */
  onBlock(peer: PeerConnection, pieceIndex: number, begin: number, block: Uint8Array): void
  /** A block that nobody waits for (any more). */
  onStrayBlock(peer: PeerConnection, length: number): void
  onRejected(peer: PeerConnection, pieceIndex: number, begin: number): void
  onAllowedFast(peer: PeerConnection, pieceIndex: number): void
  /** May this request be queued? False: it is rejected. */
  mayServe(peer: PeerConnection, pieceIndex: number): boolean
  /** Requests came into the upload queue (once for all of a socket read), or the socket takes bytes again. */
  onUploadWork(peer: PeerConnection): void
  onExtensionHandshake(peer: PeerConnection): void
  onMetadataMessage(peer: PeerConnection, message: MetadataMessage): void
  /** A socket read has been worked through: time to ask for more, once for all its blocks. */
  onTurnEnd(peer: PeerConnection): void
  onClosed(peer: PeerConnection, error: EngineError | undefined): void
}

/**
 * One peer: bytes of a stream on one side, sentences of the protocol on the other (BEP 3, 6, 10, 54).
 *
 * It keeps the handshake, the two-way state, what the peer has, and the queues of blocks in both directions. It
 * decides nothing about which piece or whom to serve: that is the swarm's.
 */
export class PeerConnection implements StreamHandler {
  /** Small and unique among the connections of a session. */
  readonly key: number
  readonly remote: Endpoint
  readonly isIncoming: boolean
  readonly state: PeerState = new PeerState()
  readonly pipeline: RequestPipeline
  readonly uploads: UploadQueue
  readonly downloadMeter: RateMeter
  readonly uploadMeter: RateMeter
  readonly connectedAt: number
  /** Monotonic time of the read that is being worked through. */
  now: number
  lastReceivedAt: number
  lastSentAt: number
  pieces: Bitfield = Bitfield.empty(0)
  peerId: Uint8Array = new Uint8Array(20)
  supportsFast = false
  supportsExtensions = false
  extensions: ExtensionHandshake | undefined
  isOpen = false
  isClosed = false

  readonly #stream: ByteStream
  readonly #system: System
  readonly #options: ConnectionOptions
  readonly #door: PeerDoor
  readonly #onRefused: (error: EngineError) => void
  readonly #sender: MessageSender
  readonly #decoder: MessageDecoder
  #owner: PeerOwner | undefined
  #geometry: PieceGeometry | undefined
  #early: EarlyPieces | undefined = new EarlyPieces()
  #collector: HandshakeCollector | undefined = new HandshakeCollector()
  #handshakeTimer: Timer | undefined
  #refusedRequests = 0
  #strayBlocks = 0
  #lateHaveAlls = 0
  /** Requests have come in the read that is being worked through. */
  #isAsked = false
  #canWrite = true

  constructor(options: {
    key: number
    stream: ByteStream
    system: System
    connection: ConnectionOptions
    door: PeerDoor
    /** Dialled: our handshake goes first. */
    greeting?: { infoHash: Uint8Array; ourPeerId: Uint8Array }
    /** It ended before it was admitted: refused by the door, silent, or broken. */
    onRefused: (error: EngineError) => void
  }) {
    const { stream, system } = options
    this.key = options.key
    this.remote = stream.remote
    this.isIncoming = options.greeting === undefined
    this.#stream = stream
    this.#system = system
    this.#options = options.connection
    this.#door = options.door
    this.#onRefused = options.onRefused
    this.now = this.connectedAt = this.lastReceivedAt = this.lastSentAt = system.now()
    this.pipeline = new RequestPipeline({ now: this.now })
    this.uploads = new UploadQueue(options.connection.maxQueuedRequests)
    this.downloadMeter = new RateMeter(this.now)
    this.uploadMeter = new RateMeter(this.now)
    this.#sender = new MessageSender(stream, system)
    this.#decoder = new MessageDecoder(this)
    this.#handshakeTimer = system.after(this.#options.handshakeTimeoutMs, () => this.#onHandshakeTimeout())
    stream.start(this)
    if (options.greeting !== undefined) this.#sender.handshake(options.greeting.infoHash, options.greeting.ourPeerId)
  }

  /** Client and version, as far as the peer says. */
  get client(): string {
    return this.extensions?.client ?? clientName(this.peerId)
  }

  get isSeed(): boolean {
    return this.pieces.size > 0 && this.pieces.isComplete
  }

  /** False while the socket holds enough; `onUploadWork` says when that changes. */
  get canWrite(): boolean {
    return this.#canWrite
  }

  // --- what we say -------------------------------------------------------------------------------------------

  /** Tells what we have. Only right after `onOpen`. */
  sendPieces(pieces: Bitfield | undefined): void {
    this.#sender.pieces(pieces, this.supportsFast)
    this.#onSent()
  }

  /** What `mayWait` goes out with the next message, or within a second: a write and a wake-up for it alone would be too dear. */
  sendHave(pieceIndex: number, mayWait = false): void {
    this.#sender.have(pieceIndex, mayWait)
    this.#onSent()
  }

  /** Takes a `have` back, where the peer understands it (BEP 54). */
  sendDontHave(pieceIndex: number): void {
    const id = this.extensions?.ids.get(DONT_HAVE_EXTENSION)
    if (id !== undefined && id !== 0) this.#sender.extended(id, encodeDontHave(pieceIndex))
  }

  setInterested(isInterested: boolean): void {
    if (this.state.isInterested === isInterested) return
    this.state.isInterested = isInterested
    this.#sender.simple(isInterested ? MESSAGE_ID.interested : MESSAGE_ID.notInterested)
    this.#onSent()
  }

  choke(): void {
    if (this.state.isChoking) return
    this.state.isChoking = true
    this.#sender.simple(MESSAGE_ID.choke)
    // BEP 6: every request is answered, so a choke rejects what waits. Without it the choke says the same.
    this.uploads.clear((pieceIndex, begin, length) => this.#reject(pieceIndex, begin, length))
  }

  unchoke(): void {
    if (!this.state.isChoking) return
    this.state.isChoking = false
    this.#sender.simple(MESSAGE_ID.unchoke)
    this.#onSent()
  }

  sendAllowedFast(pieceIndex: number): void {
    this.#sender.allowedFast(pieceIndex)
  }

  /** Asks for a block and counts on it. */
  request(pieceIndex: number, begin: number, length: number): void {
    this.pipeline.add(pieceIndex, begin, length, this.now)
    this.#sender.request(pieceIndex, begin, length)
    // Whoever asks is in the middle of something and cannot lose the peer now: `onData` looks at what is unsent.
    this.lastSentAt = this.now
  }

  /** Takes a request back. The block may come all the same (BEP 3) and is then a stray one. */
  cancel(pieceIndex: number, begin: number, length: number): void {
    if (this.pipeline.remove(pieceIndex, begin)) this.#sender.cancel(pieceIndex, begin, length)
  }

  /** Refuses the next run of what waits: its piece turned out not to be servable. */
  rejectRun(): void {
    const queue = this.uploads
    if (queue.nextRun(1)) this.#reject(queue.runPieceIndex, queue.runBegin, queue.runLastLength)
  }

  /**
   * Sends a frame of `piece` messages; `onSent` is called when its bytes are free again.
   * @returns false when enough is on its way: `onUploadWork` follows when the socket takes more.
   */
  sendBlocks(frame: Uint8Array, payloadBytes: number, onSent: () => void): boolean {
    this.uploadMeter.add(payloadBytes, this.#system.now())
    this.#canWrite = this.#sender.frame(frame, onSent)
    this.#onSent()
    return this.#canWrite
  }

  sendExtensionHandshake(options: { readonly listenPort: number | undefined; readonly metadataSize: number | undefined }): void {
    const handshake: ExtensionHandshake = {
      ids: OUR_EXTENSIONS,
      client: 'Shoal 0.1.0',
      requestQueueLength: this.#options.maxQueuedRequests,
      yourIp: this.remote.host,
      ...(options.listenPort === undefined ? {} : { port: options.listenPort }),
      ...(options.metadataSize === undefined ? {} : { metadataSize: options.metadataSize }),
    }
    this.#sender.extended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake(handshake))
  }

  /** Nothing is sent when the peer has not said that it exchanges metadata. */
  sendMetadataMessage(message: MetadataMessage): void {
    const id = this.extensions?.ids.get(METADATA_EXTENSION)
    if (id === undefined || id === 0) return
    this.#sender.extended(id, encodeMetadataMessage(message))
    this.#onSent()
  }

  /** The torrent's shape is known (at once, or after a magnet fetched it): checks what the peer said before. */
  setGeometry(geometry: PieceGeometry): void {
    this.#geometry = geometry
    const early = this.#early
    this.#early = undefined
    this.pieces = Bitfield.empty(geometry.pieceCount)
    if (early === undefined) return
    try {
      this.pieces = early.resolve(geometry.pieceCount)
    } catch (error) {
      this.close(asEngineError(error, 'PEER_MISBEHAVED', 'Its bitfield does not fit the torrent'))
    }
  }

  /** Keep-alives and silence; called about once a second. */
  onTick(now: number): void {
    if (!this.isOpen) return
    this.#sender.flush()
    if (now - this.lastReceivedAt > this.#options.idleTimeoutMs) {
      this.close(new EngineError('PEER_TIMEOUT', `Nothing heard for ${Math.round(this.#options.idleTimeoutMs / 1000)} s`))
    } else if (now - this.lastSentAt > this.#options.keepAliveIntervalMs) {
      this.#sender.keepAlive()
      this.lastSentAt = now
    }
  }

  /** This program stood still for so long (stopped, or its machine paused) and heard nobody: that silence was not the peer's. */
  onStandstill(ms: number, now: number): void {
    this.lastReceivedAt = Math.min(this.lastReceivedAt + ms, now)
  }

  /** Ends in order: what we have said goes out before. `error` is for our side only. */
  leave(error: EngineError): void {
    if (this.isClosed) return
    this.#sender.flush()
    this.#stream.end()
    this.onClose(error)
  }

  close(error?: EngineError): void {
    if (this.isClosed) return
    this.#stream.destroy(error)
    this.onClose(error)
  }

  // --- the stream --------------------------------------------------------------------------------------------

  onData(chunk: Uint8Array): void {
    if (this.isClosed) return
    this.now = this.lastReceivedAt = this.#system.now()
    try {
      let begin = 0
      if (this.#collector !== undefined) {
        const { taken, handshake } = this.#collector.push(chunk)
        if (handshake === undefined) return
        this.#onHandshake(handshake)
        begin = taken
      }
      if (begin < chunk.length) this.#decoder.push(begin === 0 ? chunk : chunk.subarray(begin))
      if (this.isClosed) return
      if (this.#isAsked) {
        // Once all requests of the read are in the queue, where neighbours make a run: each by itself would be a read and a write.
        this.#isAsked = false
        this.#owner?.onUploadWork(this)
      }
      this.#owner?.onTurnEnd(this)
      this.#sender.flush()
      this.#checkUnsent()
    } catch (error) {
      this.close(asEngineError(error, 'PEER_MISBEHAVED', 'Cannot go on with this peer'))
    }
  }

  onDrain(): void {
    this.#canWrite = true
    if (!this.isClosed && this.uploads.size > 0) this.#owner?.onUploadWork(this)
  }

  onClose(error: Error | undefined): void {
    if (this.isClosed) return
    this.isClosed = true
    this.isOpen = false
    this.#handshakeTimer?.cancel()
    this.#sender.close()
    this.#decoder.stop()
    const reason = error === undefined ? undefined : asEngineError(error, 'NETWORK_FAILED', 'The connection broke')
    if (this.#owner !== undefined) this.#owner.onClosed(this, reason)
    else this.#onRefused(reason ?? new EngineError('NETWORK_RESET', 'It hung up before it said who it is'))
  }

  // --- what the peer says (MessageHandler) -------------------------------------------------------------------

  onKeepAlive(): void {}

  onChoke(): void {
    this.state.hasSpoken = true
    if (this.state.isChokingUs) return
    this.state.isChokingUs = true
    this.#owner!.onChoked(this)
  }

  onUnchoke(): void {
    this.state.hasSpoken = true
    if (!this.state.isChokingUs) return
    this.state.isChokingUs = false
    this.#owner!.onUnchoked(this)
  }

  onInterested(): void {
    this.state.hasSpoken = true
    if (this.state.isInterestedInUs) return
    this.state.isInterestedInUs = true
    this.#owner!.onInterestChanged(this)
  }

  onNotInterested(): void {
    this.state.hasSpoken = true
    if (!this.state.isInterestedInUs) return
    this.state.isInterestedInUs = false
    this.#owner!.onInterestChanged(this)
  }

  onHave(pieceIndex: number): void {
    this.state.hasSpoken = true
    if (this.#geometry === undefined) {
      this.#early?.onHave(pieceIndex)
      return
    }
    if (!this.#geometry.isValidPiece(pieceIndex)) throw misbehaved(`It says it has piece ${pieceIndex}, which does not exist`)
    if (this.pieces.set(pieceIndex)) this.#owner!.onHave(this, pieceIndex)
  }

  onBitfield(bits: Uint8Array): void {
    const isFirst = this.#isFirst()
    if (this.#geometry === undefined) {
      this.#early?.onBitfield(bits)
      return
    }
    const pieces = Bitfield.fromBytes(bits, this.#geometry.pieceCount)
    if (isFirst) {
      this.pieces = pieces
      this.#owner!.onPieces(this)
    } else {
      pieces.forEachSet((pieceIndex) => this.#onLateHave(pieceIndex))
    }
  }

  onHaveAll(): void {
    this.#needFast('have all')
    const isFirst = this.#isFirst()
    if (this.#geometry === undefined) {
      this.#early?.onHaveAll()
      return
    }
    if (isFirst) {
      this.pieces = Bitfield.full(this.#geometry.pieceCount)
      this.#owner!.onPieces(this)
    } else if (!this.pieces.isComplete) {
      if (++this.#lateHaveAlls > MAX_LATE_HAVE_ALLS) throw misbehaved('It says again and again that it has everything')
      for (let pieceIndex = 0; pieceIndex < this.pieces.size; pieceIndex++) this.#onLateHave(pieceIndex)
    }
  }

  onHaveNone(): void {
    this.#needFast('have none')
    if (!this.#isFirst()) throw misbehaved('Its "have none" is not its first message')
  }

  onRequest(pieceIndex: number, begin: number, length: number): void {
    this.state.hasSpoken = true
    const geometry = this.#geometry
    if (geometry === undefined) {
      this.#refuse(pieceIndex, begin, length)
      return
    }
    if (length > LONGEST_REQUEST || !geometry.isValidBlock(pieceIndex, begin, length)) {
      throw misbehaved(`It asks for ${length} bytes at ${begin} of piece ${pieceIndex}, which do not exist`)
    }
    if (!this.#owner!.mayServe(this, pieceIndex) || !this.uploads.push(pieceIndex, begin, length)) {
      this.#refuse(pieceIndex, begin, length)
      return
    }
    this.#isAsked = true
  }

  onPiece(pieceIndex: number, begin: number, block: Uint8Array): void {
    this.downloadMeter.add(block.length, this.now)
    if (this.pipeline.onBlock(pieceIndex, begin, block.length, this.now)) this.#owner!.onBlock(this, pieceIndex, begin, block)
    else this.#onStrayBlock(block.length)
  }

  onCancel(pieceIndex: number, begin: number, length: number): void {
    if (this.uploads.cancel(pieceIndex, begin, length)) this.#reject(pieceIndex, begin, length)
  }

  onPort(_port: number): void {}

  onSuggest(_pieceIndex: number): void {
    this.#needFast('suggest')
  }

  onReject(pieceIndex: number, begin: number, _length: number): void {
    this.#needFast('reject')
    if (this.pipeline.remove(pieceIndex, begin)) this.#owner!.onRejected(this, pieceIndex, begin)
  }

  onAllowedFast(pieceIndex: number): void {
    this.#needFast('allowed fast')
    if (this.#geometry?.isValidPiece(pieceIndex) === true) this.#owner!.onAllowedFast(this, pieceIndex)
  }

  onExtended(extendedId: number, payload: Uint8Array): void {
    if (!this.supportsExtensions) throw misbehaved('It sends an extension message without having said that it speaks them')
    if (extendedId === EXTENSION_HANDSHAKE_ID) {
      const said = parseExtensionHandshake(payload)
      this.extensions = this.extensions === undefined ? said : mergeExtensionHandshakes(this.extensions, said)
      const limit = this.extensions.requestQueueLength
      if (limit !== undefined) this.pipeline.setRemoteLimit(limit)
      this.#owner!.onExtensionHandshake(this)
    } else if (extendedId === METADATA_ID) {
      const message = parseMetadataMessage(payload)
      if (message !== undefined) this.#owner!.onMetadataMessage(this, message)
    } else if (extendedId === DONT_HAVE_ID) {
      const pieceIndex = parseDontHave(payload)
      if (this.pieces.size > pieceIndex && this.pieces.clear(pieceIndex)) this.#owner!.onDontHave(this, pieceIndex)
    }
  }

  /** Messages of later BEPs (hash requests of BEP 52 among them) are none of our business yet. */
  onUnknown(_messageId: number, _payload: Uint8Array): void {}

  // --- inside ------------------------------------------------------------------------------------------------

  #onHandshake(handshake: Handshake): void {
    this.#collector = undefined
    this.#handshakeTimer?.cancel()
    this.peerId = handshake.peerId
    this.supportsFast = handshake.supportsFast
    this.supportsExtensions = handshake.supportsExtensions
    const { owner, infoHash, ourPeerId } = this.#door.admit(this, handshake)
    if (this.isIncoming) this.#sender.handshake(infoHash, ourPeerId)
    this.#owner = owner
    this.isOpen = true
    owner.onOpen(this)
  }

  #onHandshakeTimeout(): void {
    this.close(new EngineError('PEER_TIMEOUT', `No handshake within ${Math.round(this.#options.handshakeTimeoutMs / 1000)} s`))
  }

  #onSent(): void {
    this.lastSentAt = this.now
    this.#checkUnsent()
  }

  /** Whatever it makes us say, it must read (W9). */
  #checkUnsent(): void {
    if (this.#stream.bufferedBytes > this.#options.maxUnsentBytes) {
      this.close(new EngineError('PEER_MISBEHAVED', 'It does not read what we send'))
    }
  }

  #reject(pieceIndex: number, begin: number, length: number): void {
    if (this.supportsFast) this.#sender.reject(pieceIndex, begin, length)
  }

  /** W3: answers are cheap, endless ones are not. A peer that goes on asking for what it may not have is sent away. */
  #refuse(pieceIndex: number, begin: number, length: number): void {
    if (++this.#refusedRequests > 4 * this.#options.maxQueuedRequests) throw misbehaved('It goes on asking for blocks that it may not have')
    this.#reject(pieceIndex, begin, length)
  }

  /** What we took back may be on its way already; what was never asked for is not. */
  #onStrayBlock(length: number): void {
    if (++this.#strayBlocks > this.pipeline.forgottenCount + MAX_STRAY_BLOCKS) throw misbehaved('It sends blocks that nobody asked for')
    this.#owner!.onStrayBlock(this, length)
  }

  #needFast(what: string): void {
    if (!this.supportsFast) throw misbehaved(`It sends "${what}" without having said that it speaks the fast extension`)
  }

  /** Whether this is the first message, where BEP 3 and 6 have the peer say what it has. */
  #isFirst(): boolean {
    const isFirst = !this.state.hasSpoken
    this.state.hasSpoken = true
    return isFirst
  }

  /**
   * aria2 says many pieces at once with another bitfield or have-all, in the middle of a download. Such a late one only
   * adds: to take a piece back there is BEP 54.
   */
  #onLateHave(pieceIndex: number): void {
    if (!this.isClosed && this.pieces.set(pieceIndex)) this.#owner!.onHave(this, pieceIndex)
  }
}

function misbehaved(what: string): EngineError {
  return new EngineError('PEER_MISBEHAVED', what)
}
