import { fromLatin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'

/**
 * The first 68 bytes of a peer connection (BEP 3):
 *
 *     19 | "BitTorrent protocol" | 8 reserved bytes | 20 info hash | 20 peer id
 *
 * Both sides may send it at once. What a client can do beyond BEP 3 stands in
 * the reserved bits; a bit counts only when both sides have set it.
 */
export interface Handshake {
  /** 20 bytes: the v1 hash, or the first 20 bytes of the v2 hash. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** BEP 10: extended messages. */
  readonly supportsExtensions: boolean
  /** BEP 6: have all, have none, reject, suggest, allowed fast. */
  readonly supportsFast: boolean
  /** BEP 5: sends the `port` message. */
  readonly supportsDht: boolean
  /** BEP 52: this side of a hybrid torrent could also speak v2. A claim, nothing more. */
  readonly supportsV2: boolean
}

export const HANDSHAKE_LENGTH = 68

const PROTOCOL_HEADER = fromLatin1('\x13BitTorrent protocol')
const RESERVED_AT = PROTOCOL_HEADER.length
const INFO_HASH_AT = 28
const PEER_ID_AT = 48

const EXTENSIONS = { at: RESERVED_AT + 5, bit: 0x10 } as const
const DHT = { at: RESERVED_AT + 7, bit: 0x01 } as const
const FAST = { at: RESERVED_AT + 7, bit: 0x04 } as const
const V2 = { at: RESERVED_AT + 7, bit: 0x10 } as const

/** @returns 68 bytes that belong to the caller. */
export function encodeHandshake(handshake: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_LENGTH)
  bytes.set(PROTOCOL_HEADER, 0)
  if (handshake.supportsExtensions) bytes[EXTENSIONS.at]! |= EXTENSIONS.bit
  if (handshake.supportsDht) bytes[DHT.at]! |= DHT.bit
  if (handshake.supportsFast) bytes[FAST.at]! |= FAST.bit
  if (handshake.supportsV2) bytes[V2.at]! |= V2.bit
  bytes.set(expectTwenty(handshake.infoHash, 'info hash'), INFO_HASH_AT)
  bytes.set(expectTwenty(handshake.peerId, 'peer id'), PEER_ID_AT)
  return bytes
}

/**
 * Whether the first `count` bytes, however few, can still become a handshake. A stranger who speaks
 * something else (HTTP, TLS, encrypted BitTorrent) is so recognised by the first byte.
 */
export function couldBeHandshake(bytes: Uint8Array, at = 0, count: number = bytes.length - at): boolean {
  const known = Math.min(count, PROTOCOL_HEADER.length)
  for (let i = 0; i < known; i++) if (bytes[at + i] !== PROTOCOL_HEADER[i]) return false
  return true
}

/**
 * Reads the 68 bytes that begin at `at`; more may follow them. Nothing in the result shares memory with `bytes`.
 *
 * @throws {ProtocolError} `WIRE_HANDSHAKE`
 */
export function parseHandshake(bytes: Uint8Array, at = 0): Handshake {
  const length = bytes.length - at
  if (!couldBeHandshake(bytes, at)) {
    throw new ProtocolError('WIRE_HANDSHAKE', 'Cannot read a handshake that does not begin with "BitTorrent protocol"')
  }
  if (length < HANDSHAKE_LENGTH) {
    throw new ProtocolError('WIRE_HANDSHAKE', `Cannot read a handshake of ${length} bytes: it has ${HANDSHAKE_LENGTH}`)
  }
  const has = (flag: { at: number; bit: number }): boolean => (bytes[at + flag.at]! & flag.bit) !== 0
  return {
    infoHash: copy(bytes, at + INFO_HASH_AT, 20),
    peerId: copy(bytes, at + PEER_ID_AT, 20),
    supportsExtensions: has(EXTENSIONS),
    supportsFast: has(FAST),
    supportsDht: has(DHT),
    supportsV2: has(V2),
  }
}

/** A plain Uint8Array even when a Node Buffer came in, whose `slice` would be a view. */
function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const own = new Uint8Array(length)
  own.set(bytes.subarray(at, at + length))
  return own
}

function expectTwenty(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length !== 20) throw new Error(`Cannot happen: a handshake with a ${what} of ${bytes.length} bytes`)
  return bytes
}
