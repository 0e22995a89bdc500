import { latin1 } from '@shoal/protocol/bytes'
import { COMPACT_PEER4_BYTES, COMPACT_PEER6_BYTES } from '@shoal/protocol/tracker/announce'
import type { HubSystem } from '../system.ts'
import { PeerVector } from './peer-vector.ts'

/** What keeps the tracker's memory bounded, whoever announces whatever. A peer takes about 20 bytes (IPv6: 50), a swarm about 700. */
export interface PeerStoreOptions {
  /** Torrents known at once. Another one is refused until some are forgotten. */
  readonly maxSwarms: number
  /** Peers of all torrents together. Further ones get answers, but are not handed to others. */
  readonly maxPeers: number
  /** Peers in one swarm with one IPv4 address or one IPv6 /64: many may share a household or a laboratory, but nobody fills a swarm alone. */
  readonly maxPeersPerAddress: number
  /** A peer that has not announced for so long is gone. Above the announce interval, or peers come and go. */
  readonly peerLifetimeMinutes: number
}

export const DEFAULT_PEER_STORE_OPTIONS: Readonly<PeerStoreOptions> = Object.freeze({
  maxSwarms: 200_000,
  maxPeers: 2_000_000,
  maxPeersPerAddress: 200,
  peerLifetimeMinutes: 43, // an interval of 30 minutes, its jitter, and ten to spare
})

export type PeerRole = 'seed' | 'leech'

/** The peers of one torrent. A peer is its endpoint: 6 bytes of IPv4 address and port, or 18 of IPv6. */
export class Swarm {
  readonly peers4: PeerVector = new PeerVector(COMPACT_PEER4_BYTES)
  /** Undefined until the first IPv6 peer comes. */
  peers6: PeerVector | undefined
  /** How often the torrent was completed, as far as this hub remembers. */
  downloaded = 0
  /** Minute (of the store) of the last announce. */
  lastMinute = 0

  get complete(): number {
    return this.peers4.seedCount + (this.peers6?.seedCount ?? 0)
  }

  get incomplete(): number {
    return this.peers4.leecherCount + (this.peers6?.leecherCount ?? 0)
  }

  get isEmpty(): boolean {
    return this.peers4.count === 0 && (this.peers6 === undefined || this.peers6.count === 0)
  }

  /** The peers of one family; undefined when there have been none. */
  peersOf(family: 4 | 6): PeerVector | undefined {
    return family === 4 ? this.peers4 : this.peers6
  }

  vectorFor(endpoint: Uint8Array): PeerVector {
    if (endpoint.length === COMPACT_PEER4_BYTES) return this.peers4
    this.peers6 ??= new PeerVector(COMPACT_PEER6_BYTES)
    return this.peers6
  }
}

/**
 * Who is in which swarm. In memory only: after a restart peers come back with their next announce.
 *
 * Nothing here knows the rules of announcing; those are in `announce.ts`. Forgetting is the work of `sweep`, a
 * little at a time, so that no announce has to wait for it.
 */
export class PeerStore {
  readonly #options: PeerStoreOptions
  readonly #system: HubSystem
  /** By the 20 bytes of the info hash as latin1. */
  readonly #swarms = new Map<string, Swarm>()
  #peerCount = 0
  #sweeping: MapIterator<[string, Swarm]> | undefined

  constructor(options: PeerStoreOptions, system: HubSystem) {
    this.#options = options
    this.#system = system
  }

  get swarmCount(): number {
    return this.#swarms.size
  }

  get peerCount(): number {
    return this.#peerCount
  }

  find(infoHash: Uint8Array): Swarm | undefined {
    return this.#swarms.get(latin1(infoHash))
  }

  /** @returns undefined when there are as many swarms as there may be */
  findOrCreate(infoHash: Uint8Array): Swarm | undefined {
    const key = latin1(infoHash)
    const known = this.#swarms.get(key)
    if (known !== undefined) return known
    if (this.#swarms.size >= this.#options.maxSwarms) return undefined
    const swarm = new Swarm()
    this.#swarms.set(key, swarm)
    return swarm
  }

  /**
   * Adds a peer that is not in the swarm.
   *
   * @param wasHere it has just been removed, so it may come back even if the limits are reached
   * @returns false when a limit says no
   */
  add(swarm: Swarm, endpoint: Uint8Array, role: PeerRole, wasHere: boolean): boolean {
    const minute = this.#minute()
    swarm.lastMinute = minute
    const vector = swarm.vectorFor(endpoint)
    if (!wasHere && !this.#mayAdd(vector, endpoint)) return false
    vector.add(endpoint, role === 'seed', minute, this.#system)
    this.#peerCount++
    return true
  }

  /** @returns what the peer was, or undefined when it was not there */
  remove(swarm: Swarm, endpoint: Uint8Array): PeerRole | undefined {
    const vector = swarm.peersOf(endpoint.length === COMPACT_PEER4_BYTES ? 4 : 6)
    const position = vector?.find(endpoint) ?? -1
    if (vector === undefined || position < 0) return undefined
    const role = vector.isSeed(position) ? 'seed' : 'leech'
    vector.removeAt(position)
    this.#peerCount--
    return role
  }

  /**
   * Forgets peers that are gone, and swarms that have been empty for a peer's lifetime, going on where the last
   * call ended.
   *
   * @param budget roughly how many peers and swarms to look at
   * @returns true when it has come around to the end
   */
  sweep(budget: number): boolean {
    const minute = this.#minute()
    const lifetime = this.#options.peerLifetimeMinutes
    this.#sweeping ??= this.#swarms.entries()
    for (let spent = 0; spent < budget; ) {
      const next = this.#sweeping.next()
      if (next.done === true) {
        this.#sweeping = undefined
        return true
      }
      const [key, swarm] = next.value
      spent += 1 + swarm.peers4.count + (swarm.peers6?.count ?? 0)
      this.#peerCount -= swarm.peers4.expire(minute, lifetime) + (swarm.peers6?.expire(minute, lifetime) ?? 0)
      if (swarm.isEmpty && minute - swarm.lastMinute >= lifetime) this.#swarms.delete(key)
    }
    return false
  }

  #mayAdd(vector: PeerVector, endpoint: Uint8Array): boolean {
    if (this.#peerCount >= this.#options.maxPeers) return false
    return vector.countSharing(endpoint) < this.#options.maxPeersPerAddress
  }

  #minute(): number {
    return Math.floor(this.#system.now() / 60_000)
  }
}
