import { fromHex } from '@shoal/protocol/bytes'
import type { SwarmCounts } from './catalogue/catalogue-needs.ts'
import type { PeerStore } from './tracker/peer-store.ts'
import { countsOf, peersOf } from './tracker/swarm-report.ts'

/** The tracker's swarms as the catalogue and the API ask for them: by 40 hex digits. */
export class SwarmView implements SwarmCounts {
  readonly #store: PeerStore

  constructor(store: PeerStore) {
    this.#store = store
  }

  countsOf(infoHash: string): { seeds: number; leechers: number } {
    const bytes = fromHex(infoHash)
    if (bytes === undefined) return { seeds: 0, leechers: 0 }
    const { complete, incomplete } = countsOf(this.#store, bytes)
    return { seeds: complete, leechers: incomplete }
  }

  endpointsOf(infoHash: string, most: number): { ip: string; port: number }[] {
    const bytes = fromHex(infoHash)
    return bytes === undefined ? [] : peersOf(this.#store, bytes, most).map(({ host, port }) => ({ ip: host, port }))
  }
}
