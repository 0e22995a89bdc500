import type { PeerItem, TorrentError, TorrentFileItem, TorrentItem, TorrentStatus, TrackerItem } from '@shoal/api/daemon-api'
import type { Bitfield, PeerSnapshot, TorrentState, TorrentSummary, TrackerStatus } from '@shoal/engine'
import type { FileEntry } from '@shoal/protocol/metainfo/file-list'
import type { TorrentRecord } from './torrent-record.ts'

/** What a torrent does now, besides what is remembered of it. */
export interface TorrentMoment {
  /** Undefined while it does not run. */
  readonly summary: TorrentSummary | undefined
  readonly error: TorrentError | undefined
  readonly queuePosition: number | null
}

/** A torrent as people see it in a list. */
export function torrentItem(record: TorrentRecord, moment: TorrentMoment): TorrentItem {
  const { summary, error } = moment
  const status = statusOf(record, moment)
  const known = summary !== undefined && knowsContent(summary.state)
  const progress = progressOf(summary?.state)
  const waits = summary?.state.status === 'waiting-for-disk' ? summary.state.error : undefined
  const shownError = error ?? (waits && { code: waits.code, detail: waits.message })
  return {
    id: record.id,
    name: record.title ?? record.name,
    status,
    ...(shownError === undefined ? {} : { error: shownError }),
    labels: record.labels,
    dir: record.dir,
    size: record.size,
    wantedSize: known ? summary.wantedSize : record.wantedSize,
    haveBytes: known ? summary.haveBytes : record.haveBytes,
    ...(progress === undefined ? {} : { workProgress: progress }),
    downloadRate: Math.round(summary?.downloadRate ?? 0),
    uploadRate: Math.round(summary?.uploadRate ?? 0),
    downloaded: known ? summary.downloaded : record.downloaded,
    uploaded: known ? summary.uploaded : record.uploaded,
    wasted: summary?.wasted ?? 0,
    peers: summary?.peerCount ?? 0,
    seeds: summary?.seedsKnown ?? null,
    leechers: summary?.leechersKnown ?? null,
    etaMs: summary?.etaMs === undefined ? null : Math.round(summary.etaMs),
    addedAt: record.addedAt,
    completedAt: record.completedAt,
    queuePosition: moment.queuePosition,
    isPrivate: record.isPrivate,
    isSequential: record.isSequential,
    isSuperSeeding: record.isSuperSeeding,
    isForced: record.isForced,
    downloadLimit: record.downloadLimit,
    uploadLimit: record.uploadLimit,
    maxConnections: record.maxConnections,
    goals: record.goals,
    publications: record.publications,
  }
}

function statusOf(record: TorrentRecord, { summary, error }: TorrentMoment): TorrentStatus {
  if (error !== undefined) return 'failed'
  const status = summary?.state.status ?? 'stopped'
  if (status === 'stopped') return record.isPaused ? 'paused' : 'queued'
  // It shares the part that is there, and asks for nothing.
  return status === 'downloading' && record.isUploadOnly ? 'seeding' : status
}

/** It knows what it has. */
export function knowsContent({ status }: TorrentState): boolean {
  return status === 'downloading' || status === 'waiting-for-disk' || status === 'finished' || status === 'seeding'
}

/** Of checking and moving, 0 to 1. */
function progressOf(state: TorrentState | undefined): number | undefined {
  if (state?.status === 'checking') return state.checkedPieceCount / Math.max(1, state.pieceCount)
  if (state?.status === 'moving') return state.movedBytes / Math.max(1, state.totalBytes)
  return undefined
}

export function peerItem(peer: PeerSnapshot): PeerItem {
  const weGet = peer.isInterested ? (peer.isChokingUs ? 'd' : 'D') : ''
  const theyGet = peer.isInterestedInUs ? (peer.isChoking ? 'u' : 'U') : ''
  return {
    ip: peer.host,
    port: peer.port,
    client: peer.client,
    isIncoming: peer.isIncoming,
    isSeed: peer.isSeed,
    progress: peer.progress,
    downloadRate: Math.round(peer.downloadRate),
    uploadRate: Math.round(peer.uploadRate),
    downloaded: peer.downloaded,
    uploaded: peer.uploaded,
    flags: `${weGet}${theyGet}${peer.isSnubbed ? 'S' : ''}`,
  }
}

/** `wallOffset` is what to add to the engine's clock to have milliseconds since 1970. */
export function trackerItem(tier: number, tracker: TrackerStatus, wallOffset: number): TrackerItem {
  const { url, status, message, seeds, leechers, nextAnnounceAt } = tracker
  return {
    url: withoutKey(url),
    tier,
    status,
    ...(message === undefined ? {} : { message: message.replaceAll(url, withoutKey(url)) }),
    seeds: seeds ?? null,
    leechers: leechers ?? null,
    nextAnnounceAt: nextAnnounceAt === undefined || !Number.isFinite(nextAnnounceAt) ? null : Math.round(nextAnnounceAt + wallOffset),
  }
}

/** Keys of trackers are long words in the path or the query: who sees one may announce in our name (SAFETY T8). */
export function withoutKey(url: string): string {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  const cut = path.replace(/(?<=[^/]\/)[\w.~%-]{16,}(?=\/|$)/g, '…')
  return query < 0 ? cut : `${cut}${url.slice(query).replace(/=[^&]{16,}/g, '=…')}`
}

/** How much of each file is there, by the pieces that are. */
export function fileItems(of: {
  readonly id: string
  readonly files: readonly FileEntry[]
  readonly pieceLength: number
  readonly have: Bitfield | undefined
  readonly isComplete: boolean
  readonly priorities: string | undefined
}): TorrentFileItem[] {
  return of.files.flatMap((file, index) => {
    if (file.isPadding) return []
    return {
      index,
      path: [...file.path],
      size: file.length,
      haveBytes: of.isComplete ? file.length : haveBytesIn(file, of.pieceLength, of.have),
      priority: Number(of.priorities?.[index] ?? 4),
      contentUrl: `/v1/torrents/${of.id}/files/${index}/content`,
    }
  })
}

function haveBytesIn({ offset, length }: FileEntry, pieceLength: number, have: Bitfield | undefined): number {
  if (have === undefined || length === 0) return 0
  let bytes = 0
  const last = Math.floor((offset + length - 1) / pieceLength)
  for (let piece = Math.floor(offset / pieceLength); piece <= last; piece++) {
    if (piece < have.size && have.has(piece)) {
      bytes += Math.min(offset + length, (piece + 1) * pieceLength) - Math.max(offset, piece * pieceLength)
    }
  }
  return bytes
}
