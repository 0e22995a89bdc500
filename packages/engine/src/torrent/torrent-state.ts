import type { EngineError } from '../base/errors.ts'

//                          ┌────────── recheck (from any of the four) ◄───────────────────────┐
//                          ▼                                                                  │
//  stopped ─start─► fetching-metadata ─metadata─► checking ─checked─► downloading ─► finished ─► seeding
//     └────start, metadata known──────────────────►┘                  │     ▲  ▲        │          │
//                                                           disk-full │     │  └────────┴──────────┘
//     stop: any ─► stopped                                            ▼     │ disk-ready   a piece lost, more wanted
//     fail: any ─► failed ─start─► as from stopped           waiting-for-disk
//     move: any ─► moving ─moved─► stopped, or as from there on start; recheck of a stopped one likewise

/**
 * What a torrent is doing, as people see it. `finished`: every wanted piece is here, but not every piece.
 * `waiting-for-disk` goes on by itself when there is room again; `failed` waits for somebody to start it again.
 */
export type TorrentState =
  | { readonly status: 'stopped' }
  | { readonly status: 'fetching-metadata' }
  | { readonly status: 'checking'; readonly checkedPieceCount: number; readonly pieceCount: number }
  | { readonly status: 'downloading' }
  | { readonly status: 'waiting-for-disk'; readonly error: EngineError }
  | { readonly status: 'finished' }
  | { readonly status: 'seeding' }
  | { readonly status: 'moving'; readonly movedBytes: number; readonly totalBytes: number }
  | { readonly status: 'failed'; readonly error: EngineError }

/** How much is missing: of what is wanted, and of everything. */
export interface MissingPieces {
  readonly missingWantedCount: number
  readonly missingCount: number
}

export type TorrentEvent =
  | { readonly type: 'start'; readonly hasMetadata: boolean }
  | { readonly type: 'metadata' }
  | { readonly type: 'check-progress'; readonly checkedPieceCount: number; readonly pieceCount: number }
  | ({ readonly type: 'checked' } & MissingPieces)
  /** A piece was verified or lost, or other files are wanted. */
  | ({ readonly type: 'pieces-changed' } & MissingPieces)
  /** The disk takes nothing for now. */
  | { readonly type: 'disk-full'; readonly error: EngineError }
  | { readonly type: 'disk-ready' }
  | { readonly type: 'recheck' }
  | { readonly type: 'move' }
  | { readonly type: 'move-progress'; readonly movedBytes: number; readonly totalBytes: number }
  /** A move or a recheck has ended, however. */
  | { readonly type: 'go-on'; readonly hasMetadata: boolean }
  | { readonly type: 'stop' }
  | { readonly type: 'fail'; readonly error: EngineError }

const STOPPED: TorrentState = Object.freeze({ status: 'stopped' })
const FETCHING_METADATA: TorrentState = Object.freeze({ status: 'fetching-metadata' })
const BEGINNING_TO_CHECK: TorrentState = Object.freeze({ status: 'checking', checkedPieceCount: 0, pieceCount: 0 })
const BEGINNING_TO_MOVE: TorrentState = Object.freeze({ status: 'moving', movedBytes: 0, totalBytes: 0 })
const DOWNLOADING: TorrentState = Object.freeze({ status: 'downloading' })
const FINISHED: TorrentState = Object.freeze({ status: 'finished' })
const SEEDING: TorrentState = Object.freeze({ status: 'seeding' })

/** The state after the event; the same object when the event means nothing to the state (it came too late). */
export function nextState(state: TorrentState, event: TorrentEvent): TorrentState {
  switch (event.type) {
    case 'start':
      if (state.status !== 'stopped' && state.status !== 'failed') return state
      return event.hasMetadata ? BEGINNING_TO_CHECK : FETCHING_METADATA
    case 'metadata':
      return state.status === 'fetching-metadata' ? BEGINNING_TO_CHECK : state
    case 'check-progress':
      if (state.status !== 'checking') return state
      return { status: 'checking', checkedPieceCount: event.checkedPieceCount, pieceCount: event.pieceCount }
    case 'checked':
      return state.status === 'checking' ? stateWith(event) : state
    case 'pieces-changed': {
      if (!isExchanging(state)) return state
      const next = stateWith(event)
      return next.status === state.status || (next.status === 'downloading' && state.status === 'waiting-for-disk') ? state : next
    }
    case 'disk-full':
      return state.status === 'downloading' ? { status: 'waiting-for-disk', error: event.error } : state
    case 'disk-ready':
      return state.status === 'waiting-for-disk' ? DOWNLOADING : state
    case 'recheck':
      return state.status === 'fetching-metadata' || state.status === 'moving' ? state : BEGINNING_TO_CHECK
    case 'move':
      return BEGINNING_TO_MOVE
    case 'move-progress':
      if (state.status !== 'moving') return state
      return { status: 'moving', movedBytes: event.movedBytes, totalBytes: event.totalBytes }
    case 'go-on':
      if (state.status !== 'moving' && state.status !== 'checking') return state
      return event.hasMetadata ? BEGINNING_TO_CHECK : FETCHING_METADATA
    case 'stop':
      return state.status === 'stopped' ? state : STOPPED
    case 'fail':
      return { status: 'failed', error: event.error }
    default:
      return unreachable(event)
  }
}

/** Is it in touch with a swarm and knows what it has? */
export function isExchanging(state: TorrentState): boolean {
  switch (state.status) {
    case 'downloading':
    case 'waiting-for-disk':
    case 'finished':
    case 'seeding':
      return true
    case 'stopped':
    case 'fetching-metadata':
    case 'checking':
    case 'moving':
    case 'failed':
      return false
    default:
      return unreachable(state)
  }
}

function stateWith({ missingWantedCount, missingCount }: MissingPieces): TorrentState {
  if (missingCount === 0) return SEEDING
  return missingWantedCount === 0 ? FINISHED : DOWNLOADING
}

function unreachable(value: never): never {
  throw new Error(`Cannot happen: ${JSON.stringify(value)}`)
}
