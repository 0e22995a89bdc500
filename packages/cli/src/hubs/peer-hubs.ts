import { HubClient } from '@shoal/api/client'
import type { ConnectHub, Fetch, HubItem, HubSignIn, Publication, Publish, TorrentItem } from '@shoal/api/daemon-api'
import {
  type FileEntry,
  type FileListQuery,
  type FilePage,
  NAME_PATTERN,
  type PeerAddress,
  type PeerEntry,
  type PieceHolders,
  type Ping,
} from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import type { HubDesk } from '../daemon/peer-desk.ts'
import { type OpenControlSocket, openControlSocket } from './control-socket.ts'
import { Fetcher } from './fetcher.ts'
import { connectMeasure, type MeasureConnect } from './holder-addresses.ts'
import { hubAddress, shownAddress } from './hub-address.ts'
import { LinkAway, type LinkIdentity } from './hub-link.ts'
import { nameKey } from './hub-name.ts'
import type { HubState, RememberedHub } from './hub-state.ts'
import { openHubStateFile } from './hub-state-file.ts'
import type { HubsWorld } from './hubs-world.ts'
import { KnownHub, type KnownHubOwner, problemOfCall } from './known-hub.ts'
import { Publisher } from './publisher.ts'
import { TrackedTorrents } from './tracked-torrents.ts'

export interface PeerHubsOptions extends Omit<HubsWorld, 'file'> {
  /** Where `hubs.json` is: `<home>/peer`. */
  readonly folder: string
  /** What hubs call this peer if they can, and where it takes connections; `onPeerChanged` when they change. */
  readonly peerName: () => string
  readonly peerPort: () => number
  readonly openSocket?: OpenControlSocket
  readonly measure?: MeasureConnect
  /** For one call of a hub's API. */
  readonly callTimeoutMs?: number
}

/** An answer of `connect` or `login` waits so long for the channel, and then says how it stands. */
const SETTLE_MS = 5_000

/**
 * The hubs of this peer: what it knows of them, what it shares there, and what it fetches from there. Transfers do not need them
 * once they run.
 */
export class PeerHubs implements HubDesk {
  readonly #options: PeerHubsOptions
  readonly #world: HubsWorld
  /** By address. */
  readonly #hubs = new Map<string, KnownHub>()
  readonly #publisher: Publisher
  readonly #fetcher: Fetcher
  readonly #tracked: TrackedTorrents
  #stopListening: () => void = () => {}
  #isClosed = false

  private constructor(options: PeerHubsOptions, world: HubsWorld) {
    this.#options = options
    this.#world = world
    this.#publisher = new Publisher(world)
    this.#tracked = new TrackedTorrents({ torrents: world.torrents, hubs: () => this.#hubs.values() })
    this.#fetcher = new Fetcher({
      ...world,
      measure: options.measure ?? connectMeasure(options.system),
      hubs: () => this.#hubs.values(),
      hubOf: (given) => this.#hubOf(given),
    })
  }

  /**
   * Opens what is remembered of hubs, and connects to all of them. The torrents have to be there already.
   *
   * @throws {HubStateError}
   */
  static async open(options: PeerHubsOptions): Promise<PeerHubs> {
    const { folder, system, notice, emit, shelf, torrents, version } = options
    const file = await openHubStateFile({ folder, system, onNotice: notice })
    for (const note of file.notes) notice(note)
    const hubs = new PeerHubs(options, {
      system,
      shelf,
      torrents,
      version,
      file,
      notice: (text) => notice(text),
      emit: (event) => emit(event),
    })
    hubs.#start()
    return hubs
  }

  /** Says nothing more to anybody; hubs see this peer go. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopListening()
    for (const hub of this.#hubs.values()) hub.link.stop()
    await this.#world.file.close()
  }

  /** Its name or its port is another one. */
  onPeerChanged(): void {
    for (const hub of this.#hubs.values()) hub.link.reconnect()
  }

  // --- hubs -------------------------------------------------------------------------------------------------------

  async listHubs(): Promise<readonly HubItem[]> {
    return [...this.#hubs.values()].map((hub) => this.#item(hub))
  }

  async connectHub({ url: given, isDefault }: ConnectHub): Promise<HubItem> {
    const url = hubAddress(given)
    let hub = this.#hubs.get(url)
    if (hub === undefined) {
      // Before anything is remembered: a wrong address is told at once.
      await this.#client(url)
        .facts()
        .catch((error: unknown) => {
          throw problemOfCall(error)
        })
      hub = this.#hubs.get(url) ?? this.#add(newHub(url))
    }
    if (isDefault === true || this.#state.defaultHub === undefined) this.#state.defaultHub = url
    await hub.refresh().catch((error: unknown) => {
      if (!(error instanceof ProblemError && error.code === 'NOT_CONNECTED')) throw error
    })
    if (hub.link.status.status === 'stopped') hub.link.start()
    else hub.link.retryNow()
    this.#tracked.onNewHub()
    await this.#world.file.save()
    await hub.settled(SETTLE_MS)
    return this.#item(hub)
  }

  async forgetHub(id: string): Promise<void> {
    const hub = this.#hubOf(id)
    await this.#publisher.forgetHub(hub)
    hub.link.stop()
    await hub.leave()
    this.#hubs.delete(hub.url)
    const state = this.#state
    state.hubs = state.hubs.filter((each) => each !== hub.memory)
    state.lonely = state.lonely.filter(({ hubUrl }) => hubUrl !== hub.url)
    if (state.defaultHub === hub.url) {
      const [next] = state.hubs
      if (next === undefined) delete state.defaultHub
      else state.defaultHub = next.url
    }
    await this.#world.file.save()
  }

  async signIn(id: string, { name, password }: HubSignIn): Promise<HubItem> {
    return this.#enter(id, (client) => client.signIn({ name, password }))
  }

  async register(id: string, { name, password, invite }: HubSignIn): Promise<HubItem> {
    return this.#enter(id, (client) => client.register({ name, password, ...(invite !== undefined && { invite }) }))
  }

  async signOut(id: string): Promise<HubItem> {
    const hub = this.#hubOf(id)
    await hub.leave()
    await this.#world.file.save()
    await hub.settled(SETTLE_MS)
    return this.#item(hub)
  }

  // --- sharing and fetching ---------------------------------------------------------------------------------------

  async publish(what: Publish, signal?: AbortSignal): Promise<Publication> {
    return await this.#publisher.publish(this.#hubOf(what.hub), what, signal)
  }

  async unpublish(name: string, hub?: string): Promise<void> {
    await this.#publisher.unpublish(this.#hubOf(hub), name)
  }

  async listPublications(): Promise<readonly Publication[]> {
    return this.#publisher.list(this.#hubs)
  }

  async fetch(what: Fetch, signal?: AbortSignal): Promise<TorrentItem> {
    return await this.#fetcher.fetch(what, signal)
  }

  // --- what a hub says --------------------------------------------------------------------------------------------

  async listHubFiles(query: FileListQuery, hub?: string): Promise<FilePage> {
    return await this.#hubOf(hub).ask((client) => client.files(query))
  }

  async listHubPeers(hub?: string): Promise<readonly PeerEntry[]> {
    return await this.#hubOf(hub).ask((client) => client.peers())
  }

  async listHolders(infoHash: string, hub?: string): Promise<PieceHolders> {
    return await this.#hubOf(hub).ask((client) => client.pieces(infoHash))
  }

  async pingPeer(peer: PeerAddress, hub?: string): Promise<Ping> {
    return await this.#hubOf(hub).ask((client) => client.ping(peer))
  }

  async discover(peer: PeerAddress, given?: string): Promise<readonly FileEntry[]> {
    const hub = this.#hubOf(given)
    const bytes = parseIp(peer.ip)
    const ip = bytes === undefined ? peer.ip : formatIp(bytes)
    const peers = await hub.ask((client) => client.peers())
    const found = peers.find((each) => each.ip === ip && each.port === peer.port)
    if (found !== undefined) return await hub.ask((client) => client.peerFiles(found.id))
    const here = peers.slice(0, 10).map(shownAddress).join(', ')
    const known = here === '' ? 'Nobody is connected there' : `Connected are ${here}`
    throw new ProblemError(
      'NOT_FOUND',
      `No peer at ${shownAddress({ ip: cleanText(ip, 45), port: peer.port })} is connected to ${hub.name}. ${known}`,
    )
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  get #state(): HubState {
    return this.#world.file.state
  }

  #start(): void {
    const { shelf } = this.#world
    for (const memory of this.#state.hubs) {
      memory.fetched = memory.fetched.filter((id) => shelf.find(id) !== undefined)
      this.#know(memory)
    }
    this.#publisher.start()
    for (const hub of this.#hubs.values()) {
      for (const id of [...hub.memory.fetched, ...this.#publisher.torrentsOn(hub.url)]) hub.reporter.add(id)
      hub.link.start()
    }
    this.#stopListening = this.#world.shelf.onChange((ids) => this.#onTorrents(ids))
  }

  #onTorrents(ids: ReadonlySet<string>): void {
    const gone = new Set([...ids].filter((id) => this.#world.shelf.find(id) === undefined))
    if (gone.size > 0) this.#publisher.onGone(gone, this.#hubs)
    this.#fetcher.onChange(ids)
    this.#tracked.onGone(gone)
    this.#tracked.onTorrents([...ids].filter((id) => !gone.has(id)))
    for (const hub of this.#hubs.values()) {
      for (const id of gone) {
        hub.reporter.remove(id)
        hub.memory.fetched = hub.memory.fetched.filter((each) => each !== id)
      }
      hub.reporter.onChange(ids)
    }
  }

  #add(memory: RememberedHub): KnownHub {
    this.#state.hubs.push(memory)
    return this.#know(memory)
  }

  #know(memory: RememberedHub): KnownHub {
    const { system, openSocket = openControlSocket, callTimeoutMs } = this.#options
    const hub = new KnownHub(
      {
        memory,
        system,
        openSocket,
        identity: () => this.#identity(),
        pieces: (infoHash) => this.#world.shelf.piecesOf(infoHash),
        ...(callTimeoutMs !== undefined && { callTimeoutMs }),
      },
      this.#owner,
    )
    this.#hubs.set(memory.url, hub)
    return hub
  }

  readonly #owner: KnownHubOwner = {
    onChange: (hub) => {
      if (this.#isClosed || this.#hubs.get(hub.url) !== hub) return
      if (hub.link.status.status !== 'connected') this.#publisher.onAway(hub)
      this.#world.emit({ type: 'hub', hub: this.#item(hub) })
    },
    onMemory: () => void this.#world.file.save(),
    onWelcome: (hub, welcome) => {
      this.#publisher.onWelcome(hub, welcome).catch((error: unknown) => {
        // It is told anew at the next welcome.
        if (!(error instanceof LinkAway)) this.#world.notice(`${hub.name} could not be told of everything: ${(error as Error).message}`)
      })
      // It may be another hub than it was: its trackers, who may come, what this account may do.
      hub.refresh().catch((error: unknown) => {
        if (!(error instanceof ProblemError)) throw error
      })
    },
    onCopies: (hub, copies) => this.#publisher.onCopies(hub, copies),
    onAnnounceUrls: (hub) => this.#reannounce(hub),
  }

  /** What was made for or fetched from this hub is announced where the hub says now. */
  #reannounce(hub: KnownHub): void {
    const { shelf, torrents } = this.#world
    const lonely = new Set(this.#state.lonely.map(({ torrentId }) => torrentId))
    for (const id of new Set([...hub.memory.fetched, ...this.#publisher.torrentsOn(hub.url)])) {
      if (shelf.find(id) === undefined || lonely.has(id)) continue
      const sharedOn = [...this.#hubs.values()].filter(
        (each) => each.memory.fetched.includes(id) || this.#publisher.torrentsOn(each.url).includes(id),
      )
      const trackers = sharedOn.flatMap(({ memory }) => memory.announceUrls.map((url) => [url]))
      torrents.changeTorrent(id, { trackers }).catch((error: unknown) => {
        this.#world.notice(`${hub.name} has another tracker, and the torrent ${id} does not take it: ${(error as Error).message}`)
      })
    }
  }

  async #enter(id: string, how: Parameters<KnownHub['enter']>[0]): Promise<HubItem> {
    const hub = this.#hubOf(id)
    await hub.enter(how)
    await this.#world.file.save()
    await hub.settled(SETTLE_MS)
    return this.#item(hub)
  }

  /** By id, address or name; without any, the default one. @throws {ProblemError} `NOT_CONNECTED`, `AMBIGUOUS` */
  #hubOf(given: string | undefined): KnownHub {
    if (given === undefined) {
      const hub = this.#hubs.get(this.#state.defaultHub ?? '') ?? this.#hubs.values().next().value
      if (hub !== undefined) return hub
      throw new ProblemError(
        'NOT_CONNECTED',
        'This peer knows no hub. Connect to one first: connect <address>, such as connect 192.168.1.10:6880',
      )
    }
    const hubs = [...this.#hubs.values()]
    const meant = hubs.find(({ id, url }) => id === given || url === given) ?? this.#hubs.get(addressOrNone(given) ?? '')
    if (meant !== undefined) return meant
    const named = hubs.filter(({ name }) => nameKey(name) === nameKey(given))
    if (named.length === 1) return named[0]!
    if (named.length > 1) {
      const choices = named.map(({ url }) => url)
      throw new ProblemError(
        'AMBIGUOUS',
        `${named.length} hubs are named ${JSON.stringify(given)}. Choose by address: ${choices.join(', ')}`,
        { choices },
      )
    }
    const known = hubs.map(({ url }) => url)
    const others = known.length === 0 ? '' : ` It knows ${known.join(', ')}.`
    throw new ProblemError(
      'NOT_CONNECTED',
      `This peer is not connected to ${JSON.stringify(cleanText(given, 200))}.${others} Connect first: connect <address>`,
    )
  }

  #item(hub: KnownHub): HubItem {
    return hub.item(this.#state.defaultHub === hub.url)
  }

  #identity(): LinkIdentity {
    const { version, peerName, peerPort } = this.#options
    return { hostKey: this.#state.hostKey, name: linkName(peerName()), port: peerPort(), version: version.slice(0, 60) }
  }

  #client(url: string): HubClient {
    const { callTimeoutMs } = this.#options
    return new HubClient({ url, ...(callTimeoutMs !== undefined && { timeoutMs: callTimeoutMs }) })
  }
}

function newHub(url: string): RememberedHub {
  return { url, name: '', announceUrls: [], openUrls: [], isMembersOnly: false, mayPublish: false, fetched: [] }
}

function addressOrNone(given: string): string | undefined {
  try {
    return hubAddress(given)
  } catch (error) {
    if (error instanceof ProblemError) return undefined
    throw error
  }
}

/** A name of a machine may have what a name on a hub may not. */
function linkName(given: string): string {
  const pattern = new RegExp(NAME_PATTERN, 'u')
  const name = cleanText(given, 40)
  if (pattern.test(name)) return name
  const bare = name.replace(/[^\p{L}\p{M}\p{N} ._-]+/gu, '-').replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{M}\p{N}]+$/gu, '')
  return pattern.test(bare) ? bare : 'peer'
}
