import { ApiCalls, page } from './api-calls.ts'
import { hubUrl } from './client-error.ts'
import {
  AddedTorrent,
  type AddTorrent,
  type ConnectHub,
  Creation,
  DaemonFacts,
  DaemonSettings,
  type DaemonSettingsChange,
  type Fetch,
  HistoryPoint,
  HubItem,
  type HubSignIn,
  LogLine,
  type MoveTorrent,
  type NewCreation,
  PeerItem,
  PlayerKey,
  Publication,
  type Publish,
  type RemoveQuery,
  type TorrentAction,
  type TorrentChange,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  Totals,
  TrackerItem,
} from './daemon-api.ts'
import { type FileEntry, type FileListQuery, FilePage, type PeerAddress, PeerEntry, PieceHolders, Ping } from './hub-api.ts'
import { THIS_PLATFORM, type WebAbortSignal, type WebPlatform } from './web-platform.ts'

export interface DaemonClientOptions {
  readonly url: string
  /** As it stands in the daemon's file on this machine. */
  readonly token: string
  /** For one call; what hashes or moves data has no such bound. */
  readonly timeoutMs?: number
  readonly platform?: WebPlatform
}

/** A busy disk may keep the daemon from answering for a while; a person gives up later than this. */
const DEFAULT_TIMEOUT_MS = 30_000
/** Hashing what is published takes as long as it takes. */
const NO_TIMEOUT = { timeoutMs: Number.POSITIVE_INFINITY } as const

const TorrentPage = page(TorrentItem)
const TorrentFilePage = page(TorrentFileItem)
const PeerItemPage = page(PeerItem)
const TrackerPage = page(TrackerItem)
const LogPage = page(LogLine)
const HistoryPage = page(HistoryPoint)
const CreationPage = page(Creation)
const HubPage = page(HubItem)
const PublicationPage = page(Publication)
const PeerPage = page(PeerEntry)

/**
 * The API of the peer's daemon as functions. A torrent's id is its info hash, a hub's comes from `hubs`.
 *
 * Every function throws {ProblemError} for what the daemon, or the hub behind it, refuses, {ClientError} where there was no
 * usable answer, and the signal's reason when it was cancelled.
 */
export class DaemonClient {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string
  readonly platform: WebPlatform
  readonly #calls: ApiCalls

  /** @throws {ClientError} `HUB_URL` */
  constructor({ url, token, timeoutMs = DEFAULT_TIMEOUT_MS, platform = THIS_PLATFORM }: DaemonClientOptions) {
    this.url = hubUrl(url)
    this.token = token
    this.platform = platform
    this.#calls = new ApiCalls({ kind: 'daemon', url: this.url, token, timeoutMs, platform })
  }

  facts(signal?: WebAbortSignal): Promise<DaemonFacts> {
    return this.#calls.call('GET', '/v1/daemon', { reply: DaemonFacts, signal })
  }

  /** Answers when stopping has begun; its process ends within seconds. */
  async stop(signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('POST', '/v1/daemon/stop', { signal })
  }

  settings(signal?: WebAbortSignal): Promise<DaemonSettings> {
    return this.#calls.call('GET', '/v1/settings', { reply: DaemonSettings, signal })
  }

  changeSettings(change: DaemonSettingsChange, signal?: WebAbortSignal): Promise<DaemonSettings> {
    return this.#calls.call('PATCH', '/v1/settings', { body: change, reply: DaemonSettings, signal })
  }

  /** `day` has a point a minute, `year` one an hour. */
  async history(span: 'day' | 'year', signal?: WebAbortSignal): Promise<readonly HistoryPoint[]> {
    return this.#calls.every('/v1/history', HistoryPage, signal, { span })
  }

  // --- torrents ---------------------------------------------------------------------------------------------------

  async torrents(signal?: WebAbortSignal): Promise<readonly TorrentItem[]> {
    return this.#calls.every('/v1/torrents', TorrentPage, signal)
  }

  torrent(id: string, signal?: WebAbortSignal): Promise<TorrentDetail> {
    return this.#calls.call('GET', torrentPath(id), { reply: TorrentDetail, signal })
  }

  async torrentFiles(id: string, signal?: WebAbortSignal): Promise<readonly TorrentFileItem[]> {
    return this.#calls.every(`${torrentPath(id)}/files`, TorrentFilePage, signal)
  }

  async torrentPeers(id: string, signal?: WebAbortSignal): Promise<readonly PeerItem[]> {
    return this.#calls.every(`${torrentPath(id)}/peers`, PeerItemPage, signal)
  }

  async trackers(id: string, signal?: WebAbortSignal): Promise<readonly TrackerItem[]> {
    return this.#calls.every(`${torrentPath(id)}/trackers`, TrackerPage, signal)
  }

  async log(id: string, signal?: WebAbortSignal): Promise<readonly LogLine[]> {
    return this.#calls.every(`${torrentPath(id)}/log`, LogPage, signal)
  }

  /** An address of a .torrent file is fetched before it answers. */
  add(torrent: AddTorrent, signal?: WebAbortSignal): Promise<AddedTorrent> {
    return this.#calls.call('POST', '/v1/torrents', { body: torrent, reply: AddedTorrent, signal, timeoutMs: 60_000 })
  }

  change(id: string, change: TorrentChange, signal?: WebAbortSignal): Promise<TorrentItem> {
    return this.#calls.call('PATCH', torrentPath(id), { body: change, reply: TorrentItem, signal })
  }

  act(id: string, action: TorrentAction, signal?: WebAbortSignal): Promise<TorrentItem> {
    return this.#calls.call('POST', `${torrentPath(id)}/${action}`, { reply: TorrentItem, signal })
  }

  /** Answers when moving has begun. */
  move(id: string, where: MoveTorrent, signal?: WebAbortSignal): Promise<TorrentItem> {
    return this.#calls.call('POST', `${torrentPath(id)}/move`, { body: where, reply: TorrentItem, signal })
  }

  remove(id: string, { data }: RemoveQuery, signal?: WebAbortSignal): Promise<Totals> {
    return this.#calls.call('DELETE', torrentPath(id), { query: { data }, reply: Totals, signal })
  }

  /** For players: `?key=` behind the address of a file of this torrent. */
  playerKey(id: string, signal?: WebAbortSignal): Promise<PlayerKey> {
    return this.#calls.call('POST', `${torrentPath(id)}/player-keys`, { reply: PlayerKey, signal })
  }

  /** Where a file's bytes are read, with ranges; who reads needs the token as well. */
  contentUrl(file: TorrentFileItem): string {
    return this.url + file.contentUrl
  }

  // --- making torrents --------------------------------------------------------------------------------------------

  /** Answers when hashing has begun. */
  create(creation: NewCreation, signal?: WebAbortSignal): Promise<Creation> {
    return this.#calls.call('POST', '/v1/creations', { body: creation, reply: Creation, signal })
  }

  async creations(signal?: WebAbortSignal): Promise<readonly Creation[]> {
    return this.#calls.every('/v1/creations', CreationPage, signal)
  }

  creation(id: string, signal?: WebAbortSignal): Promise<Creation> {
    return this.#calls.call('GET', `/v1/creations/${encodeURIComponent(id)}`, { reply: Creation, signal })
  }

  async cancelCreation(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', `/v1/creations/${encodeURIComponent(id)}`, { signal })
  }

  // --- hubs -------------------------------------------------------------------------------------------------------

  async hubs(signal?: WebAbortSignal): Promise<readonly HubItem[]> {
    return this.#calls.every('/v1/hubs', HubPage, signal)
  }

  connect(hub: ConnectHub, signal?: WebAbortSignal): Promise<HubItem> {
    return this.#calls.call('POST', '/v1/hubs', { body: hub, reply: HubItem, signal })
  }

  async forgetHub(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', hubPath(id), { signal })
  }

  signIn(id: string, who: HubSignIn, signal?: WebAbortSignal): Promise<HubItem> {
    return this.#calls.call('POST', `${hubPath(id)}/session`, { body: who, reply: HubItem, signal })
  }

  register(id: string, who: HubSignIn, signal?: WebAbortSignal): Promise<HubItem> {
    return this.#calls.call('POST', `${hubPath(id)}/account`, { body: who, reply: HubItem, signal })
  }

  async signOut(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', `${hubPath(id)}/session`, { signal })
  }

  /** Answers when the hub has it. */
  publish(what: Publish, signal?: WebAbortSignal): Promise<Publication> {
    return this.#calls.call('POST', '/v1/publications', { body: what, reply: Publication, signal, ...NO_TIMEOUT })
  }

  async publications(signal?: WebAbortSignal): Promise<readonly Publication[]> {
    return this.#calls.every('/v1/publications', PublicationPage, signal)
  }

  async unpublish(hub: string, name: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', `/v1/publications/${encodeURIComponent(hub)}/${encodeURIComponent(name)}`, { signal })
  }

  /** Answers when the transfer has begun. */
  fetch(what: Fetch, signal?: WebAbortSignal): Promise<TorrentItem> {
    return this.#calls.call('POST', '/v1/fetches', { body: what, reply: TorrentItem, signal, timeoutMs: 60_000 })
  }

  // --- what a hub says, through the daemon and as its account --------------------------------------------------------

  hubFiles(hub: string, query: FileListQuery, signal?: WebAbortSignal): Promise<FilePage> {
    return this.#calls.call('GET', `${hubPath(hub)}/files`, { query, reply: FilePage, signal })
  }

  async hubPeers(hub: string, signal?: WebAbortSignal): Promise<readonly PeerEntry[]> {
    return this.#calls.every(`${hubPath(hub)}/peers`, PeerPage, signal)
  }

  /** What the peer of that id shares. */
  async hubPeerFiles(hub: string, host: string, signal?: WebAbortSignal): Promise<readonly FileEntry[]> {
    return this.#calls.every(`${hubPath(hub)}/files`, FilePage, signal, { host })
  }

  hubPieces(hub: string, infoHash: string, signal?: WebAbortSignal): Promise<PieceHolders> {
    return this.#calls.call('GET', `${hubPath(hub)}/pieces`, { query: { infoHash }, reply: PieceHolders, signal })
  }

  ping(hub: string, address: PeerAddress, signal?: WebAbortSignal): Promise<Ping> {
    return this.#calls.call('POST', `${hubPath(hub)}/pings`, { body: address, reply: Ping, signal })
  }
}

function torrentPath(id: string): string {
  return `/v1/torrents/${encodeURIComponent(id)}`
}

function hubPath(id: string): string {
  return `/v1/hubs/${encodeURIComponent(id)}`
}
