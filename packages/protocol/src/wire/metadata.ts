import { BencodeDictionary, type BencodeValue, decodeBencodePrefix, encodeBencode } from '../bencode.ts'
import { concatBytes } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'

/**
 * The messages of `ut_metadata` (BEP 9), with which a peer that has only a magnet link gets the info
 * dictionary from other peers, 16 KiB at a time. They are payloads of extended messages.
 */
export type MetadataMessage =
  | { readonly type: 'request'; readonly piece: number }
  /** `data` is a view into the message. `totalSize` is a claim; it is missing from some clients. */
  | { readonly type: 'data'; readonly piece: number; readonly totalSize?: number; readonly data: Uint8Array }
  | { readonly type: 'reject'; readonly piece: number }

/** The name under which the extension handshake knows them. */
export const METADATA_EXTENSION = 'ut_metadata'
/** Every metadata piece but the last has this length. */
export const METADATA_PIECE_LENGTH = 16_384

const TYPE_NUMBERS = { request: 0, data: 1, reject: 2 } as const
const MAX_PIECE = 0xffff_ffff

export function encodeMetadataMessage(message: MetadataMessage): Uint8Array {
  const header = encodeBencode(
    new Map([
      ['msg_type', TYPE_NUMBERS[message.type]],
      ['piece', message.piece],
      ['total_size', message.type === 'data' ? message.totalSize : undefined],
    ]),
  )
  return message.type === 'data' ? concatBytes([header, message.data]) : header
}

/**
 * @returns undefined for a message type that BEP 9 does not know: it is to be ignored.
 * @throws {ProtocolError} `WIRE_METADATA_MESSAGE`
 */
export function parseMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  const { header, end } = decodeHeader(payload)
  const type = header.getInteger('msg_type')
  if (type === undefined) throw refuse('Cannot read a metadata message without a number "msg_type"')
  if (type !== TYPE_NUMBERS.request && type !== TYPE_NUMBERS.data && type !== TYPE_NUMBERS.reject) return undefined
  const piece = header.getInteger('piece')
  if (piece === undefined || piece < 0 || piece > MAX_PIECE) throw refuse('Cannot read a metadata message without a "piece" of 0 or more')
  if (type === TYPE_NUMBERS.request) return { type: 'request', piece }
  if (type === TYPE_NUMBERS.reject) return { type: 'reject', piece }

  const data = payload.subarray(end)
  if (data.length === 0 || data.length > METADATA_PIECE_LENGTH) {
    throw refuse(`Cannot read ${data.length} bytes of metadata: a piece has 1 to ${METADATA_PIECE_LENGTH}`)
  }
  if (header.get('total_size') === undefined) return { type: 'data', piece, data }
  const totalSize = header.getInteger('total_size')
  if (totalSize === undefined || totalSize <= 0) throw refuse('Cannot read a metadata message whose "total_size" is no positive number')
  const expected = Math.min(METADATA_PIECE_LENGTH, totalSize - piece * METADATA_PIECE_LENGTH)
  if (data.length !== expected) {
    throw refuse(
      `Cannot read ${data.length} bytes of metadata as piece ${piece} of ${totalSize} bytes: there it has ${Math.max(0, expected)}`,
    )
  }
  return { type: 'data', piece, totalSize, data }
}

/** The dictionary at the beginning; the raw metadata follows it. */
function decodeHeader(payload: Uint8Array): { header: BencodeDictionary; end: number } {
  let decoded: { value: BencodeValue; end: number }
  try {
    decoded = decodeBencodePrefix(payload, { maxDepth: 8, maxTokens: 256, allowUnsortedKeys: true })
  } catch (cause) {
    throw refuse(`Cannot read a metadata message: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  if (!(decoded.value instanceof BencodeDictionary)) throw refuse('Cannot read a metadata message that begins with no dictionary')
  return { header: decoded.value, end: decoded.end }
}

function refuse(message: string, options?: ErrorOptions): ProtocolError {
  return new ProtocolError('WIRE_METADATA_MESSAGE', message, options)
}
