import type { Bitfield } from '@shoal/protocol/bitfield'
import type { Info } from '@shoal/protocol/metainfo/info'
import type { TransferPhase } from './transfer-event.ts'

/** The part of `@shoal/engine` that a transfer uses, until the engine's own types are there. */
export interface EngineModule {
  createSession(options: {
    stateDir?: string
    listenPort?: number
    lastListenPort?: number
    uploadRateBytesPerSecond?: number
    downloadRateBytesPerSecond?: number
  }): Promise<Session>
}

export interface Session {
  readonly listenPort: number
  add(what: {
    metainfo?: Uint8Array
    magnet?: string
    dir: string
    files?: readonly number[]
    sequential?: boolean
    skipCheck?: boolean
    preallocation?: 'sparse' | 'full'
    peers?: readonly { host: string; port: number }[]
    uploadOnly?: boolean
    trackers?: readonly string[]
  }): Torrent
  close(): Promise<void>
}

/** As `torrent/torrent-state.ts` has it. */
export type TorrentState =
  | { readonly status: Exclude<TransferPhase, 'checking' | 'waiting-for-disk' | 'failed'> }
  | { readonly status: 'checking'; readonly checkedPieceCount: number; readonly pieceCount: number }
  | { readonly status: 'waiting-for-disk' | 'failed'; readonly error: Error & { readonly code: string } }

interface TorrentEvents {
  state: TorrentState
  metadata: Info
  done: undefined
  tracker: TrackerSnapshot
  'peer-banned': { readonly host: string; readonly port: number; readonly client: string; readonly pieceIndex: number }
  warning: Error & { readonly code: string }
  error: Error & { readonly code: string }
}

export interface TrackerSnapshot {
  readonly url: string
  readonly status: 'waiting' | 'announcing' | 'working' | 'failing'
  readonly message: string | undefined
  readonly seeds: number | undefined
  readonly leechers: number | undefined
}

export interface Torrent {
  on<Name extends keyof TorrentEvents>(name: Name, listener: (value: TorrentEvents[Name]) => void): () => void
  snapshot(): {
    readonly name: string
    readonly infoHashHex: string
    readonly state: TorrentState
    readonly totalSize: number
    readonly wantedSize: number
    readonly haveBytes: number
    readonly pieceCount: number
    readonly havePieces: Bitfield | undefined
    readonly downloadRate: number
    readonly uploadRate: number
    readonly downloaded: number
    readonly uploaded: number
    readonly peers: readonly {
      readonly host: string
      readonly port: number
      readonly client: string
      readonly isSeed: boolean
      readonly downloadRate: number
      readonly uploadRate: number
    }[]
    readonly etaMs: number | undefined
  }
  whenReady(): Promise<void>
  whenDone(): Promise<void>
}
