import { LEFT_UNKNOWN } from '@shoal/protocol/tracker/announce'
import type { SwarmOptions } from '../base/options.ts'
import type { AnnounceState } from '../discovery/announcer.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** What trackers are told of a torrent, looked up whenever one is asked. Bytes are of this run. */
export class AnnounceView implements AnnounceState {
  readonly #swarm: Swarm
  readonly #options: SwarmOptions
  readonly #bytesLeft: () => number | undefined

  /** `bytesLeft` is undefined until the metadata is known and the files are checked. */
  constructor(options: { swarm: Swarm; options: SwarmOptions; bytesLeft: () => number | undefined }) {
    this.#swarm = options.swarm
    this.#options = options.options
    this.#bytesLeft = options.bytesLeft
  }

  get uploaded(): number {
    return this.#swarm.uploadedBytes
  }

  get downloaded(): number {
    return this.#swarm.downloadedBytes
  }

  get left(): number {
    return this.#bytesLeft() ?? LEFT_UNKNOWN
  }

  get peersWanted(): number {
    return this.#options.maxConnections - this.#swarm.connectionCount
  }

  get peerCount(): number {
    return this.#swarm.peerList.size
  }
}
