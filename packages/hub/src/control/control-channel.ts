import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CONTROL_FRAME_BYTES, CONTROL_HEARTBEAT_MS, type PeerMessage } from '@shoal/api/control-channel'
import type { HubEvent } from '@shoal/api/hub-api'
import { spansOfMap } from '@shoal/api/piece-map'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import { WebSocketServer } from 'ws'
import type { HubSystem } from '../system.ts'
import { type ConnectedHost, entryHostOf } from './connected-host.ts'
import { type Admission, ControlConnection, type ControlOwner } from './control-connection.ts'
import type { HostFacts } from './host-store.ts'
import { type HeldMap, PieceMaps, piecesIn } from './piece-maps.ts'
import { Presence } from './presence.ts'
import { Publishers } from './publishers.ts'

export type PublishMessage = Extract<PeerMessage, { type: 'publish' }>

/** What peers want of the catalogue. */
export interface Publishing {
  /** @throws {ProblemError} why not */
  publish(host: ConnectedHost, message: PublishMessage): Promise<{ readonly entryId: string; readonly infoHash: string }>
  /** @throws {ProblemError} `NOT_FOUND` */
  withdraw(host: ConnectedHost, name: string): Promise<void>
  publishedBy(hostId: string): Promise<readonly { readonly name: string; readonly infoHash: string }[]>
  /** undefined for a torrent that nobody has published. */
  pieceCountOf(infoHash: string): Promise<number | undefined>
}

/** Where hosts are remembered. */
export interface HostMemory {
  remember(hostKey: string, facts: HostFacts): Promise<string>
  touch(ids: readonly string[]): Promise<void>
}

export interface ControlChannelOptions {
  readonly system: HubSystem
  readonly hosts: HostMemory
  readonly publishing: Publishing
  hubName(): string
  /** Who came and went; and of watched torrents, who has which pieces. */
  onEvent(event: HubEvent): void
  /** Somebody has other pieces than before: at most once in a second and torrent. */
  onPiecesChanged?(infoHash: string): void
  onBug(error: unknown): void
  /** Connections at once. */
  readonly maxConnections?: number
  readonly maxConnectionsPerAddress?: number
}

const TICK_MS = 1_000
/** How often the account behind a connection is looked at again, and `last_seen_at` written. */
const RECHECK_MS = 60_000
const TOUCH_MS = 3_600_000
/** Piece counts that are remembered. */
const MAX_PIECE_COUNTS = 20_000
const MAX_CONNECTIONS = 10_000
const MAX_CONNECTIONS_PER_ADDRESS = 1_000

/**
 * The hub's side of the control channel: who is connected, what they publish, which pieces they have. The rules of one
 * connection are in `control-connection`.
 */
export class ControlChannel implements ControlOwner {
  readonly presence: Presence = new Presence()
  readonly maps: PieceMaps = new PieceMaps()
  readonly memory = { waitingBytes: 0 }
  readonly #options: ControlChannelOptions
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: CONTROL_FRAME_BYTES,
    clientTracking: false,
  })
  readonly #connections = new Set<ControlConnection>()
  readonly #byHost = new Map<string, ControlConnection>()
  readonly #publishers = new Publishers()
  /** How many event streams look at a torrent. */
  readonly #watchers = new Map<string, number>()
  readonly #pieceCounts = new Map<string, number>()
  /** Since the last tick: torrents with other maps, and in those that are watched, whose. */
  readonly #changed = new Map<string, Set<string>>()
  /** Hosts whose `last_seen_at` is to be written at the next tick. */
  readonly #seen = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #lastPingAt = 0
  #lastRecheckAt: number
  #lastTouchAt: number
  #isClosed = false

  constructor(options: ControlChannelOptions) {
    this.#options = options
    this.#lastRecheckAt = options.system.now()
    this.#lastTouchAt = this.#lastRecheckAt
  }

  /** Ticks by itself from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.onTick(), TICK_MS).unref()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const connection of this.#connections) connection.goodbye('STOPPING', 'The hub stops. Try again in a while')
    // a peer that does not answer the close frame would keep its socket for 30 s
    for (const connection of this.#connections) connection.terminate()
    this.#sockets.close()
  }

  /** Takes over a connection whose upgrade the web door has admitted. @throws {ProblemError} `BUSY` */
  accept(request: IncomingMessage, socket: Duplex, head: Uint8Array, admission: Admission): void {
    const { maxConnections = MAX_CONNECTIONS, maxConnectionsPerAddress = MAX_CONNECTIONS_PER_ADDRESS } = this.#options
    if (this.#isClosed) throw new ProblemError('BUSY', 'The hub stops. Try again in a while')
    const ofAddress = [...this.#connections].filter(({ admission: { caller } }) => caller.ip === admission.caller.ip).length
    if (this.#connections.size >= maxConnections || ofAddress >= maxConnectionsPerAddress) {
      throw new ProblemError('BUSY', 'Too many peers are connected to this hub, or from this address. Try again later')
    }
    this.#sockets.handleUpgrade(request, socket, Buffer.from(head), (webSocket) => {
      this.#connections.add(new ControlConnection(webSocket, socket as Socket, admission, this, this.#options.system))
    })
  }

  connectionOf(hostId: string): ControlConnection | undefined {
    return this.#byHost.get(hostId)
  }

  /** Maps of one torrent, with who they are of. */
  holdersOf(infoHash: string): { host: ConnectedHost; map: string }[] {
    return this.maps.of(infoHash).flatMap(({ hostId, map }: HeldMap) => {
      const host = this.presence.get(hostId)
      return host === undefined ? [] : [{ host, map }]
    })
  }

  /** Somebody looks at the torrent: those who have some of it tell more often. As many calls of `unwatch` end it. */
  watch(infoHash: string): void {
    const watchers = this.#watchers.get(infoHash) ?? 0
    this.#watchers.set(infoHash, watchers + 1)
    if (watchers === 0) for (const connection of this.#holding(infoHash)) tellWatch(connection, infoHash)
  }

  unwatch(infoHash: string): void {
    const watchers = this.#watchers.get(infoHash) ?? 0
    if (watchers > 1) {
      this.#watchers.set(infoHash, watchers - 1)
      return
    }
    this.#watchers.delete(infoHash)
    for (const connection of this.#byHost.values()) {
      if (connection.watched.delete(infoHash)) connection.send({ type: 'unwatch', infoHash })
    }
  }

  async onHello(connection: ControlConnection, hello: Extract<PeerMessage, { type: 'hello' }>): Promise<void> {
    const { caller } = connection.admission
    const version = cleanText(hello.version, 60)
    const wanted = hello.name.normalize('NFC')
    let hostId: string
    let published: Awaited<ReturnType<Publishing['publishedBy']>>
    try {
      const facts = { name: wanted, ip: caller.ip, port: hello.port, version, accountId: caller.accountId }
      hostId = await this.#options.hosts.remember(hello.hostKey, facts)
      published = await this.#options.publishing.publishedBy(hostId)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      connection.goodbye('BUSY', error.message)
      return
    }
    if (!connection.isOpen) return
    const earlier = this.#byHost.get(hostId)
    this.#byHost.set(hostId, connection)
    if (earlier !== undefined) {
      earlier.goodbye('REPLACED', 'This host has connected again')
      // what it had before its restart it may have no longer; it tells anew
      for (const infoHash of this.maps.dropHost(hostId)) this.#touchMaps(infoHash)
    }
    const host: ConnectedHost = {
      id: hostId,
      name: this.presence.nameFor(hostId, wanted),
      ip: caller.ip,
      port: hello.port,
      version,
      caller,
      connectedAt: this.#options.system.wallClock(),
    }
    connection.host = host
    for (const { name, infoHash } of published) this.#publishers.add(connection, name, infoHash)
    this.presence.set(host)
    connection.send({ type: 'welcome', hostId, name: host.name, ip: host.ip, hubName: this.#options.hubName(), published: [...published] })
    this.#options.onEvent({ type: 'peer-connected', peer: entryHostOf(host) })
    for (const infoHash of this.#watchers.keys()) if (this.#publishers.of(infoHash).has(connection)) tellWatch(connection, infoHash)
  }

  async onCall(
    connection: ControlConnection,
    host: ConnectedHost,
    message: Extract<PeerMessage, { type: 'publish' | 'withdraw' }>,
  ): Promise<void> {
    const { call } = message
    try {
      const caller = await connection.admission.callerNow()
      if (!caller.may('files:publish')) {
        throw new ProblemError('FORBIDDEN', 'Publishing needs the permission files:publish, which this account or its token does not have')
      }
      if (message.type === 'publish') {
        const { entryId, infoHash } = await this.#options.publishing.publish(host, message)
        if (connection.isOpen) this.#publishers.add(connection, message.name, infoHash)
        connection.send({ type: 'done', call, entryId })
        if (this.#watchers.has(infoHash)) tellWatch(connection, infoHash)
        this.#touchMaps(infoHash)
      } else {
        await this.#options.publishing.withdraw(host, message.name)
        this.#publishers.remove(connection, message.name)
        connection.send({ type: 'done', call })
      }
    } catch (error) {
      if (!(error instanceof ProblemError)) this.#options.onBug(error)
      const problem =
        error instanceof ProblemError ? error : new ProblemError('BUG', 'Something went wrong inside the hub, not in this message')
      connection.send({ type: 'refused', call, problem: problemOf(problem) })
    }
  }

  onPieces(connection: ControlConnection, host: ConnectedHost, { infoHash, map }: Extract<PeerMessage, { type: 'pieces' }>): void {
    const pieceCount = this.#pieceCounts.get(infoHash)
    if (pieceCount !== undefined) {
      this.#takeMap(connection, host, { infoHash, map, pieceCount })
      return
    }
    this.#options.publishing
      .pieceCountOf(infoHash)
      .then((count) => {
        // Of what nobody has published, nobody asks.
        if (count === undefined) return
        this.#pieceCounts.set(infoHash, count)
        if (this.#pieceCounts.size > MAX_PIECE_COUNTS)
          for (const oldest of this.#pieceCounts.keys()) {
            this.#pieceCounts.delete(oldest)
            break
          }
        if (connection.isOpen) this.#takeMap(connection, host, { infoHash, map, pieceCount: count })
      })
      .catch((error: unknown) => {
        // The database is busy: the peer tells again within seconds.
        if (!(error instanceof ProblemError)) this.#options.onBug(error)
      })
  }

  onClosed(connection: ControlConnection): void {
    this.#connections.delete(connection)
    this.#publishers.drop(connection)
    const { host } = connection
    if (host === undefined || this.#byHost.get(host.id) !== connection) return
    this.#byHost.delete(host.id)
    this.presence.remove(host.id)
    for (const infoHash of this.maps.dropHost(host.id)) this.#touchMaps(infoHash)
    this.#options.onEvent({ type: 'peer-gone', peer: { ...entryHostOf(host), isOnline: false } })
    this.#seen.add(host.id)
  }

  onBug(error: unknown): void {
    this.#options.onBug(error)
  }

  /** Once a second; public for tests, which own the clock. */
  onTick(): void {
    const now = this.#options.system.now()
    const sendsPing = now - this.#lastPingAt >= CONTROL_HEARTBEAT_MS
    if (sendsPing) this.#lastPingAt = now
    for (const connection of this.#connections) connection.onTick(sendsPing)
    for (const [infoHash, hosts] of this.#changed) this.#tellChanges(infoHash, hosts)
    this.#changed.clear()
    if (now - this.#lastRecheckAt >= RECHECK_MS) {
      this.#lastRecheckAt = now
      this.#recheckAll([...this.#connections])
    }
    if (now - this.#lastTouchAt >= TOUCH_MS) {
      this.#lastTouchAt = now
      for (const hostId of this.#byHost.keys()) this.#seen.add(hostId)
    }
    this.#touchSeen()
  }

  /** The rights of an account have changed, or with undefined those of visitors. */
  recheck(accountId: string | undefined): void {
    const concerned = [...this.#connections].filter(({ admission: { caller } }) => caller.accountId === accountId)
    this.#recheckAll(concerned)
  }

  #takeMap(connection: ControlConnection, host: ConnectedHost, told: { infoHash: string; map: string; pieceCount: number }): void {
    const { infoHash, map, pieceCount } = told
    if (this.#byHost.get(host.id) !== connection) return
    const spans = spansOfMap(map, pieceCount)
    if (spans === undefined) {
      connection.goodbye('MALFORMED', `Cannot read this map: it is none of ${pieceCount} pieces`)
      return
    }
    const have = piecesIn(spans)
    const said = have === pieceCount ? 'all' : have === 0 ? 'none' : map
    if (!this.maps.set(host.id, infoHash, said)) return
    this.#touchMaps(infoHash, host.id)
    if (this.#watchers.has(infoHash)) tellWatch(connection, infoHash)
  }

  #touchMaps(infoHash: string, hostId?: string): void {
    const hosts = this.#changed.get(infoHash) ?? new Set()
    if (hostId !== undefined) hosts.add(hostId)
    this.#changed.set(infoHash, hosts)
  }

  #tellChanges(infoHash: string, hosts: ReadonlySet<string>): void {
    this.#options.onPiecesChanged?.(infoHash)
    const pieceCount = this.#pieceCounts.get(infoHash)
    if (pieceCount === undefined) return
    for (const connection of this.#publishers.of(infoHash)) this.#tellCopies(connection, infoHash, pieceCount)
    if (!this.#watchers.has(infoHash)) return
    for (const { host, map } of this.holdersOf(infoHash)) {
      if (!hosts.has(host.id)) continue
      const have = piecesIn(spansOfMap(map, pieceCount) ?? [])
      this.#options.onEvent({ type: 'pieces', infoHash, peer: entryHostOf(host), have, map })
    }
  }

  /** A publisher hears when others have it all, too, and when that is no longer so. */
  #tellCopies(connection: ControlConnection, infoHash: string, pieceCount: number): void {
    const { host, toldCopies } = connection
    if (host === undefined) return
    const { elsewhere, isWhole } = this.maps.copiesElsewhere(infoHash, host.id, pieceCount)
    const said = `${elsewhere} ${isWhole}`
    if ((toldCopies.get(infoHash) ?? '0 false') === said) return
    toldCopies.set(infoHash, said)
    connection.send({ type: 'copies', infoHash, elsewhere, mayLeave: isWhole })
  }

  #holding(infoHash: string): ReadonlySet<ControlConnection> {
    const connections = new Set(this.#publishers.of(infoHash))
    for (const { hostId } of this.maps.of(infoHash)) {
      const connection = this.#byHost.get(hostId)
      if (connection !== undefined) connections.add(connection)
    }
    return connections
  }

  /** One after the other, so that ten thousand peers are no crowd before the database. */
  #recheckAll(connections: readonly ControlConnection[]): void {
    const work = async (): Promise<void> => {
      for (const connection of connections) if (connection.isOpen) await recheck(connection)
    }
    work().catch((error: unknown) => this.#options.onBug(error))
  }

  #touchSeen(): void {
    if (this.#seen.size === 0) return
    const ids = [...this.#seen]
    this.#seen.clear()
    this.#options.hosts.touch(ids).catch((error: unknown) => {
      // A moment that is not written down costs nothing; the next is.
      if (!(error instanceof ProblemError)) this.#options.onBug(error)
    })
  }
}

async function recheck(connection: ControlConnection): Promise<void> {
  try {
    const caller = await connection.admission.callerNow()
    if (!caller.may('files:read')) connection.goodbye('NOT_SIGNED_IN', 'This account may no longer use the hub')
  } catch (error) {
    // A database that is busy says nothing of the account.
    if (error instanceof ProblemError && error.status < 500) connection.goodbye('NOT_SIGNED_IN', error.message)
  }
}

function tellWatch(connection: ControlConnection, infoHash: string): void {
  if (connection.watched.has(infoHash)) return
  connection.watched.add(infoHash)
  connection.send({ type: 'watch', infoHash })
}
