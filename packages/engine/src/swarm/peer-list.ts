import type { EngineError, EngineErrorCode } from '../base/errors.ts'
import type { Endpoint } from '../ports/network.ts'
import { canonicalPriority } from './canonical-priority.ts'

/** How an address came to us. */
export type PeerSource = 'tracker' | 'incoming' | 'manual' | 'magnet' | 'resume' | 'peer-exchange' | 'dht' | 'local'

/** An address that somebody may be reached at. */
export interface KnownPeer extends Endpoint {
  readonly sources: ReadonlySet<PeerSource>
  readonly isDialling: boolean
  readonly isConnected: boolean
  /** Dials and short connections that failed since the last one that was good. */
  readonly failures: number
  /** When it was dialled last; undefined: never. */
  readonly lastTriedAt: number | undefined
  /** Not before this moment again. */
  readonly retryAt: number
  /** It had everything when we saw it last. */
  readonly isSeed: boolean
}

export interface PeerListOptions {
  /** A whole number in [0, limit). */
  readonly randomBelow: (limit: number) => number
  /** Addresses that are kept besides the connected ones; a newcomer takes the place of the worst. */
  readonly maxPeers?: number
  /** Bans from one address after which the whole address is refused: several peers may share one behind a router. */
  readonly bansPerAddress?: number
}

const FIRST_RETRY_MS = 5_000
const MAX_RETRY_MS = 30 * 60_000
/** A peer that has been good once is likely to come back. */
const MAX_RETRY_AFTER_SUCCESS_MS = 5 * 60_000
/** A connection that held this long was good, whatever ended it. */
const GOOD_CONNECTION_MS = 60_000
/** Nothing is wrong with the address, it is only of no use at the moment. */
const USELESS_NOW_MS = 2 * 60_000
const MAX_BANS = 1_000

/** Ends that say nothing bad about the address. */
const BLAMELESS: ReadonlySet<EngineErrorCode> = new Set<EngineErrorCode>(['PEER_DUPLICATE', 'PEER_LIMIT', 'PEER_USELESS', 'CLOSED'])

class Entry implements KnownPeer {
  readonly host: string
  readonly port: number
  readonly sources = new Set<PeerSource>()
  isDialling = false
  connections = 0
  failures = 0
  lastTriedAt: number | undefined
  retryAt = Number.NEGATIVE_INFINITY
  hasBeenGood = false
  isSeed = false
  /** Breaks ties between equals: BEP 40 where it can be computed, else by lot. */
  priority: number

  constructor(endpoint: Endpoint, priority: number) {
    this.host = endpoint.host
    this.port = endpoint.port
    this.priority = priority
  }

  get isConnected(): boolean {
    return this.connections > 0
  }
}

/** A connection that is open, and the entry of its other end, if that can be dialled. */
interface OpenConnection {
  readonly since: number
  entry: Entry | undefined
}

/**
 * The addresses of one swarm: where they come from, how they fared, whom to dial next, whom never again.
 *
 * An incoming connection comes from a port that nobody listens on, so it is no entry until the peer says where it
 * can be reached (`onReachableAt`). Bounded everywhere: anybody can send us any number of addresses.
 */
export class PeerList {
  readonly #randomBelow: (limit: number) => number
  readonly #maxPeers: number
  readonly #bansPerAddress: number
  readonly #entries = new Map<string, Entry>()
  /** Entries with a connection: they are as many as there may be connections, and do not take places from others. */
  #connectedCount = 0
  /** By remote endpoint, both directions. */
  readonly #connections = new Map<string, OpenConnection>()
  readonly #connectionsByHost = new Map<string, number>()
  /** Our own addresses, as found out by dialling them. */
  readonly #selves = new Set<string>()
  /** Endpoints and peer ids that are banned; how often each address was. */
  readonly #bans = new Set<string>()
  readonly #bansByHost = new Map<string, number>()
  #ours: Endpoint | undefined
  /** Nobody can be dialled before: known from the last search that found nobody, so that it is not made again with each peer that leaves. */
  #nobodyBefore = Number.NEGATIVE_INFINITY
  #nobodyWithoutSeeds = false

  constructor(options: PeerListOptions) {
    this.#randomBelow = options.randomBelow
    this.#maxPeers = options.maxPeers ?? 3_000
    this.#bansPerAddress = options.bansPerAddress ?? 3
  }

  get size(): number {
    return this.#entries.size
  }

  peers(): Iterable<KnownPeer> {
    return this.#entries.values()
  }

  get(endpoint: Endpoint): KnownPeer | undefined {
    return this.#entries.get(keyOf(endpoint))
  }

  /** How others see us: the address for BEP 40. Until it is known, chance decides between equals. */
  setOurEndpoint(ours: Endpoint): void {
    if (this.#ours?.host === ours.host && this.#ours.port === ours.port) return
    this.#ours = ours
    for (const entry of this.#entries.values()) entry.priority = this.#priorityOf(entry)
  }

  /** @returns whether the address is new and was kept */
  add(endpoint: Endpoint, source: PeerSource): boolean {
    if (!Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65535 || endpoint.host === '') return false
    const key = keyOf(endpoint)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.sources.add(source)
      return false
    }
    if (this.#selves.has(key) || this.isBanned(endpoint)) return false
    if (this.#entries.size - this.#connectedCount >= this.#maxPeers && !this.#makeRoom(source)) return false
    const entry = new Entry(endpoint, this.#priorityOf(endpoint))
    entry.sources.add(source)
    this.#entries.set(key, entry)
    this.#nobodyBefore = Number.NEGATIVE_INFINITY
    return true
  }

  /**
   * Whom to dial now: those that somebody typed in first, then by fewer failures, never tried before tried, BEP 40.
   * @param options.skipSeeds we have everything, so another one with everything is no use
   */
  nextToDial(now: number, options?: { readonly skipSeeds?: boolean }): KnownPeer | undefined {
    const skipSeeds = options?.skipSeeds ?? false
    if (now < this.#nobodyBefore && this.#nobodyWithoutSeeds === skipSeeds) return undefined
    let best: Entry | undefined
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) {
      if (entry.isDialling || entry.connections > 0 || (skipSeeds && entry.isSeed)) continue
      if (entry.retryAt > now) next = Math.min(next, entry.retryAt)
      else if (best === undefined || isBetter(entry, best)) best = entry
    }
    if (best === undefined) {
      this.#nobodyBefore = next
      this.#nobodyWithoutSeeds = skipSeeds
    }
    return best
  }

  onDialling(endpoint: Endpoint, now: number): void {
    const entry = this.#entries.get(keyOf(endpoint))
    if (entry === undefined) return
    entry.isDialling = true
    entry.lastTriedAt = now
  }

  /** A connection is open, handshakes exchanged, in either direction. */
  onConnected(endpoint: Endpoint, now: number): void {
    const key = keyOf(endpoint)
    if (this.#connections.has(key)) return
    const entry = this.#entries.get(key)
    this.#connections.set(key, { since: now, entry })
    this.#connectionsByHost.set(endpoint.host, this.connectionCountOf(endpoint.host) + 1)
    if (entry === undefined) return
    entry.isDialling = false
    this.#onEntryConnected(entry)
  }

  /** The peer of an incoming connection said on which port it listens: there it can be found again. */
  onReachableAt(remote: Endpoint, listenPort: number): void {
    const connection = this.#connections.get(keyOf(remote))
    if (connection === undefined || connection.entry !== undefined) return
    const endpoint = { host: remote.host, port: listenPort }
    this.add(endpoint, 'incoming')
    const entry = this.#entries.get(keyOf(endpoint))
    if (entry === undefined) return
    connection.entry = entry
    this.#onEntryConnected(entry)
  }

  /** What the connected peer at this remote endpoint has now. */
  setSeed(endpoint: Endpoint, isSeed: boolean): void {
    const entry = this.#connections.get(keyOf(endpoint))?.entry ?? this.#entries.get(keyOf(endpoint))
    if (entry === undefined || entry.isSeed === isSeed) return
    entry.isSeed = isSeed
    this.#nobodyBefore = Number.NEGATIVE_INFINITY
  }

  /** The dial came to nothing, or nobody useful answered. */
  onFailed(endpoint: Endpoint, now: number, error?: EngineError): void {
    const entry = this.#entries.get(keyOf(endpoint))
    if (entry === undefined) return
    entry.isDialling = false
    this.#scheduleRetry(entry, now, error)
  }

  /** A connection has ended. One that held for a minute makes up for all failures before. */
  onClosed(endpoint: Endpoint, now: number, error?: EngineError): void {
    const key = keyOf(endpoint)
    const connection = this.#connections.get(key)
    if (connection === undefined) {
      this.onFailed(endpoint, now, error)
      return
    }
    this.#connections.delete(key)
    const left = this.connectionCountOf(endpoint.host) - 1
    if (left === 0) this.#connectionsByHost.delete(endpoint.host)
    else this.#connectionsByHost.set(endpoint.host, left)
    const { entry } = connection
    if (entry === undefined) return
    this.#onEntryDisconnected(entry)
    if (now - connection.since < GOOD_CONNECTION_MS) {
      this.#scheduleRetry(entry, now, error)
      return
    }
    entry.failures = 0
    entry.hasBeenGood = true
    this.#retryAfter(entry, now, error?.code === 'PEER_USELESS' ? USELESS_NOW_MS : FIRST_RETRY_MS)
  }

  /** We dialled ourselves: never again. */
  onSelf(endpoint: Endpoint): void {
    const key = keyOf(endpoint)
    this.#forget(endpoint)
    this.#selves.add(key)
    forgetOldest(this.#selves, MAX_BANS)
  }

  /** Never again; the whole address once it was banned often enough. */
  ban(endpoint: Endpoint, peerId?: Uint8Array): void {
    const { host } = endpoint
    const entry = this.#connections.get(keyOf(endpoint))?.entry
    for (const banned of [endpoint, entry]) {
      if (banned === undefined) continue
      this.#bans.add(keyOf(banned))
      this.#forget(banned)
    }
    if (peerId !== undefined) this.#bans.add(peerIdKey(peerId))
    forgetOldest(this.#bans, 3 * MAX_BANS)
    const bans = (this.#bansByHost.get(host) ?? 0) + 1
    this.#bansByHost.delete(host)
    this.#bansByHost.set(host, bans)
    forgetOldest(this.#bansByHost, MAX_BANS)
    if (bans < this.#bansPerAddress) return
    for (const entry of this.#entries.values()) if (entry.host === host) this.#forget(entry)
  }

  isBanned(endpoint: Endpoint, peerId?: Uint8Array): boolean {
    return (
      (this.#bansByHost.get(endpoint.host) ?? 0) >= this.#bansPerAddress ||
      this.#bans.has(keyOf(endpoint)) ||
      (peerId !== undefined && this.#bans.has(peerIdKey(peerId)))
    )
  }

  /** Open connections with this address, in either direction. */
  connectionCountOf(host: string): number {
    return this.#connectionsByHost.get(host) ?? 0
  }

  #onEntryConnected(entry: Entry): void {
    if (entry.connections === 0) this.#connectedCount++
    entry.connections++
  }

  #onEntryDisconnected(entry: Entry): void {
    entry.connections--
    if (entry.connections > 0 || this.#entries.get(keyOf(entry)) !== entry) return
    this.#connectedCount--
    const isOverfull = this.#entries.size - this.#connectedCount > this.#maxPeers
    if (isOverfull && !entry.sources.has('manual')) this.#forget(entry)
  }

  #forget(endpoint: Endpoint): void {
    const key = keyOf(endpoint)
    if (this.#entries.get(key)?.isConnected === true) this.#connectedCount--
    this.#entries.delete(key)
  }

  #scheduleRetry(entry: Entry, now: number, error: EngineError | undefined): void {
    if (error !== undefined && BLAMELESS.has(error.code)) {
      this.#retryAfter(entry, now, USELESS_NOW_MS)
      return
    }
    entry.failures++
    // Another torrent lives there, or something that is no peer: it will hardly change in seconds.
    const isHopeless = error?.code === 'PEER_UNKNOWN_TORRENT' || error?.code === 'PEER_MISBEHAVED'
    const longest = entry.hasBeenGood && !isHopeless ? MAX_RETRY_AFTER_SUCCESS_MS : MAX_RETRY_MS
    const delay = isHopeless ? MAX_RETRY_MS : Math.min(FIRST_RETRY_MS * 2 ** (entry.failures - 1), longest)
    this.#retryAfter(entry, now, delay)
  }

  /** After three to five quarters of the delay, so that what failed together does not come back together. */
  #retryAfter(entry: Entry, now: number, delayMs: number): void {
    entry.retryAt = now + (delayMs * (750 + this.#randomBelow(501))) / 1000
    this.#nobodyBefore = Math.min(this.#nobodyBefore, entry.retryAt)
  }

  /** Forgets the worst address that is not in use, if it is worse than a newcomer. */
  #makeRoom(source: PeerSource): boolean {
    let worst: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (entry.isDialling || entry.connections > 0 || entry.sources.has('manual')) continue
      if (worst === undefined || isBetter(worst, entry)) worst = entry
    }
    if (worst === undefined || (worst.failures === 0 && source !== 'manual')) return false
    this.#forget(worst)
    return true
  }

  #priorityOf(endpoint: Endpoint): number {
    const priority = this.#ours === undefined ? undefined : canonicalPriority(this.#ours, endpoint)
    return priority ?? this.#randomBelow(0x7fffffff) * 2
  }
}

function isBetter(entry: Entry, other: Entry): boolean {
  const isManual = entry.sources.has('manual')
  if (isManual !== other.sources.has('manual')) return isManual
  if (entry.failures !== other.failures) return entry.failures < other.failures
  if ((entry.lastTriedAt === undefined) !== (other.lastTriedAt === undefined)) return entry.lastTriedAt === undefined
  return entry.priority > other.priority
}

function keyOf({ host, port }: Endpoint): string {
  return `${host} ${port}`
}

function peerIdKey(peerId: Uint8Array): string {
  return `id ${peerId.join()}`
}

function forgetOldest(memory: Set<string> | Map<string, unknown>, limit: number): void {
  for (const oldest of memory.keys()) {
    if (memory.size <= limit) return
    memory.delete(oldest)
  }
}
