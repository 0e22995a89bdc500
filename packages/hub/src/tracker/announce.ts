import { isLoopback } from '@shoal/door/ip-networks'
import { DEFAULT_SENDER_OPTIONS, SenderAddress, type SenderOptions } from '@shoal/door/sender-address'
import { setUint16 } from '@shoal/protocol/bytes'
import type { AnnounceRequest, PackedAnnounceReply, ScrapeEntry, TrackerFailure } from '@shoal/protocol/tracker/announce'
import type { HubSystem } from '../system.ts'
import { type AccessPolicy, OPEN_ACCESS, WRONG_KEY } from './access.ts'
import { DEFAULT_PEER_STORE_OPTIONS, PeerStore, type PeerStoreOptions, type Swarm, TICK_SECONDS } from './peer-store.ts'
import type { PeerRole, PeerVector } from './peer-vector.ts'
import { PublicAddresses } from './public-addresses.ts'
import { TokenBuckets } from './token-buckets.ts'

export interface TrackerOptions extends PeerStoreOptions, SenderOptions {
  /**
   * How long a peer waits before it announces again; twice as long in a large swarm, where an answer of fifty is fresh for longer
   * and announces cost the most. It is told a random number within a tenth of this, so that peers that started together spread.
   */
  readonly intervalSeconds: number
  /** Who announces again sooner is answered, but gets no peers unless something has happened at it. */
  readonly minIntervalSeconds: number
  /** Peers in an answer when the client does not say how many it wants. */
  readonly defaultNumWant: number
  /** Peers in an answer at most. */
  readonly maxNumWant: number
  /** Addresses by which others reach this machine: what peers on it announce over loopback is told to others with one of these. */
  readonly publicAddresses: readonly string[]
  /** Announces and scrapes a second from an IPv4 /24 or an IPv6 /56, for a long time. A laboratory of 500 clients with 100 torrents each needs 28. */
  readonly announcesPerSecond: number
  /** The same at once, after a rest: when a class begins, everybody starts everything. */
  readonly announceBurst: number
}

export const DEFAULT_TRACKER_OPTIONS: Readonly<TrackerOptions> = Object.freeze({
  ...DEFAULT_PEER_STORE_OPTIONS,
  ...DEFAULT_SENDER_OPTIONS,
  intervalSeconds: 1_800,
  minIntervalSeconds: 60,
  defaultNumWant: 50,
  maxNumWant: 200,
  publicAddresses: [],
  announcesPerSecond: 500,
  announceBurst: 20_000,
})

/** What a door can carry in one answer. */
export interface AnswerLimits {
  /** Packed peers of the asker's own family, at most. */
  readonly maxPeers: number
  /** Whether peers of the other family fill what is left: a UDP answer has room for one family only. */
  readonly bothFamilies: boolean
}

/** Hears that the counts of a swarm are others now. Its info hash is good until it returns. */
export type CountsListener = (infoHash: Uint8Array) => void

/**
 * The rules of announcing, once for all doors (HTTP, UDP):
 *
 * - a peer's address is where its packet came from, never what it says about itself, or anybody could
 *   direct a whole swarm at a victim; only whoever runs the hub can name networks that are believed;
 * - seeds are not handed to seeds, and nobody is handed itself. A partial seed (BEP 21) counts as incomplete and is treated
 *   like a seed. But aria2 says of a magnet link whose metadata it has yet to get that nothing is left, and waits for a seed:
 *   who has nothing left and has moved nothing gets a few;
 * - a peer that takes no connections (port 0) is answered, but handed to nobody;
 * - whoever leaves (`stopped`) gets no peers, and neither does who asks again too early without news;
 * - a torrent counts as completed once a peer, when it says so and was not a seed before;
 * - an address of loopback is good on this machine only, so others are told its public one, or nothing.
 */
export class Tracker {
  readonly #options: TrackerOptions
  readonly #system: HubSystem
  readonly #access: AccessPolicy
  readonly #store: PeerStore
  readonly #senders: SenderAddress
  readonly #rates: TokenBuckets
  readonly #connects: TokenBuckets
  readonly #wrongKeys: TokenBuckets
  readonly #public: PublicAddresses
  /** Ticks that are certainly less than the shortest interval. */
  readonly #earlyTicks: number
  /** Told of changes, at once and often; whoever listens collects them. */
  onCountsChanged: CountsListener | undefined

  /** @throws {RangeError} an address or a network in the options that cannot be read */
  constructor(options: TrackerOptions, system: HubSystem, access: AccessPolicy = OPEN_ACCESS) {
    this.#options = options
    this.#system = system
    this.#access = access
    this.#store = new PeerStore(options, system)
    this.#senders = new SenderAddress(options)
    this.#rates = new TokenBuckets(system, { perSecond: options.announcesPerSecond, burst: options.announceBurst })
    this.#connects = new TokenBuckets(system, { perSecond: options.announcesPerSecond, burst: options.announceBurst })
    this.#wrongKeys = new TokenBuckets(system, WRONG_KEYS, 'address')
    this.#public = new PublicAddresses(options.publicAddresses)
    this.#earlyTicks = Math.floor(shortestInterval(options) / TICK_SECONDS) - 1
  }

  get store(): PeerStore {
    return this.#store
  }

  get senders(): SenderAddress {
    return this.#senders
  }

  /** Whether this sender's network may ask once more. Programs on this machine always may. */
  maySpend(sender: Uint8Array): boolean {
    return isLoopback(sender) || this.#rates.take(sender)
  }

  /** Whether this sender's network may ask for one more connection id: counted apart, as nobody has proven yet to be there. */
  mayConnect(sender: Uint8Array): boolean {
    return isLoopback(sender) || this.#connects.take(sender)
  }

  /**
   * @param sender where the announce came from: 4 or 16 bytes
   * @returns peers packed in memory of the tracker, good until the next announce
   */
  announce(request: AnnounceRequest, sender: Uint8Array, limits: AnswerLimits, announceKey?: string): PackedAnnounceReply | TrackerFailure {
    const refusal = this.#access === OPEN_ACCESS ? undefined : this.#refusalOf(request.infoHash, announceKey, sender, request)
    if (refusal !== undefined) return refusal
    const isLeaving = request.event === 'stopped'
    const swarm = isLeaving ? this.#store.find(request.infoHash) : this.#store.findOrCreate(request.infoHash)
    if (swarm === undefined) return isLeaving ? this.#reply(undefined, NO_PEERS, NO_PEERS) : TOO_MANY_SWARMS

    const endpoint = endpointOf(this.#senders.believed(sender, request.claimedAddress), request.port)
    const peers = swarm.vectorFor(endpoint)
    const position = peers.find(endpoint)
    const before = position < 0 ? undefined : peers.roleAt(position)
    const role = roleOf(request)
    if (before === role && (request.event === undefined || request.event === 'paused')) {
      if (peers.ageAt(position, this.#store.tick) <= this.#earlyTicks) return this.#reply(swarm, NO_PEERS, NO_PEERS)
    }
    // The announcer is taken out while the answer is drawn: so it is never in it, and comes back at a random place.
    if (position >= 0) this.#store.removeAt(peers, position)
    const reply = isLeaving ? undefined : this.#drawFor(request, role, swarm, sender, limits)
    let isStored = false
    let completed = false
    if (!isLeaving && request.port !== 0) {
      isStored = this.#store.add(swarm, endpoint, role, before !== undefined)
      completed = isStored && request.event === 'completed' && role === 'seed' && before !== 'seed'
      if (completed) swarm.downloaded++
    }
    if (this.onCountsChanged !== undefined && ((isStored ? role : undefined) !== before || completed))
      this.onCountsChanged(request.infoHash)
    this.#access.onAnnounced?.({ infoHash: request.infoHash, announceKey, announce: request })
    return this.#reply(swarm, reply?.peers4 ?? NO_PEERS, reply?.peers6 ?? NO_PEERS)
  }

  /**
   * One entry for each torrent, in the order of the question; zeros for what is not known or may not be asked for.
   *
   * @returns a failure when the key is what is wrong
   */
  scrape(infoHashes: readonly Uint8Array[], sender: Uint8Array, announceKey?: string): ScrapeEntry[] | TrackerFailure {
    const entries: ScrapeEntry[] = []
    for (const infoHash of infoHashes) {
      const refusal = this.#access === OPEN_ACCESS ? undefined : this.#refusalOf(infoHash, announceKey, sender, undefined)
      if (refusal === WRONG_KEY) return refusal
      const swarm = refusal === undefined ? this.#store.find(infoHash) : undefined
      entries.push({ infoHash, complete: swarm?.complete ?? 0, downloaded: swarm?.downloaded ?? 0, incomplete: swarm?.incomplete ?? 0 })
    }
    return entries
  }

  /** Forgets who is gone, a little at a time. */
  sweep(budget: number): boolean {
    return this.#store.sweep(budget, this.onCountsChanged)
  }

  #refusalOf(
    infoHash: Uint8Array,
    announceKey: string | undefined,
    sender: Uint8Array,
    announce: AnnounceRequest | undefined,
  ): TrackerFailure | undefined {
    // Who has guessed too often is not looked up: the answer is the same, and costs nothing.
    if (this.#wrongKeys.isEmpty(sender)) return WRONG_KEY
    const refusal = this.#access.refusalOf({ infoHash, announceKey, announce })
    if (refusal === WRONG_KEY) this.#wrongKeys.take(sender)
    return refusal
  }

  #drawFor(
    request: AnnounceRequest,
    role: PeerRole,
    swarm: Swarm,
    sender: Uint8Array,
    limits: AnswerLimits,
  ): { readonly peers4: Uint8Array; readonly peers6: Uint8Array } {
    const wanted = Math.min(request.numWant ?? this.#options.defaultNumWant, this.#options.maxNumWant, limits.maxPeers)
    const giverLimit = role === 'leech' ? Number.POSITIVE_INFINITY : isFreshSeed(request, role) ? SEEDS_FOR_A_FRESH_SEED : 0
    const isIpv4 = sender.length === 4
    const own = this.#public.seenBy(sender, isIpv4 ? 4 : 6, this.#draw(swarm.peersOf(isIpv4 ? 4 : 6), giverLimit, wanted))
    const rest = limits.bothFamilies ? wanted - own.length / (sender.length + 2) : 0
    const others =
      rest > 0 ? this.#public.seenBy(sender, isIpv4 ? 6 : 4, this.#draw(swarm.peersOf(isIpv4 ? 6 : 4), giverLimit, rest)) : NO_PEERS
    return isIpv4 ? { peers4: own, peers6: others } : { peers4: others, peers6: own }
  }

  /**
   * Peers of one family, packed. A seed gets leechers (and seeds up to `giverLimit`). A leecher gets both in proportion, but at least a third of
   * either if there are so many: seeds have everything, and leechers will have something to trade.
   */
  #draw(peers: PeerVector | undefined, giverLimit: number, wanted: number): Uint8Array {
    if (peers === undefined || wanted <= 0) return NO_PEERS
    const giversThere = Math.min(peers.giverCount, giverLimit)
    const leechersThere = peers.leecherCount
    const count = Math.min(wanted, giversThere + leechersThere)
    if (count === 0) return NO_PEERS
    const third = Math.ceil(count / 3)
    const fairShare = Math.round((count * giversThere) / (giversThere + leechersThere))
    const givers = clamp(
      clamp(fairShare, Math.min(third, giversThere), count - Math.min(third, leechersThere)),
      count - leechersThere,
      Math.min(count, giversThere),
    )
    const stride = peers.stride
    const scratch = stride === 6 ? SCRATCH4 : SCRATCH6
    peers.copyGivers(givers, scratch, 0, this.#system)
    peers.copyLeechers(count - givers, scratch, givers * stride, this.#system)
    return scratch.subarray(0, count * stride)
  }

  #reply(swarm: Swarm | undefined, peers4: Uint8Array, peers6: Uint8Array): PackedAnnounceReply {
    const intervalSeconds = this.#options.intervalSeconds * (swarm?.isLarge === true ? 2 : 1)
    const spread = Math.floor(intervalSeconds / 10)
    const complete = swarm === undefined ? 0 : swarm.complete
    return {
      intervalSeconds: intervalSeconds - spread + this.#system.randomBelow(2 * spread + 1),
      minIntervalSeconds: shortestInterval(this.#options),
      complete,
      incomplete: swarm === undefined ? 0 : swarm.count - complete,
      downloaded: swarm === undefined ? 0 : swarm.downloaded,
      peers4,
      peers6,
    }
  }
}

const NO_PEERS = new Uint8Array(0)

/** Where answers are drawn, one family each: an announce is never interrupted. No answer is longer (`maxNumWant`). */
const SCRATCH4 = new Uint8Array(200 * 6)
const SCRATCH6 = new Uint8Array(200 * 18)

/** Enough to get metadata from, and few enough that real seeds, which hang up on each other, waste little. */
const SEEDS_FOR_A_FRESH_SEED = 10

/** Of one address. A member's client whose key was revoked may ask for all of its torrents; who guesses gets nowhere with this. */
const WRONG_KEYS = { perSecond: 1, burst: 200 }

const TOO_MANY_SWARMS: TrackerFailure = {
  failureReason: 'This hub already serves as many torrents as it may: ask its owner to raise the limit, or come back later',
  intervalSeconds: 1_800,
  retryInSeconds: 1_800,
}

/** Never above the interval that a peer may be told. */
function shortestInterval({ intervalSeconds, minIntervalSeconds }: TrackerOptions): number {
  return Math.min(minIntervalSeconds, intervalSeconds - Math.floor(intervalSeconds / 10))
}

function roleOf({ left, event }: AnnounceRequest): PeerRole {
  if (left === 0) return 'seed'
  return event === 'paused' ? 'partial' : 'leech'
}

function isFreshSeed({ uploaded, downloaded }: AnnounceRequest, role: PeerRole): boolean {
  return role === 'seed' && uploaded === 0 && downloaded === 0
}

const ENDPOINT4 = new Uint8Array(6)
const ENDPOINT6 = new Uint8Array(18)

/** In memory that the next announce uses again: the store copies. */
function endpointOf(address: Uint8Array, port: number): Uint8Array {
  const endpoint = address.length === 4 ? ENDPOINT4 : ENDPOINT6
  endpoint.set(address)
  setUint16(endpoint, address.length, port)
  return endpoint
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most))
}
