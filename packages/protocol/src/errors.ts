/** Every way in which bytes can fail to follow their BEP. Stable: programs match on them. */
export type ProtocolErrorCode =
  | BencodeErrorCode
  | MetainfoErrorCode
  | MagnetErrorCode
  | WireErrorCode
  | TrackerErrorCode
  | 'INFO_HASH_INVALID'
  | 'BITFIELD_LENGTH'
  | 'BITFIELD_SPARE_BITS'

export type BencodeErrorCode =
  | 'BENCODE_TRUNCATED'
  | 'BENCODE_TRAILING'
  | 'BENCODE_UNEXPECTED_BYTE'
  | 'BENCODE_INTEGER'
  | 'BENCODE_STRING_LENGTH'
  | 'BENCODE_KEY_ORDER'
  | 'BENCODE_KEY_DUPLICATE'
  | 'BENCODE_KEY_TYPE'
  | 'BENCODE_TOO_DEEP'
  | 'BENCODE_TOO_MANY_TOKENS'
  | 'BENCODE_TOO_LARGE'

export type MetainfoErrorCode =
  | 'METAINFO_TOO_LARGE'
  | 'METAINFO_NOT_A_DICTIONARY'
  | 'METAINFO_FIELD_MISSING'
  | 'METAINFO_FIELD_TYPE'
  | 'METAINFO_FIELD_VALUE'
  | 'METAINFO_PIECE_LENGTH'
  | 'METAINFO_PIECES'
  | 'METAINFO_TOO_MANY_PIECES'
  | 'METAINFO_NO_FILES'
  | 'METAINFO_FILE_LENGTH'
  | 'METAINFO_TOTAL_SIZE'
  | 'METAINFO_PATH'
  | 'METAINFO_SYMLINK'
  | 'METAINFO_META_VERSION'
  | 'METAINFO_FILE_TREE'
  | 'METAINFO_PIECE_LAYERS'
  | 'METAINFO_HYBRID_MISMATCH'

export type MagnetErrorCode = 'MAGNET_SCHEME' | 'MAGNET_NO_HASH' | 'MAGNET_HASH' | 'MAGNET_TOO_LONG' | 'MAGNET_FIELD'

export type WireErrorCode =
  | 'WIRE_HANDSHAKE'
  | 'WIRE_MESSAGE_TOO_LONG'
  | 'WIRE_BAD_LENGTH'
  | 'WIRE_EXTENSION_HANDSHAKE'
  | 'WIRE_METADATA_MESSAGE'
  | 'WIRE_DONT_HAVE'

export type TrackerErrorCode =
  | 'TRACKER_URL'
  | 'TRACKER_QUERY'
  | 'TRACKER_REPLY'
  | 'TRACKER_DATAGRAM_LENGTH'
  | 'TRACKER_DATAGRAM_FIELD'
  | 'TRACKER_DATAGRAM_ACTION'
  | 'TRACKER_DATAGRAM_OPTIONS'

/** Bytes that do not follow their BEP. Always the sender's fault, never ours. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
