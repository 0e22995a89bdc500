import { setUint16, setUint32 } from '../bytes.ts'

/**
 * The messages between two peers (BEP 3, 5, 6, 10), after the handshake:
 *
 *     4 bytes length | 1 byte id | payload          length 0 = keep-alive, without id
 *
 * Reading is the business of `MessageDecoder`, which calls a `MessageHandler`. The writers here put a
 * message into bytes that the caller has, and allocate nothing: they are called for every block.
 */
export const MESSAGE_ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
} as const

/** The messages without payload. */
export type SimpleMessageId =
  | typeof MESSAGE_ID.choke
  | typeof MESSAGE_ID.unchoke
  | typeof MESSAGE_ID.interested
  | typeof MESSAGE_ID.notInterested
  | typeof MESSAGE_ID.haveAll
  | typeof MESSAGE_ID.haveNone

/**
 * What the decoder tells its owner: one call a message, in the order of the stream. Numbers are
 * unsigned 32 bit and unchecked (the decoder does not know the torrent). Bytes are views, good only
 * until the call returns: whoever keeps them copies them.
 */
export interface MessageHandler {
  onKeepAlive(): void
  onChoke(): void
  onUnchoke(): void
  onInterested(): void
  onNotInterested(): void
  onHave(pieceIndex: number): void
  /** At least one byte; whether it fits the torrent is for `Bitfield.fromBytes` to say. */
  onBitfield(bits: Uint8Array): void
  onRequest(pieceIndex: number, begin: number, length: number): void
  /** At least one byte. */
  onPiece(pieceIndex: number, begin: number, block: Uint8Array): void
  onCancel(pieceIndex: number, begin: number, length: number): void
  /** BEP 5: the UDP port of the DHT node. */
  onPort(port: number): void
  onSuggest(pieceIndex: number): void
  onHaveAll(): void
  onHaveNone(): void
  onReject(pieceIndex: number, begin: number, length: number): void
  onAllowedFast(pieceIndex: number): void
  /** BEP 10: `extendedId` 0 is the extension handshake, others are the ids that we announced. */
  onExtended(extendedId: number, payload: Uint8Array): void
  /** An id that nobody here knows, to be ignored. */
  onUnknown(messageId: number, payload: Uint8Array): void
}

export const LENGTH_PREFIX_BYTES = 4
/** Whole messages on the wire, with their length prefix. */
export const KEEP_ALIVE_BYTES = 4
export const SIMPLE_MESSAGE_BYTES = 5
/** have, suggest, allowed fast */
export const INDEX_MESSAGE_BYTES = 9
/** request, cancel, reject */
export const BLOCK_MESSAGE_BYTES = 17
/** What stands before the block in a piece message. */
export const PIECE_HEADER_BYTES = 13
export const PORT_MESSAGE_BYTES = 7

// Each writer puts one message at `at` and returns the offset behind it; `into` must have the room.

export function writeKeepAlive(into: Uint8Array, at: number): number {
  setUint32(into, at, 0)
  return at + KEEP_ALIVE_BYTES
}

/** choke, unchoke, interested, not interested, have all, have none */
export function writeSimple(into: Uint8Array, at: number, messageId: SimpleMessageId): number {
  setUint32(into, at, 1)
  into[at + 4] = messageId
  return at + SIMPLE_MESSAGE_BYTES
}

export function writeHaveAll(into: Uint8Array, at: number): number {
  return writeSimple(into, at, MESSAGE_ID.haveAll)
}

export function writeHaveNone(into: Uint8Array, at: number): number {
  return writeSimple(into, at, MESSAGE_ID.haveNone)
}

export function writeHave(into: Uint8Array, at: number, pieceIndex: number): number {
  return writeIndex(into, at, MESSAGE_ID.have, pieceIndex)
}

export function writeSuggest(into: Uint8Array, at: number, pieceIndex: number): number {
  return writeIndex(into, at, MESSAGE_ID.suggest, pieceIndex)
}

export function writeAllowedFast(into: Uint8Array, at: number, pieceIndex: number): number {
  return writeIndex(into, at, MESSAGE_ID.allowedFast, pieceIndex)
}

export function writeRequest(into: Uint8Array, at: number, pieceIndex: number, begin: number, length: number): number {
  return writeBlock(into, at, MESSAGE_ID.request, pieceIndex, begin, length)
}

export function writeCancel(into: Uint8Array, at: number, pieceIndex: number, begin: number, length: number): number {
  return writeBlock(into, at, MESSAGE_ID.cancel, pieceIndex, begin, length)
}

export function writeReject(into: Uint8Array, at: number, pieceIndex: number, begin: number, length: number): number {
  return writeBlock(into, at, MESSAGE_ID.reject, pieceIndex, begin, length)
}

/** Everything of a piece message but the block, whose `blockLength` bytes must follow. */
export function writePieceHeader(into: Uint8Array, at: number, pieceIndex: number, begin: number, blockLength: number): number {
  setUint32(into, at, 9 + blockLength)
  into[at + 4] = MESSAGE_ID.piece
  setUint32(into, at + 5, pieceIndex)
  setUint32(into, at + 9, begin)
  return at + PIECE_HEADER_BYTES
}

export function writePort(into: Uint8Array, at: number, port: number): number {
  setUint32(into, at, 3)
  into[at + 4] = MESSAGE_ID.port
  setUint16(into, at + 5, port)
  return at + PORT_MESSAGE_BYTES
}

/** A whole bitfield message around a copy of `bits` (wire order: bit 7 of byte 0 is piece 0). */
export function encodeBitfield(bits: Uint8Array): Uint8Array {
  const message = new Uint8Array(LENGTH_PREFIX_BYTES + 1 + bits.length)
  setUint32(message, 0, 1 + bits.length)
  message[4] = MESSAGE_ID.bitfield
  message.set(bits, 5)
  return message
}

/** A whole extended message (BEP 10) around a copy of `payload`; `extendedId` is the number that the *receiver* chose. */
export function encodeExtended(extendedId: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(LENGTH_PREFIX_BYTES + 2 + payload.length)
  setUint32(message, 0, 2 + payload.length)
  message[4] = MESSAGE_ID.extended
  message[5] = extendedId
  message.set(payload, 6)
  return message
}

function writeIndex(into: Uint8Array, at: number, messageId: number, pieceIndex: number): number {
  setUint32(into, at, 5)
  into[at + 4] = messageId
  setUint32(into, at + 5, pieceIndex)
  return at + INDEX_MESSAGE_BYTES
}

function writeBlock(into: Uint8Array, at: number, messageId: number, pieceIndex: number, begin: number, length: number): number {
  setUint32(into, at, 13)
  into[at + 4] = messageId
  setUint32(into, at + 5, pieceIndex)
  setUint32(into, at + 9, begin)
  setUint32(into, at + 13, length)
  return at + BLOCK_MESSAGE_BYTES
}
