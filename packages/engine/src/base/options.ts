/** Settings of one connection to a peer. SAFETY W3, W7: every wait and every queue has an end. */
export interface ConnectionOptions {
  /** From connect to the other side's whole handshake. */
  readonly handshakeTimeoutMs: number
  /** Silence after which a peer is given up. Others send keep-alives every two minutes at the latest (BEP 3). */
  readonly idleTimeoutMs: number
  /** Our own silence after which we send a keep-alive: below the idle limit of others. */
  readonly keepAliveIntervalMs: number
  /** Blocks a peer may have waiting with us; what comes on top is rejected. Announced as `reqq`. */
  readonly maxQueuedRequests: number
  /** Bytes of small messages that may wait for a peer that does not read, before it is dropped. */
  readonly maxUnsentBytes: number
}

export const DEFAULT_CONNECTION_OPTIONS: Readonly<ConnectionOptions> = Object.freeze({
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  keepAliveIntervalMs: 90_000,
  // 32 MiB on their way: what keeps 1 Gbit/s busy over 250 ms there and back.
  maxQueuedRequests: 2_000,
  maxUnsentBytes: 4 * 1024 * 1024,
})

/** Settings of one swarm: how many peers, and whom we upload to. */
export interface SwarmOptions {
  /** Connections of one torrent, both directions together. */
  readonly maxConnections: number
  /** Once half of them are taken: how many one address may hold (SAFETY W8). */
  readonly crowdedPerAddress: number
  /** Connections being opened at the same time. */
  readonly maxDialing: number
  readonly dialTimeoutMs: number
  /** Peers we upload to by merit (BEP 3 has four). */
  readonly unchokeSlots: number
  /** How often merit is weighed again. BEP 3 says ten seconds. */
  readonly rechokeIntervalMs: number
  /** How long one peer is the optimistic one. BEP 3 says thirty seconds. */
  readonly optimisticIntervalMs: number
  /** Pieces a choked newcomer may fetch all the same (BEP 6, allowed fast). */
  readonly allowedFastPieces: number
  /** Bans from one address after which the whole address is refused: several peers may share one behind a router. */
  readonly bansPerAddress: number
}

export const DEFAULT_SWARM_OPTIONS: Readonly<SwarmOptions> = Object.freeze({
  maxConnections: 200,
  crowdedPerAddress: 8,
  maxDialing: 20,
  dialTimeoutMs: 10_000,
  unchokeSlots: 4,
  rechokeIntervalMs: 10_000,
  optimisticIntervalMs: 30_000,
  allowedFastPieces: 5,
  bansPerAddress: 3,
})

/** Settings of a session: one program's share of the network, the disk and the memory. */
export interface SessionOptions {
  /** Where resume data lives; undefined keeps nothing between runs. */
  readonly stateDir: string | undefined
  /** First port to try; the next free one up to `lastListenPort` is taken when others hold it. 0: any. */
  readonly listenPort: number
  readonly lastListenPort: number
  /** The interface to listen on; undefined is every one, IPv4 and IPv6. */
  readonly host: string | undefined
  /** Ceilings for all torrents together; `Infinity` is no ceiling. */
  readonly uploadRateBytesPerSecond: number
  readonly downloadRateBytesPerSecond: number
  /** Connections of all torrents together. `createSession` keeps below it what sockets the process may have open. */
  readonly maxConnections: number
  /** Peers in networks of our own go past the ceilings of rates, also those of single torrents. */
  readonly lanIsUnlimited: boolean
  /** Memory for unfinished pieces of one torrent. At least four pieces are held, whatever this says. */
  readonly pieceMemoryBytes: number
  /** How long `stop` waits for trackers to hear of it. */
  readonly stopTimeoutMs: number
  readonly connection: ConnectionOptions
  readonly swarm: SwarmOptions
}

export const DEFAULT_SESSION_OPTIONS: Readonly<SessionOptions> = Object.freeze({
  stateDir: undefined,
  listenPort: 6881,
  lastListenPort: 6999,
  host: undefined,
  uploadRateBytesPerSecond: Number.POSITIVE_INFINITY,
  downloadRateBytesPerSecond: Number.POSITIVE_INFINITY,
  maxConnections: 500,
  lanIsUnlimited: false,
  // Touched only as far as it is needed: one fast peer needs 3 MiB, twenty of mixed speed 50 with pieces of 1 MiB.
  pieceMemoryBytes: 64 * 1024 * 1024,
  stopTimeoutMs: 3_000,
  connection: DEFAULT_CONNECTION_OPTIONS,
  swarm: DEFAULT_SWARM_OPTIONS,
})
