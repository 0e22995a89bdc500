import type { Info } from '@shoal/protocol/metainfo/info'
import type { Announcer } from '../discovery/announcer.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import type { TorrentContent } from './torrent-content.ts'
import type { PeerSnapshot, TorrentSnapshot, TorrentSummary } from './torrent-events.ts'
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

/** What a summary is made of. */
export interface TorrentFacts {
  readonly name: string
  readonly infoHashHex: string
  readonly state: TorrentState
  readonly info: Info | undefined
  readonly progress: Progress
  readonly content: TorrentContent | undefined
  readonly swarm: Swarm | undefined
  readonly announcer: Announcer | undefined
  readonly now: number
}

/** A torrent as a line of a list: costs a look at each connected peer, and nothing for pieces or files. */
export function torrentSummary(of: TorrentFacts): TorrentSummary {
  const { info, content, swarm, announcer, now } = of
  let downloadRate = 0
  let uploadRate = 0
  for (const { connection } of swarm?.peers() ?? []) {
    downloadRate += connection.downloadMeter.bytesPerSecond(now)
    uploadRate += connection.uploadMeter.bytesPerSecond(now)
  }
  const missing = of.progress.wantedSize - of.progress.haveBytes
  return {
    name: of.name,
    infoHashHex: of.infoHashHex,
    state: of.state,
    totalSize: info?.totalSize ?? 0,
    ...of.progress,
    pieceLength: info?.pieceLength ?? 0,
    pieceCount: info?.pieceCount ?? 0,
    downloadRate,
    uploadRate,
    downloaded: (content?.earlierDownloaded ?? 0) + (swarm?.downloadedBytes ?? 0),
    uploaded: (content?.earlierUploaded ?? 0) + (swarm?.uploadedBytes ?? 0),
    wasted: swarm?.wastedBytes ?? 0,
    peerCount: swarm?.connectionCount ?? 0,
    seedsKnown: announcer?.most('seeds'),
    leechersKnown: announcer?.most('leechers'),
    etaMs: missing > 0 && downloadRate > 0 ? (missing / downloadRate) * 1000 : undefined,
  }
}

/** A torrent as people see it at this moment, with its peers, pieces and trackers. */
export function torrentSnapshot(of: TorrentFacts): TorrentSnapshot {
  return {
    ...torrentSummary(of),
    havePieces: of.content?.swarm.have.clone(),
    peers: [...(of.swarm?.peers() ?? [])].map((peer) => peerSnapshot(peer, of.now)),
    trackers: of.announcer?.trackers ?? [],
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
