import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import type { PeerSnapshot } from './torrent-events.ts'

/** A peer as people see it. */
export function peerSnapshot(peer: SwarmPeer, now: number): PeerSnapshot {
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
