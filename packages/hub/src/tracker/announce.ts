import { setUint16 } from '@shoal/protocol/bytes'
import type { AnnounceRequest, PackedAnnounceReply, ScrapeEntry, TrackerFailure } from '@shoal/protocol/tracker/announce'
import type { HubSystem } from '../system.ts'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore, type PeerStoreOptions, type Swarm } from './peer-store.ts'
import type { PeerVector } from './peer-vector.ts'

export interface TrackerOptions extends PeerStoreOptions {
  /** How long a peer waits before it announces again. It is told a random number within a tenth of this, so that peers that started together spread. */
  readonly intervalSeconds: number
  /** A peer should not announce more often, whatever happens. */
  readonly minIntervalSeconds: number
  /** Peers in an answer when the client does not say how many it wants. */
  readonly defaultNumWant: number
  /** Peers in an answer at most. */
  readonly maxNumWant: number
}

export const DEFAULT_TRACKER_OPTIONS: Readonly<TrackerOptions> = Object.freeze({
  ...DEFAULT_PEER_STORE_OPTIONS,
  intervalSeconds: 1_800,
  minIntervalSeconds: 60,
  defaultNumWant: 50,
  maxNumWant: 200,
})

/** Decides who may use the tracker for what. */
export interface AccessPolicy {
  /** @returns why not, in words for the user of the client; undefined when it is fine */
  refusalOf(infoHash: Uint8Array): TrackerFailure | undefined
}

/** Everybody may share everything: right for a hub that only its group can reach. */
export const OPEN_ACCESS: AccessPolicy = { refusalOf: () => undefined }

/** What a door can carry in one answer. */
export interface AnswerLimits {
  /** Packed peers of the asker's own family, at most. */
  readonly maxPeers: number
  /** Whether peers of the other family fill what is left: a UDP answer has room for one family only. */
  readonly bothFamilies: boolean
}

/**
 * The rules of announcing, once for all doors (HTTP, UDP):
 *
 * - a peer's address is where its packet came from, never what it says about itself, or anybody could
 *   direct a whole swarm at a victim;
 * - seeds are not handed to seeds, and nobody is handed itself. But aria2 says of a magnet link whose metadata it has
 *   yet to get that nothing is left, and waits for a seed: who has nothing left and has moved nothing gets a few;
 * - a peer that takes no connections (port 0) is answered, but handed to nobody;
 * - whoever leaves (`stopped`) gets no peers;
 * - a torrent counts as completed once a peer, when it says so and was not a seed before.
 */
export class Tracker {
  readonly #options: TrackerOptions
  readonly #system: HubSystem
  readonly #access: AccessPolicy
  readonly #store: PeerStore

  constructor(options: TrackerOptions, system: HubSystem, access: AccessPolicy = OPEN_ACCESS) {
    this.#options = options
    this.#system = system
    this.#access = access
    this.#store = new PeerStore(options, system)
  }

  get store(): PeerStore {
    return this.#store
  }

  /** @param address where the announce came from: 4 or 16 bytes */
  announce(request: AnnounceRequest, address: Uint8Array, limits: AnswerLimits): PackedAnnounceReply | TrackerFailure {
    const refusal = this.#access.refusalOf(request.infoHash)
    if (refusal !== undefined) return refusal
    const isLeaving = request.event === 'stopped'
    const swarm = isLeaving ? this.#store.find(request.infoHash) : this.#store.findOrCreate(request.infoHash)
    if (swarm === undefined) return isLeaving ? this.#reply(undefined, NO_PEERS, NO_PEERS) : TOO_MANY_SWARMS

    // The announcer is taken out while the answer is drawn: so it is never in it, and comes back at a random place.
    const endpoint = endpointOf(address, request.port)
    const before = this.#store.remove(swarm, endpoint)
    if (isLeaving) return this.#reply(swarm, NO_PEERS, NO_PEERS)

    const role = request.left === 0 ? 'seed' : 'leech'
    const wanted = Math.min(request.numWant ?? this.#options.defaultNumWant, this.#options.maxNumWant, limits.maxPeers)
    const isIpv4 = address.length === 4
    const seedLimit =
      role === 'leech' ? Number.POSITIVE_INFINITY : request.uploaded === 0 && request.downloaded === 0 ? SEEDS_FOR_A_FRESH_SEED : 0
    const own = this.#draw(swarm.peersOf(isIpv4 ? 4 : 6), seedLimit, wanted)
    const rest = limits.bothFamilies ? wanted - own.length / (address.length + 2) : 0
    const others = this.#draw(swarm.peersOf(isIpv4 ? 6 : 4), seedLimit, rest)

    if (request.port !== 0) {
      const isStored = this.#store.add(swarm, endpoint, role, before !== undefined)
      if (isStored && request.event === 'completed' && role === 'seed' && before !== 'seed') swarm.downloaded++
    }
    return isIpv4 ? this.#reply(swarm, own, others) : this.#reply(swarm, others, own)
  }

  /** One entry for each torrent that may be asked for, in the order of the question; zeros for what is not known. */
  scrape(infoHashes: readonly Uint8Array[]): ScrapeEntry[] {
    return infoHashes.map((infoHash) => {
      const swarm = this.#access.refusalOf(infoHash) === undefined ? this.#store.find(infoHash) : undefined
      return { infoHash, complete: swarm?.complete ?? 0, downloaded: swarm?.downloaded ?? 0, incomplete: swarm?.incomplete ?? 0 }
    })
  }

  /**
   * Peers of one family, packed. A seed gets leechers (and seeds up to `seedLimit`). A leecher gets both in proportion, but at least a third of
   * either if there are so many: seeds have everything, and leechers will have something to trade.
   */
  #draw(peers: PeerVector | undefined, seedLimit: number, wanted: number): Uint8Array {
    if (peers === undefined || wanted <= 0) return NO_PEERS
    const seedsThere = Math.min(peers.seedCount, seedLimit)
    const leechersThere = peers.leecherCount
    const count = Math.min(wanted, seedsThere + leechersThere)
    if (count === 0) return NO_PEERS
    const third = Math.ceil(count / 3)
    const fairShare = Math.round((count * seedsThere) / (seedsThere + leechersThere))
    const seeds = clamp(
      clamp(fairShare, Math.min(third, seedsThere), count - Math.min(third, leechersThere)),
      count - leechersThere,
      Math.min(count, seedsThere),
    )
    const stride = peers.stride
    const packed = new Uint8Array(count * stride)
    peers.copySeeds(seeds, packed, 0, this.#system)
    peers.copyLeechers(count - seeds, packed, seeds * stride, this.#system)
    return packed
  }

  #reply(swarm: Swarm | undefined, peers4: Uint8Array, peers6: Uint8Array): PackedAnnounceReply {
    const { intervalSeconds, minIntervalSeconds } = this.#options
    const spread = Math.floor(intervalSeconds / 10)
    return {
      intervalSeconds: intervalSeconds - spread + this.#system.randomBelow(2 * spread + 1),
      minIntervalSeconds: Math.min(minIntervalSeconds, intervalSeconds - spread),
      complete: swarm?.complete ?? 0,
      incomplete: swarm?.incomplete ?? 0,
      downloaded: swarm?.downloaded ?? 0,
      peers4,
      peers6,
    }
  }
}

const NO_PEERS = new Uint8Array(0)

/** Enough to get metadata from, and few enough that real seeds, which hang up on each other, waste little. */
const SEEDS_FOR_A_FRESH_SEED = 10

const TOO_MANY_SWARMS: TrackerFailure = {
  failureReason: 'This hub already serves as many torrents as it may: ask its owner to raise the limit, or come back later',
  retryInSeconds: 1_800,
}

function endpointOf(address: Uint8Array, port: number): Uint8Array {
  const endpoint = new Uint8Array(address.length + 2)
  endpoint.set(address)
  setUint16(endpoint, address.length, port)
  return endpoint
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most))
}
