import { asEngineError } from '../base/errors.ts'
import type { SwarmOptions } from '../base/options.ts'
import type { ByteStream, Endpoint, Network } from '../ports/network.ts'
import type { System } from '../ports/system.ts'
import type { PeerList } from './peer-list.ts'

export interface DialerOwner {
  readonly connectionCount: number
  /** Connected, and has not said yet who it is. */
  readonly greetedCount: number
  /** We have all we want: others that do are of no use. (Seeds dial too: a leecher behind a router waits for it.) */
  readonly isSeeding: boolean
  /** False when the session has as many connections as it may have. */
  readonly sessionHasRoom: boolean
  onDialled(stream: ByteStream): void
}

/** So many connections a torrent may open even if the session is full: else one that is added late would meet nobody. */
const FEW_CONNECTIONS = 10

/** Opens connections to peers from the list, a few at a time, best candidates first. */
export class Dialer {
  readonly #system: System
  readonly #network: Network
  readonly #options: SwarmOptions
  readonly #peerList: PeerList
  readonly #owner: DialerOwner
  #dialling = 0
  #isClosed = false

  constructor(options: { system: System; network: Network; swarm: SwarmOptions; peerList: PeerList; owner: DialerOwner }) {
    this.#system = options.system
    this.#network = options.network
    this.#options = options.swarm
    this.#peerList = options.peerList
    this.#owner = options.owner
  }

  /** Connections on their way. */
  get diallingCount(): number {
    return this.#dialling
  }

  /** Dials while there is room and somebody to dial. Called when either changes, and once a second. */
  dialMore(): void {
    while (!this.#isClosed) {
      const halfOpen = this.#dialling + this.#owner.greetedCount
      const connections = this.#owner.connectionCount + halfOpen
      if (halfOpen >= this.#options.maxDialing || connections >= this.#options.maxConnections) return
      if (connections >= FEW_CONNECTIONS && !this.#owner.sessionHasRoom) return
      const endpoint = this.#peerList.nextToDial(this.#system.now(), { skipSeeds: this.#owner.isSeeding })
      if (endpoint === undefined) return
      this.#dial(endpoint)
    }
  }

  close(): void {
    this.#isClosed = true
  }

  #dial(endpoint: Endpoint): void {
    this.#dialling++
    this.#peerList.onDialling(endpoint, this.#system.now())
    this.#network.dial(endpoint, { timeoutMs: this.#options.dialTimeoutMs }).then(
      (stream) => {
        this.#dialling--
        if (this.#isClosed) stream.destroy()
        else this.#owner.onDialled(stream)
      },
      (error: unknown) => {
        this.#dialling--
        this.#peerList.onFailed(endpoint, this.#system.now(), asEngineError(error, 'NETWORK_FAILED', 'Cannot connect'))
        this.dialMore()
      },
    )
  }
}
