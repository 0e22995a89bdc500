import type { Bitfield } from '@shoal/protocol/bitfield'
import { encodeHandshake } from '@shoal/protocol/wire/handshake'
import {
  BLOCK_MESSAGE_BYTES,
  encodeBitfield,
  encodeExtended,
  INDEX_MESSAGE_BYTES,
  KEEP_ALIVE_BYTES,
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
import type { ByteStream } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import { Outbox } from './outbox.ts'

/** Puts sentences of the protocol into bytes and gathers them for the stream. It knows no state: what may be said is the connection's matter. */
export class MessageSender {
  readonly #outbox: Outbox

  constructor(stream: ByteStream, system: System) {
    this.#outbox = new Outbox(stream, system)
  }

  handshake(infoHash: Uint8Array, peerId: Uint8Array): void {
    this.#outbox.put(
      encodeHandshake({ infoHash, peerId, supportsExtensions: true, supportsFast: true, supportsDht: false, supportsV2: false }),
    )
  }

  /** What we have, in the shortest way that the peer understands; nothing at all is said of nothing, unless it must be (BEP 6). */
  pieces(pieces: Bitfield | undefined, supportsFast: boolean): void {
    const box = this.#outbox
    if (pieces !== undefined && !pieces.isEmpty && !(supportsFast && pieces.isComplete)) {
      box.put(encodeBitfield(pieces.bytes))
    } else if (supportsFast) {
      const at = box.room(SIMPLE_MESSAGE_BYTES)
      box.end = pieces?.isEmpty === false ? writeHaveAll(box.bytes, at) : writeHaveNone(box.bytes, at)
    }
  }

  simple(messageId: SimpleMessageId): void {
    const at = this.#outbox.room(SIMPLE_MESSAGE_BYTES)
    this.#outbox.end = writeSimple(this.#outbox.bytes, at, messageId)
  }

  keepAlive(): void {
    const at = this.#outbox.room(KEEP_ALIVE_BYTES)
    this.#outbox.end = writeKeepAlive(this.#outbox.bytes, at)
  }

  have(pieceIndex: number, mayWait: boolean): void {
    const at = this.#outbox.room(INDEX_MESSAGE_BYTES, mayWait)
    this.#outbox.end = writeHave(this.#outbox.bytes, at, pieceIndex)
  }

  allowedFast(pieceIndex: number): void {
    const at = this.#outbox.room(INDEX_MESSAGE_BYTES)
    this.#outbox.end = writeAllowedFast(this.#outbox.bytes, at, pieceIndex)
  }

  request(pieceIndex: number, begin: number, length: number): void {
    const at = this.#outbox.room(BLOCK_MESSAGE_BYTES)
    this.#outbox.end = writeRequest(this.#outbox.bytes, at, pieceIndex, begin, length)
  }

  cancel(pieceIndex: number, begin: number, length: number): void {
    const at = this.#outbox.room(BLOCK_MESSAGE_BYTES)
    this.#outbox.end = writeCancel(this.#outbox.bytes, at, pieceIndex, begin, length)
  }

  reject(pieceIndex: number, begin: number, length: number): void {
    const at = this.#outbox.room(BLOCK_MESSAGE_BYTES)
    this.#outbox.end = writeReject(this.#outbox.bytes, at, pieceIndex, begin, length)
  }

  extended(extendedId: number, payload: Uint8Array): void {
    this.#outbox.put(encodeExtended(extendedId, payload))
  }

  /** Whole `piece` messages that lie in a frame. @returns what `ByteStream.write` says */
  frame(bytes: Uint8Array, onSent: () => void): boolean {
    return this.#outbox.send(bytes, onSent)
  }

  flush(): void {
    this.#outbox.flush()
  }

  close(): void {
    this.#outbox.close()
  }
}
