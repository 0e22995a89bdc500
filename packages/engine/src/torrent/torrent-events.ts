import type { Bitfield } from '@shoal/protocol/bitfield'
import type { Info } from '@shoal/protocol/metainfo/info'
import type { EngineError } from '../base/errors.ts'
import type { TrackerStatus } from '../discovery/tracker-tier.ts'
import type { TorrentState } from './torrent-state.ts'

export interface PeerSnapshot {
  readonly host: string
  readonly port: number
  readonly client: string
  readonly isIncoming: boolean
  readonly isSeed: boolean
  /** Pieces it has of all pieces, 0..1. */
  readonly progress: number
  readonly downloadRate: number
  readonly uploadRate: number
  readonly downloaded: number
  readonly uploaded: number
  readonly isChokingUs: boolean
  readonly isInterested: boolean
  readonly isChoking: boolean
  readonly isInterestedInUs: boolean
  readonly isSnubbed: boolean
  readonly requestsOut: number
}

/** One torrent at one moment, for lists of thousands. Rates are bytes a second; sizes and totals are bytes. */
export interface TorrentSummary {
  readonly name: string
  readonly infoHashHex: string
  readonly state: TorrentState
  readonly totalSize: number
  /** Of the files that are wanted. */
  readonly wantedSize: number
  /** Verified, of what is wanted. */
  readonly haveBytes: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly downloadRate: number
  readonly uploadRate: number
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
  readonly peerCount: number
  /** What the trackers say; undefined while none does. */
  readonly seedsKnown: number | undefined
  readonly leechersKnown: number | undefined
  /** Undefined when it is complete or stands still. */
  readonly etaMs: number | undefined
}

/** The same with all that there is to tell. */
export interface TorrentSnapshot extends TorrentSummary {
  /** A copy; undefined until the metadata is known. */
  readonly havePieces: Bitfield | undefined
  readonly peers: readonly PeerSnapshot[]
  readonly trackers: readonly TrackerStatus[]
}

export interface TorrentEvents {
  state: TorrentState
  /** Checked, listening, and every tracker tier has answered or failed once. */
  ready: undefined
  /** A magnet link has fetched what the torrent is. */
  metadata: Info
  /** Hashing what is on disk. */
  checking: { readonly checkedPieces: number; readonly piecesToCheck: number }
  /** Verified and on disk. */
  piece: { readonly pieceIndex: number }
  /** All wanted files are complete and verified. */
  done: undefined
  /** A success; or a failure, once until it changes or ends. */
  tracker: TrackerStatus
  'peer-connected': { readonly host: string; readonly port: number; readonly client: string }
  /** `error` says why; undefined when the peer left in order. */
  'peer-disconnected': { readonly host: string; readonly port: number; readonly client: string; readonly error: EngineError | undefined }
  'peer-banned': { readonly host: string; readonly port: number; readonly client: string; readonly pieceIndex: number }
  /** Something about what was found at the start that a person may want to know. */
  note: string
  /** Something that a person should know and that stops nothing. */
  warning: EngineError
  /** The torrent has stopped for this reason. */
  error: EngineError
}
