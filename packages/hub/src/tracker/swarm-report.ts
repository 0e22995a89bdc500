import { uint16 } from '@shoal/protocol/bytes'
import { formatIp } from '@shoal/protocol/ip-address'
import type { PeerStore } from './peer-store.ts'
import { TICK_SECONDS } from './peer-store.ts'
import type { PeerRole } from './peer-vector.ts'

/** How many peers a torrent has, as a scrape tells it. */
export interface SwarmCounts {
  readonly complete: number
  readonly incomplete: number
  readonly downloaded: number
}

/** A peer as the tracker knows it. */
export interface SwarmPeer {
  readonly host: string
  readonly port: number
  readonly role: PeerRole
  /** Since its last announce. */
  readonly ageSeconds: number
}

/** Zeros for a torrent that nobody has announced. */
export function countsOf(store: PeerStore, infoHash: Uint8Array): SwarmCounts {
  const swarm = store.find(infoHash)
  return swarm === undefined
    ? { complete: 0, incomplete: 0, downloaded: 0 }
    : { complete: swarm.complete, incomplete: swarm.incomplete, downloaded: swarm.downloaded }
}

/** The peers of a torrent, `most` at most. Their addresses are for who may see them: this hub's own rooms decide that. */
export function peersOf(store: PeerStore, infoHash: Uint8Array, most: number): SwarmPeer[] {
  const swarm = store.find(infoHash)
  const peers: SwarmPeer[] = []
  for (const vector of [swarm?.peers4, swarm?.peers6]) {
    if (vector === undefined) continue
    const endpoint = new Uint8Array(vector.stride)
    for (let position = 0; position < vector.count && peers.length < most; position++) {
      vector.copyAt(position, endpoint, 0)
      peers.push({
        host: formatIp(endpoint.subarray(0, -2)),
        port: uint16(endpoint, vector.stride - 2),
        role: vector.roleAt(position),
        ageSeconds: vector.ageAt(position, store.tick) * TICK_SECONDS,
      })
    }
  }
  return peers
}

/** The counts of all swarms, as many as the caller takes: who walks through all of them does so a little at a time. */
export function* eachSwarm(store: PeerStore): Generator<SwarmCounts & { readonly infoHash: Uint8Array }, undefined> {
  for (const [infoHash, { complete, incomplete, downloaded }] of store.swarms()) yield { infoHash, complete, incomplete, downloaded }
}
