import { fromHex, uint16 } from '@shoal/protocol/bytes'
import { formatIp } from '@shoal/protocol/ip-address'
import type { SwarmCounts } from './catalogue/catalogue-needs.ts'
import type { HubSystem } from './system.ts'
import type { PeerStore, Swarm } from './tracker/peer-store.ts'
import type { PeerVector } from './tracker/peer-vector.ts'

interface Endpoint {
  readonly ip: string
  readonly port: number
}

/** The tracker's swarms as the catalogue and the API ask for them: by 40 hex digits. */
export class SwarmView implements SwarmCounts {
  readonly #store: PeerStore
  readonly #system: HubSystem

  constructor(store: PeerStore, system: HubSystem) {
    this.#store = store
    this.#system = system
  }

  countsOf(infoHash: string): { seeds: number; leechers: number } {
    const swarm = this.#find(infoHash)
    return { seeds: swarm?.complete ?? 0, leechers: swarm?.incomplete ?? 0 }
  }

  /** Some of the peers, at random, those that give before those that take. */
  endpointsOf(infoHash: string, most: number): Endpoint[] {
    const swarm = this.#find(infoHash)
    if (swarm === undefined) return []
    const first = this.#drawn(swarm.peersOf(4), most)
    return [...first, ...this.#drawn(swarm.peersOf(6), most - first.length)]
  }

  #find(infoHash: string): Swarm | undefined {
    const bytes = fromHex(infoHash)
    return bytes === undefined ? undefined : this.#store.find(bytes)
  }

  #drawn(peers: PeerVector | undefined, most: number): Endpoint[] {
    if (peers === undefined || most <= 0) return []
    const givers = Math.min(peers.giverCount, most)
    const leechers = Math.min(peers.leecherCount, most - givers)
    const { stride } = peers
    const packed = new Uint8Array((givers + leechers) * stride)
    peers.copyGivers(givers, packed, 0, this.#system)
    peers.copyLeechers(leechers, packed, givers * stride, this.#system)
    return Array.from({ length: givers + leechers }, (_, each) => endpointAt(packed, each * stride, stride))
  }
}

function endpointAt(packed: Uint8Array, at: number, stride: number): Endpoint {
  const address = at + stride - 2
  return { ip: formatIp(packed.subarray(at, address)), port: uint16(packed, address) }
}
