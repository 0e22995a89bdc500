/** Which pieces are here; the protocol's bitfield is one. */
export interface PieceSet {
  readonly size: number
  has(pieceIndex: number): boolean
}

/** One connected peer, as far as a person wants to know. Rates are bytes a second. */
export interface TransferPeer {
  /** `192.168.1.10:6881`, `[::1]:6881` */
  readonly address: string
  readonly client: string
  readonly downloadRate: number
  readonly uploadRate: number
}

/** One transfer at one moment, for the live view and for progress lines. Sizes are bytes, rates bytes a second. */
export interface TransferStatus {
  /** As the torrent's maker wrote it: not clean. Empty until a magnet link has fetched it. */
  readonly name: string
  readonly phase: TransferPhase
  readonly totalSize: number
  readonly wantedSize: number
  readonly haveBytes: number
  readonly pieceCount: number
  readonly pieces: PieceSet | undefined
  /** How much of what is on disk has been looked at, 0..1; only while checking. */
  readonly checked: number
  readonly downloadRate: number
  readonly uploadRate: number
  /** In this run. */
  readonly downloaded: number
  readonly uploaded: number
  readonly peers: readonly TransferPeer[]
  /** Connected peers that have everything. */
  readonly seedCount: number
  readonly etaMs: number | undefined
}

/** The engine's states; a transfer that only shares is `seeding` with whatever part it has. */
export type TransferPhase =
  | 'fetching-metadata'
  | 'checking'
  | 'downloading'
  | 'waiting-for-disk'
  | 'finished'
  | 'seeding'
  | 'moving'
  | 'stopped'
  | 'failed'

/** What happened, once each. */
export type TransferEvent =
  | { readonly type: 'start'; readonly port: number; readonly portNote: string | undefined; readonly dir: string }
  | {
      readonly type: 'metadata'
      readonly name: string
      readonly totalSize: number
      readonly pieceCount: number
      readonly fileCount: number
    }
  | { readonly type: 'ready'; readonly port: number; readonly infoHash: string; readonly status: TransferStatus }
  | {
      readonly type: 'done'
      /** Of what was wanted. */
      readonly bytes: number
      /** What came over the network; 0 when everything was here already. */
      readonly downloaded: number
      readonly elapsedMs: number
      readonly name: string
      /** Where it is. */
      readonly path: string
      readonly staysSharing: boolean
    }
  | {
      readonly type: 'tracker'
      readonly url: string
      readonly isWorking: boolean
      readonly message: string | undefined
      readonly seeds: number | undefined
      readonly leechers: number | undefined
    }
  | { readonly type: 'peer-banned'; readonly address: string; readonly client: string; readonly pieceIndex: number }
  | { readonly type: 'waiting' | 'going-on'; readonly peerCount: number }
  | { readonly type: 'disk-full'; readonly code: string; readonly message: string }
  | { readonly type: 'disk-ready' }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'stopping' }
  | { readonly type: 'stopped'; readonly status: TransferStatus; readonly elapsedMs: number }
