import { Bitfield } from '@shoal/protocol/bitfield'
import type { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { clientName } from '@shoal/protocol/peer-id'
import { DONT_HAVE_EXTENSION, encodeDontHave, parseDontHave } from '@shoal/protocol/wire/dont-have'
import {
  EXTENSION_HANDSHAKE_ID,
  type ExtensionHandshake,
  encodeExtensionHandshake,
  parseExtensionHandshake,
} from '@shoal/protocol/wire/extension'
import { encodeHandshake, HANDSHAKE_LENGTH, type Handshake, parseHandshake } from '@shoal/protocol/wire/handshake'
import {
  BLOCK_MESSAGE_BYTES,
  encodeBitfield,
  encodeExtended,
  INDEX_MESSAGE_BYTES,
  MESSAGE_ID,
  SIMPLE_MESSAGE_BYTES,
  type SimpleMessageId,
  writeAllowedFast,
  writeCancel,
  writeHave,
  writeHaveAll,
  writeHaveNone,
  writeKeepAlive,
  writeReject,
  writeRequest,
  writeSimple,
} from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import { encodeMetadataMessage, METADATA_EXTENSION, type MetadataMessage, parseMetadataMessage } from '@shoal/protocol/wire/metadata'
import { asEngineError, EngineError } from '../base/errors.ts'
import type { ConnectionOptions } from '../base/options.ts'
import type { ByteStream, Endpoint, StreamHandler } from '../ports/network.ts'
import type { System, Timer } from '../ports/system.ts'
import { EarlyPieces } from './early-pieces.ts'
import { Outbox } from './outbox.ts'
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
  /** The upload queue is no longer empty, or the socket takes bytes again. */
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
  readonly #outbox: Outbox
  readonly #decoder: MessageDecoder
  #owner: PeerOwner | undefined
  #geometry: PieceGeometry | undefined
  #early: EarlyPieces | undefined = new EarlyPieces()
  #handshakeBytes: Uint8Array | undefined = new Uint8Array(HANDSHAKE_LENGTH)
  #handshakeLength = 0
  #handshakeTimer: Timer | undefined
  #refusedRequests = 0
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
    this.#outbox = new Outbox(stream, system)
    this.#decoder = new MessageDecoder(this)
    this.#handshakeTimer = system.after(this.#options.handshakeTimeoutMs, () => this.#onHandshakeTimeout())
    stream.start(this)
    if (options.greeting !== undefined) this.#sendHandshake(options.greeting.infoHash, options.greeting.ourPeerId)
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

  /** Tells what we have, in the shortest way that the peer understands. Only right after `onOpen`. */
  sendPieces(pieces: Bitfield | undefined): void {
    const box = this.#outbox
    const at = box.room(SIMPLE_MESSAGE_BYTES)
    if (pieces === undefined || pieces.isEmpty) {
      if (this.supportsFast) box.end = writeHaveNone(box.bytes, at)
    } else if (this.supportsFast && pieces.isComplete) box.end = writeHaveAll(box.bytes, at)
    else box.send(encodeBitfield(pieces.bytes))
    this.#onSent()
  }

  sendHave(pieceIndex: number): void {
    const box = this.#outbox
    const at = box.room(INDEX_MESSAGE_BYTES)
    box.end = writeHave(box.bytes, at, pieceIndex)
    this.#onSent()
  }

  /** Takes a `have` back, where the peer understands it (BEP 54). */
  sendDontHave(pieceIndex: number): void {
    const id = this.extensions?.ids.get(DONT_HAVE_EXTENSION)
    if (id !== undefined && id !== 0) this.#outbox.send(encodeExtended(id, encodeDontHave(pieceIndex)))
  }

  setInterested(isInterested: boolean): void {
    if (this.state.isInterested === isInterested) return
    this.state.isInterested = isInterested
    this.#sendSimple(isInterested ? MESSAGE_ID.interested : MESSAGE_ID.notInterested)
  }

  choke(): void {
    if (this.state.isChoking) return
    this.state.isChoking = true
    this.#sendSimple(MESSAGE_ID.choke)
    // BEP 6: every request is answered, so a choke rejects what waits. Without it the choke says the same.
    this.uploads.clear((pieceIndex, begin, length) => this.#reject(pieceIndex, begin, length))
  }

  unchoke(): void {
    if (!this.state.isChoking) return
    this.state.isChoking = false
    this.#sendSimple(MESSAGE_ID.unchoke)
  }

  sendAllowedFast(pieceIndex: number): void {
    const box = this.#outbox
    const at = box.room(INDEX_MESSAGE_BYTES)
    box.end = writeAllowedFast(box.bytes, at, pieceIndex)
  }

  /** Asks for a block and counts on it. */
  request(pieceIndex: number, begin: number, length: number): void {
    this.pipeline.add(pieceIndex, begin, length, this.now)
    const box = this.#outbox
    const at = box.room(BLOCK_MESSAGE_BYTES)
    box.end = writeRequest(box.bytes, at, pieceIndex, begin, length)
    this.#onSent()
  }

  /** Takes a request back. The block may come all the same (BEP 3) and is then a stray one. */
  cancel(pieceIndex: number, begin: number, length: number): void {
    if (!this.pipeline.remove(pieceIndex, begin)) return
    const box = this.#outbox
    const at = box.room(BLOCK_MESSAGE_BYTES)
    box.end = writeCancel(box.bytes, at, pieceIndex, begin, length)
  }

  /** Refuses the next run of what waits: its piece turned out not to be servable. */
  rejectRun(): void {
    const queue = this.uploads
    if (!queue.nextRun(1)) return
    this.#reject(queue.runPieceIndex, queue.runBegin, queue.runLastLength)
  }

  /**
   * Sends a frame of `piece` messages; `onSent` is called when its bytes are free again.
   * @returns false when enough is on its way: `onUploadWork` follows when the socket takes more.
   */
  sendBlocks(frame: Uint8Array, payloadBytes: number, onSent: () => void): boolean {
    this.uploadMeter.add(payloadBytes, this.#system.now())
    this.#canWrite = this.#outbox.send(frame, onSent)
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
    this.#outbox.send(encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake(handshake)))
  }

  /** False when the peer has not said that it exchanges metadata. */
  sendMetadataMessage(message: MetadataMessage): boolean {
    const id = this.extensions?.ids.get(METADATA_EXTENSION)
    if (id === undefined || id === 0) return false
    this.#outbox.send(encodeExtended(id, encodeMetadataMessage(message)))
    return true
  }

  /** Stops reading: the peer's sending window fills and it waits. */
  pauseReading(): void {
    this.#stream.pause()
  }

  resumeReading(): void {
    this.#stream.resume()
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
    if (now - this.lastReceivedAt > this.#options.idleTimeoutMs) {
      this.close(new EngineError('PEER_TIMEOUT', `Nothing heard for ${Math.round(this.#options.idleTimeoutMs / 1000)} s`))
    } else if (now - this.lastSentAt > this.#options.keepAliveIntervalMs) {
      const at = this.#outbox.room(SIMPLE_MESSAGE_BYTES)
      this.#outbox.end = writeKeepAlive(this.#outbox.bytes, at)
      this.lastSentAt = now
    }
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
      let rest = chunk
      if (this.#handshakeBytes !== undefined) {
        rest = this.#collectHandshake(chunk, this.#handshakeBytes)
        if (rest.length === 0 || this.isClosed) return
      }
      this.#decoder.push(rest)
      if (this.isClosed) return
      this.#owner?.onTurnEnd(this)
      this.#outbox.flush()
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
    this.#outbox.close()
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
    this.#beFirst('bitfield')
    if (this.#geometry === undefined) {
      this.#early?.onBitfield(bits)
      return
    }
    this.pieces = Bitfield.fromBytes(bits, this.#geometry.pieceCount)
    this.#owner!.onPieces(this)
  }

  onHaveAll(): void {
    this.#needFast('have all')
    this.#beFirst('have all')
    if (this.#geometry === undefined) {
      this.#early?.onHaveAll()
      return
    }
    this.pieces = Bitfield.full(this.#geometry.pieceCount)
    this.#owner!.onPieces(this)
  }

  onHaveNone(): void {
    this.#needFast('have none')
    this.#beFirst('have none')
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
    if (this.uploads.size === 1) this.#owner!.onUploadWork(this)
  }

  onPiece(pieceIndex: number, begin: number, block: Uint8Array): void {
    this.downloadMeter.add(block.length, this.now)
    if (this.pipeline.onBlock(pieceIndex, begin, block.length, this.now)) this.#owner!.onBlock(this, pieceIndex, begin, block)
    else this.#owner!.onStrayBlock(this, block.length)
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
      this.extensions = parseExtensionHandshake(payload)
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

  #collectHandshake(chunk: Uint8Array, collected: Uint8Array): Uint8Array {
    const taken = Math.min(chunk.length, HANDSHAKE_LENGTH - this.#handshakeLength)
    collected.set(chunk.subarray(0, taken), this.#handshakeLength)
    this.#handshakeLength += taken
    if (this.#handshakeLength < HANDSHAKE_LENGTH) return chunk.subarray(taken)
    this.#handshakeBytes = undefined
    this.#handshakeTimer?.cancel()
    const handshake = parseHandshake(collected)
    this.peerId = handshake.peerId
    this.supportsFast = handshake.supportsFast
    this.supportsExtensions = handshake.supportsExtensions
    const { owner, infoHash, ourPeerId } = this.#door.admit(this, handshake)
    if (this.isIncoming) this.#sendHandshake(infoHash, ourPeerId)
    this.#owner = owner
    this.isOpen = true
    owner.onOpen(this)
    return chunk.subarray(taken)
  }

  #sendHandshake(infoHash: Uint8Array, ourPeerId: Uint8Array): void {
    this.#outbox.send(
      encodeHandshake({ infoHash, peerId: ourPeerId, supportsExtensions: true, supportsFast: true, supportsDht: false, supportsV2: false }),
    )
  }

  #onHandshakeTimeout(): void {
    this.close(new EngineError('PEER_TIMEOUT', `No handshake within ${Math.round(this.#options.handshakeTimeoutMs / 1000)} s`))
  }

  #sendSimple(messageId: SimpleMessageId): void {
    const box = this.#outbox
    const at = box.room(SIMPLE_MESSAGE_BYTES)
    box.end = writeSimple(box.bytes, at, messageId)
    this.#onSent()
  }

  #onSent(): void {
    this.lastSentAt = this.now
    if (this.#stream.bufferedBytes > this.#options.maxUnsentBytes) {
      this.close(new EngineError('PEER_MISBEHAVED', 'It does not read what we send'))
    }
  }

  #reject(pieceIndex: number, begin: number, length: number): void {
    if (!this.supportsFast) return
    const box = this.#outbox
    const at = box.room(BLOCK_MESSAGE_BYTES)
    box.end = writeReject(box.bytes, at, pieceIndex, begin, length)
  }

  /** W3: answers are cheap, endless ones are not. A peer that goes on asking for what it may not have is sent away. */
  #refuse(pieceIndex: number, begin: number, length: number): void {
    if (++this.#refusedRequests > 4 * this.#options.maxQueuedRequests) throw misbehaved('It goes on asking for blocks that it may not have')
    this.#reject(pieceIndex, begin, length)
  }

  #needFast(what: string): void {
    if (!this.supportsFast) throw misbehaved(`It sends "${what}" without having said that it speaks the fast extension`)
  }

  #beFirst(what: string): void {
    if (this.state.hasSpoken) throw misbehaved(`Its ${what} is not its first message`)
    this.state.hasSpoken = true
  }
}

function misbehaved(what: string): EngineError {
  return new EngineError('PEER_MISBEHAVED', what)
}
