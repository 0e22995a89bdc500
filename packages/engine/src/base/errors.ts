/** Why the engine could not do something. The codes are stable: programs match on them, people read the message. */
export type EngineErrorCode =
  // what was given to us
  | 'TORRENT_UNSUPPORTED' // v2-only: needs wire messages that we do not speak yet
  | 'TORRENT_DUPLICATE'
  | 'NOTHING_SELECTED'
  | 'OPTION_INVALID'
  // disk
  | 'DISK_FULL'
  | 'NOT_WRITABLE'
  | 'NOT_READABLE'
  | 'FILE_MISSING'
  | 'FILE_FOREIGN' // exists and is not this torrent's: never overwritten
  | 'FILE_CHANGED' // somebody else wrote to it while we worked
  | 'PATH_UNSAFE'
  | 'DISK_FAILED'
  | 'STATE_CORRUPT'
  | 'STATE_LOCKED'
  // network
  | 'PORT_IN_USE'
  | 'PORT_NOT_ALLOWED'
  | 'NETWORK_REFUSED'
  | 'NETWORK_UNREACHABLE'
  | 'NETWORK_TIMEOUT'
  | 'NETWORK_RESET'
  | 'NETWORK_NAME_UNKNOWN'
  | 'NETWORK_FAILED'
  // trackers
  | 'TRACKER_FAILURE' // the tracker said no, in its own words
  | 'TRACKER_UNREACHABLE'
  | 'TRACKER_TIMEOUT'
  | 'TRACKER_INVALID_RESPONSE'
  | 'TRACKER_RESPONSE_TOO_LARGE'
  | 'TRACKER_URL_REFUSED'
  // peers
  | 'PEER_SELF'
  | 'PEER_DUPLICATE'
  | 'PEER_UNKNOWN_TORRENT'
  | 'PEER_TIMEOUT'
  | 'PEER_MISBEHAVED'
  | 'PEER_BANNED'
  | 'PEER_USELESS'
  | 'PEER_LIMIT'
  | 'METADATA_INVALID'
  | 'CLOSED'

/** Something outside went wrong (disk, network, another program) and this is what, where and what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode
  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Any thrown thing as an `EngineError`; what is not one yet gets `code` and a message that begins with `doing`. */
export function asEngineError(thrown: unknown, code: EngineErrorCode, doing: string): EngineError {
  if (thrown instanceof EngineError) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new EngineError(code, `${doing}: ${reason}`, { cause: thrown })
}
