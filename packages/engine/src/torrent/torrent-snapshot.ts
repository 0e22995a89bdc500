import type { Info } from '@shoal/protocol/metainfo/info'
import type { TrackerStatus } from '../discovery/tracker-tier.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import type { TorrentContent } from './torrent-content.ts'
import type { PeerSnapshot, TorrentSnapshot } from './torrent-events.ts'
import type { TorrentState } from './torrent-state.ts'

/** Bytes that are wanted, and those of them that are verified. */
export interface Progress {
  readonly wantedSize: number
  readonly haveBytes: number
}

/** Pieces are all or nothing, so a small file is there when its piece is. */
export function progressOf(content: TorrentContent | undefined, wantedSize: number): Progress {
  if (content === undefined) return { wantedSize, haveBytes: 0 }
  const { picker, geometry } = content.swarm
  if (picker.wantedComplete) return { wantedSize, haveBytes: wantedSize }
  return { wantedSize, haveBytes: Math.max(0, wantedSize - picker.missingWantedCount * geometry.pieceLength) }
}

/** A torrent as people see it at this moment. */
export function torrentSnapshot(of: {
  readonly name: string
  readonly infoHashHex: string
  readonly state: TorrentState
  readonly info: Info | undefined
  readonly progress: Progress
  readonly content: TorrentContent | undefined
  readonly swarm: Swarm | undefined
  readonly trackers: readonly TrackerStatus[]
  readonly now: number
}): TorrentSnapshot {
  const { info, content, swarm, trackers, now } = of
  const peers = [...(swarm?.peers() ?? [])].map((peer) => peerSnapshot(peer, now))
  const downloadRate = peers.reduce((sum, peer) => sum + peer.downloadRate, 0)
  const missing = of.progress.wantedSize - of.progress.haveBytes
  return {
    name: of.name,
    infoHashHex: of.infoHashHex,
    state: of.state,
    totalSize: info?.totalSize ?? 0,
    ...of.progress,
    pieceLength: info?.pieceLength ?? 0,
    pieceCount: info?.pieceCount ?? 0,
    havePieces: content?.swarm.have.clone(),
    downloadRate,
    uploadRate: peers.reduce((sum, peer) => sum + peer.uploadRate, 0),
    downloaded: (content?.earlierDownloaded ?? 0) + (swarm?.downloadedBytes ?? 0),
    uploaded: (content?.earlierUploaded ?? 0) + (swarm?.uploadedBytes ?? 0),
    wasted: swarm?.wastedBytes ?? 0,
    peers,
    seedsKnown: most(trackers.map((tracker) => tracker.seeds)),
    leechersKnown: most(trackers.map((tracker) => tracker.leechers)),
    trackers,
    etaMs: missing > 0 && downloadRate > 0 ? (missing / downloadRate) * 1000 : undefined,
  }
}

/** A peer as people see it. */
function peerSnapshot(peer: SwarmPeer, now: number): PeerSnapshot {
  const { connection } = peer
  const { state, pieces } = connection
  return {
    host: connection.remote.host,
    port: connection.remote.port,
    client: connection.client,
    isIncoming: connection.isIncoming,
    isSeed: connection.isSeed,
    progress: pieces.size === 0 ? 0 : pieces.count / pieces.size,
    downloadRate: connection.downloadMeter.bytesPerSecond(now),
    uploadRate: connection.uploadMeter.bytesPerSecond(now),
    downloaded: connection.downloadMeter.total,
    uploaded: connection.uploadMeter.total,
    isChokingUs: state.isChokingUs,
    isInterested: state.isInterested,
    isChoking: state.isChoking,
    isInterestedInUs: state.isInterestedInUs,
    isSnubbed: peer.isSlow,
    requestsOut: connection.pipeline.outstanding,
  }
}

function most(counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.filter((count) => count !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
