import { uint16, uint32, viewOf } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { LENGTH_PREFIX_BYTES, MESSAGE_ID, type MessageHandler, PIECE_HEADER_BYTES } from './message.ts'

export interface MessageDecoderOptions {
  /** The largest message taken. 1 MiB holds the bitfield of eight million pieces and sixty-four usual blocks. */
  readonly maxMessageBytes: number
}

export const DEFAULT_MESSAGE_DECODER_OPTIONS: Readonly<MessageDecoderOptions> = Object.freeze({ maxMessageBytes: 1 << 20 })

/** Two sizes of carry buffer for a connection's life: one for a peer that only chats, one for the usual block with its header. */
const SMALL_CARRY_BYTES = 64
const BLOCK_CARRY_BYTES = PIECE_HEADER_BYTES + 16_384

/**
 * Cuts a TCP byte stream into peer-wire messages (BEP 3, "peer messages") and calls the handler once
 * for each.
 *
 * This is the hot path of a download. A message that lies whole in a chunk is handed over in place.
 * One that straddles chunks is put together in a carry buffer: only its own bytes are copied, the rest
 * of the chunk is again handed over in place. So a byte is copied at most once, and usually never.
 *
 *     chunk n   … | piece | req | pie           chunk n+1   ce | have | piece | …
 *                                └─copied─┐                 ┘copied
 *                                         carry: [ pie·ce ] ─► onPiece(view of the carry buffer)
 *
 * The carry buffer grows with the bytes that have really come, never with what a length prefix claims.
 *
 * Bytes handed to the handler are views, good only until the call returns. The handler may call
 * `stop()`; it must not call `push`. After an error the decoder is stopped: drop the peer.
 */
export class MessageDecoder {
  readonly #handler: MessageHandler
  readonly #maxMessageBytes: number
  /** The beginning of a message whose end has not come yet: `#carry[0, #carried)`. */
  #carry: Uint8Array = NOTHING
  #carried = 0
  #isStopped = false

  constructor(handler: MessageHandler, options?: Partial<MessageDecoderOptions>) {
    this.#handler = handler
    this.#maxMessageBytes = options?.maxMessageBytes ?? DEFAULT_MESSAGE_DECODER_OPTIONS.maxMessageBytes
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /**
   * How much of a block has come whose piece message is not complete yet: a slow peer is at work
   * as long as this grows.
   */
  get partialPieceBytes(): number {
    if (this.#carried <= PIECE_HEADER_BYTES || this.#carry[4] !== MESSAGE_ID.piece) return 0
    return this.#carried - PIECE_HEADER_BYTES
  }

  /** Nothing is delivered any more, not even the rest of the chunk in hand. */
  stop(): void {
    this.#isStopped = true
    this.#carry = NOTHING
    this.#carried = 0
  }

  /** @throws {ProtocolError} `WIRE_MESSAGE_TOO_LONG`, `WIRE_BAD_LENGTH`: drop the peer. */
  push(chunk: Uint8Array): void {
    if (this.#isStopped) return
    try {
      let start = this.#carried === 0 ? 0 : this.#finishCarried(chunk)
      while (chunk.length - start >= LENGTH_PREFIX_BYTES) {
        const length = uint32(chunk, start)
        if (length > this.#maxMessageBytes) throw tooLong(length, this.#maxMessageBytes)
        const end = start + LENGTH_PREFIX_BYTES + length
        if (end > chunk.length) break // the rest is still travelling
        dispatch(chunk, start + LENGTH_PREFIX_BYTES, end, this.#handler)
        if (this.#isStopped) return
        start = end
      }
      if (start < chunk.length) this.#keep(chunk, start, chunk.length)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  /**
   * Completes the carried message with the first bytes of `chunk`, if they suffice.
   * @returns how many bytes of the chunk are dealt with.
   */
  #finishCarried(chunk: Uint8Array): number {
    let taken = 0
    if (this.#carried < LENGTH_PREFIX_BYTES) {
      taken = Math.min(LENGTH_PREFIX_BYTES - this.#carried, chunk.length)
      this.#keep(chunk, 0, taken)
      if (this.#carried < LENGTH_PREFIX_BYTES) return taken
    }
    const length = uint32(this.#carry, 0)
    if (length > this.#maxMessageBytes) throw tooLong(length, this.#maxMessageBytes)
    const messageBytes = LENGTH_PREFIX_BYTES + length
    const wanted = Math.min(messageBytes - this.#carried, chunk.length - taken)
    this.#keep(chunk, taken, taken + wanted)
    taken += wanted
    if (this.#carried < messageBytes) return taken

    dispatch(this.#carry, LENGTH_PREFIX_BYTES, messageBytes, this.#handler)
    this.#carried = 0
    if (this.#carry.length > BLOCK_CARRY_BYTES) this.#carry = NOTHING // one big bitfield does not stay for a connection's life
    return this.#isStopped ? chunk.length : taken
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#carried + (to - from)
    if (needed > this.#carry.length) {
      const larger = new Uint8Array(carrySize(needed))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    // Whole chunks go by without a view being made for them.
    this.#carry.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), this.#carried)
    this.#carried = needed
  }
}

const NOTHING = new Uint8Array(0)

/** Doubling above the usual block, so that a long message is not copied again for each chunk. */
function carrySize(needed: number): number {
  if (needed <= SMALL_CARRY_BYTES) return SMALL_CARRY_BYTES
  return needed <= BLOCK_CARRY_BYTES ? BLOCK_CARRY_BYTES : needed * 2
}

/** Calls the handler for the message whose id stands at `start` (none when `start === end`: a keep-alive). */
function dispatch(bytes: Uint8Array, start: number, end: number, handler: MessageHandler): void {
  if (start === end) {
    handler.onKeepAlive()
    return
  }
  const messageId = bytes[start]!
  const payload = start + 1
  const length = end - start
  switch (messageId) {
    case MESSAGE_ID.piece:
      // id, index, begin and at least one byte of the block
      if (length < 10) throw badLength('piece', length)
      handler.onPiece(uint32(bytes, payload), uint32(bytes, payload + 4), viewOf(bytes, payload + 8, end))
      break
    case MESSAGE_ID.request:
      if (length !== 13) throw badLength('request', length)
      handler.onRequest(uint32(bytes, payload), uint32(bytes, payload + 4), uint32(bytes, payload + 8))
      break
    case MESSAGE_ID.have:
      if (length !== 5) throw badLength('have', length)
      handler.onHave(uint32(bytes, payload))
      break
    case MESSAGE_ID.choke:
      if (length !== 1) throw badLength('choke', length)
      handler.onChoke()
      break
    case MESSAGE_ID.unchoke:
      if (length !== 1) throw badLength('unchoke', length)
      handler.onUnchoke()
      break
    case MESSAGE_ID.interested:
      if (length !== 1) throw badLength('interested', length)
      handler.onInterested()
      break
    case MESSAGE_ID.notInterested:
      if (length !== 1) throw badLength('not interested', length)
      handler.onNotInterested()
      break
    case MESSAGE_ID.bitfield:
      if (length < 2) throw badLength('bitfield', length)
      handler.onBitfield(viewOf(bytes, payload, end))
      break
    case MESSAGE_ID.cancel:
      if (length !== 13) throw badLength('cancel', length)
      handler.onCancel(uint32(bytes, payload), uint32(bytes, payload + 4), uint32(bytes, payload + 8))
      break
    case MESSAGE_ID.port:
      if (length !== 3) throw badLength('port', length)
      handler.onPort(uint16(bytes, payload))
      break
    case MESSAGE_ID.suggest:
      if (length !== 5) throw badLength('suggest', length)
      handler.onSuggest(uint32(bytes, payload))
      break
    case MESSAGE_ID.haveAll:
      if (length !== 1) throw badLength('have all', length)
      handler.onHaveAll()
      break
    case MESSAGE_ID.haveNone:
      if (length !== 1) throw badLength('have none', length)
      handler.onHaveNone()
      break
    case MESSAGE_ID.reject:
      if (length !== 13) throw badLength('reject', length)
      handler.onReject(uint32(bytes, payload), uint32(bytes, payload + 4), uint32(bytes, payload + 8))
      break
    case MESSAGE_ID.allowedFast:
      if (length !== 5) throw badLength('allowed fast', length)
      handler.onAllowedFast(uint32(bytes, payload))
      break
    case MESSAGE_ID.extended:
      if (length < 2) throw badLength('extended', length)
      handler.onExtended(bytes[payload]!, viewOf(bytes, payload + 1, end))
      break
    default:
      handler.onUnknown(messageId, viewOf(bytes, payload, end))
      break
  }
}

function tooLong(length: number, maxBytes: number): ProtocolError {
  return new ProtocolError('WIRE_MESSAGE_TOO_LONG', `Cannot read a message of ${length} bytes: the limit is ${maxBytes}`)
}

function badLength(what: string, length: number): ProtocolError {
  return new ProtocolError('WIRE_BAD_LENGTH', `Cannot read a ${what} message of ${length} bytes: that length is not possible for it`)
}
