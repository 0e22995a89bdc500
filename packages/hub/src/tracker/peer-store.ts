import { COMPACT_PEER4_BYTES, COMPACT_PEER6_BYTES } from '@shoal/protocol/tracker/announce'
import type { HubSystem } from '../system.ts'
import { PeerMemory } from './peer-memory.ts'
import { type PeerRole, PeerVector } from './peer-vector.ts'
import { SECRET_BYTES, SwarmTable } from './swarm-table.ts'

/** What keeps the tracker's memory bounded, whoever announces whatever. A peer takes 9 to 45 bytes (IPv6: 20 to 70), a swarm about 700. */
export interface PeerStoreOptions {
  /** Torrents known at once. Another one is refused until some are forgotten. */
  readonly maxSwarms: number
  /** Peers of all torrents together. Further ones get answers, but are not handed to others. */
  readonly maxPeers: number
  /** Peers in one swarm with one IPv4 address or one IPv6 /64: many may share a household or a laboratory, but nobody fills a swarm alone. */
  readonly maxPeersPerAddress: number
  /** A peer that has not announced for so long is gone. Above the announce interval, or peers come and go. */
  readonly peerLifetimeMinutes: number
  /** With more peers than this a swarm is large: its peers announce half as often and live twice as long. */
  readonly largeSwarmPeers: number
}

export const DEFAULT_PEER_STORE_OPTIONS: Readonly<PeerStoreOptions> = Object.freeze({
  maxSwarms: 200_000,
  maxPeers: 2_000_000,
  maxPeersPerAddress: 200,
  peerLifetimeMinutes: 43, // an interval of 30 minutes, its jitter, and ten to spare
  largeSwarmPeers: 1_000,
})

/** How fine the time of an announce is kept. */
export const TICK_SECONDS = 10
const TICKS_PER_MINUTE = 60 / TICK_SECONDS

/** The peers of one torrent. A peer is its endpoint: 6 bytes of IPv4 address and port, or 18 of IPv6. */
export class Swarm {
  readonly peers4: PeerVector
  /** Undefined until the first IPv6 peer comes. */
  peers6: PeerVector | undefined
  /** How often the torrent was completed, as far as this hub remembers. */
  downloaded = 0
  /** Tick (of the store) of the last announce. */
  lastTick = 0
  /** Stays so until it has shrunk to half, so that peers which were told to come back late are still waited for. */
  isLarge = false
  readonly #memory: PeerMemory

  constructor(memory: PeerMemory) {
    this.#memory = memory
    this.peers4 = new PeerVector(COMPACT_PEER4_BYTES, memory)
  }

  /** Seeds. */
  get complete(): number {
    return this.peers4.seedCount + (this.peers6?.seedCount ?? 0)
  }

  /** Everybody else, partial seeds among them. */
  get incomplete(): number {
    return this.count - this.complete
  }

  get count(): number {
    return this.peers4.count + (this.peers6?.count ?? 0)
  }

  /** The peers of one family; undefined when there have been none. */
  peersOf(family: 4 | 6): PeerVector | undefined {
    return family === 4 ? this.peers4 : this.peers6
  }

  vectorFor(endpoint: Uint8Array): PeerVector {
    if (endpoint.length === COMPACT_PEER4_BYTES) return this.peers4
    this.peers6 ??= new PeerVector(COMPACT_PEER6_BYTES, this.#memory)
    return this.peers6
  }
}

/**
 * Who is in which swarm. In memory only; `swarm-snapshot.ts` carries it over a restart.
 *
 * Nothing here knows the rules of announcing; those are in `announce.ts`. Forgetting is the work of `sweep`, a
 * little at a time, so that no announce has to wait for it.
 */
export class PeerStore {
  readonly #options: PeerStoreOptions
  readonly #system: HubSystem
  readonly #swarms: SwarmTable
  readonly #memory = new PeerMemory()
  #peerCount = 0
  /** The number of the swarm that `sweep` looks at next. */
  #sweeping = 0

  constructor(options: PeerStoreOptions, system: HubSystem) {
    this.#options = options
    this.#system = system
    this.#swarms = new SwarmTable(system.randomBytes(SECRET_BYTES))
  }

  get swarmCount(): number {
    return this.#swarms.size
  }

  get peerCount(): number {
    return this.#peerCount
  }

  /** Now, as announces are stamped. */
  get tick(): number {
    return Math.floor(this.#system.now() / (TICK_SECONDS * 1000))
  }

  find(infoHash: Uint8Array): Swarm | undefined {
    return this.#swarms.get(infoHash)
  }

  /** All swarms; those that come or go meanwhile may be among them or not. */
  *swarms(): Generator<readonly [infoHash: Uint8Array, swarm: Swarm], undefined> {
    for (let number = 0; number < this.#swarms.end; number++) {
      const swarm = this.#swarms.at(number)
      if (swarm !== undefined) yield [this.#swarms.infoHashAt(number).slice(), swarm]
    }
  }

  /** @returns undefined when there are as many swarms as there may be */
  findOrCreate(infoHash: Uint8Array): Swarm | undefined {
    const known = this.#swarms.get(infoHash)
    if (known !== undefined) return known
    if (this.#swarms.size >= this.#options.maxSwarms) return undefined
    const swarm = new Swarm(this.#memory)
    this.#swarms.add(infoHash, swarm)
    return swarm
  }

  /**
   * Adds a peer that is not in the swarm.
   *
   * @param wasHere it has just been removed, so it may come back even if the limits are reached
   * @param age how many ticks ago it announced
   * @returns false when a limit says no
   */
  add(swarm: Swarm, endpoint: Uint8Array, role: PeerRole, wasHere: boolean, age = 0): boolean {
    const tick = this.tick
    swarm.lastTick = tick
    const vector = swarm.vectorFor(endpoint)
    if (!wasHere && !this.#mayAdd(vector, endpoint)) return false
    vector.add(endpoint, role, tick - age, this.#system)
    this.#peerCount++
    if (!swarm.isLarge && swarm.count > this.#options.largeSwarmPeers) swarm.isLarge = true
    return true
  }

  /** Takes out the peer that `find` of this vector, one of a swarm of this store, has found. */
  removeAt(vector: PeerVector, position: number): void {
    vector.removeAt(position)
    this.#peerCount--
  }

  /**
   * Forgets peers that are gone, and swarms that have been empty for a peer's lifetime, going on where the last
   * call ended.
   *
   * @param budget roughly how many peers and swarms to look at
   * @param onShrunk is told of every swarm that has lost somebody
   * @returns true when it has come around to the end
   */
  sweep(budget: number, onShrunk?: (infoHash: Uint8Array) => void): boolean {
    const tick = this.tick
    for (let spent = 0; spent < budget; this.#sweeping++) {
      if (this.#sweeping >= this.#swarms.end) {
        this.#sweeping = 0
        return true
      }
      spent++
      const swarm = this.#swarms.at(this.#sweeping)
      if (swarm === undefined) continue
      const lifetime = this.lifetimeTicks(swarm)
      spent += swarm.count
      const gone = swarm.peers4.expire(tick, lifetime) + (swarm.peers6?.expire(tick, lifetime) ?? 0)
      this.#peerCount -= gone
      if (swarm.isLarge && swarm.count <= this.#options.largeSwarmPeers / 2) swarm.isLarge = false
      if (gone > 0) onShrunk?.(this.#swarms.infoHashAt(this.#sweeping))
      if (swarm.count === 0 && tick - swarm.lastTick >= lifetime) this.#swarms.deleteAt(this.#sweeping)
    }
    return false
  }

  /** How long a peer of this swarm is waited for. */
  lifetimeTicks(swarm: Swarm): number {
    return this.#options.peerLifetimeMinutes * TICKS_PER_MINUTE * (swarm.isLarge ? 2 : 1)
  }

  #mayAdd(vector: PeerVector, endpoint: Uint8Array): boolean {
    if (this.#peerCount >= this.#options.maxPeers) return false
    return vector.countSharing(endpoint) < this.#options.maxPeersPerAddress
  }
}
