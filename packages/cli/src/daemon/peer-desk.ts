import type {
  AddedTorrent,
  AddTorrent,
  ConnectHub,
  Creation,
  DaemonEvent,
  DaemonFacts,
  DaemonSettings,
  DaemonSettingsChange,
  Fetch,
  HistoryPoint,
  HubItem,
  HubSignIn,
  LogLine,
  MoveTorrent,
  NewCreation,
  PeerItem,
  Publication,
  Publish,
  RemoveQuery,
  TorrentAction,
  TorrentChange,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  Totals,
  TrackerItem,
} from '@shoal/api/daemon-api'
import type { FileEntry, FileListQuery, FilePage, PeerAddress, PeerEntry, PieceHolders, Ping } from '@shoal/api/hub-api'

/**
 * Everything that can be asked of a peer, once: the HTTP routes, the shell and the tests call the same methods, in the words of
 * daemon-api. What is refused is thrown as a `ProblemError`.
 */
export interface PeerDesk extends TorrentDesk, HubDesk {
  /** News of torrents, hubs, creations and the daemon, until the answer is called. Torrents come at most four times a second. */
  subscribe(listener: (event: DaemonEvent) => void): () => void
}

/** The torrents of this peer, and the daemon that holds them. An id is the info hash, 40 hex digits. */
export interface TorrentDesk {
  listTorrents(): Promise<readonly TorrentItem[]>
  showTorrent(id: string): Promise<TorrentDetail>
  listTorrentFiles(id: string): Promise<readonly TorrentFileItem[]>
  listTorrentPeers(id: string): Promise<readonly PeerItem[]>
  listTrackers(id: string): Promise<readonly TrackerItem[]>
  /** See piece-map. */
  showPieces(id: string): Promise<string>
  /** `pieces` events of this torrent, until the answer is called. */
  watchPieces(id: string): () => void
  readLog(id: string): Promise<readonly LogLine[]>
  /** The .torrent file. Refused while the metadata of a magnet link is missing. */
  readMetainfo(id: string): Promise<Uint8Array>
  openContent(id: string, fileIndex: number): Promise<FileContent>

  /** One that is here already gets the new trackers and peers, and `notes` say so. `signal` ends fetching of a .torrent address. */
  addTorrent(what: AddTorrent, signal?: AbortSignal): Promise<AddedTorrent>
  changeTorrent(id: string, change: TorrentChange): Promise<TorrentItem>
  actOnTorrent(id: string, action: TorrentAction): Promise<TorrentItem>
  /** Answers when moving has begun; `status` and `workProgress` tell the rest. */
  moveTorrent(id: string, where: MoveTorrent): Promise<TorrentItem>
  removeTorrent(id: string, how: RemoveQuery): Promise<Totals>

  /** Answers when hashing has begun; `creation` events and `showCreation` tell the rest. */
  startCreation(what: NewCreation): Promise<Creation>
  listCreations(): Promise<readonly Creation[]>
  showCreation(id: string): Promise<Creation>
  cancelCreation(id: string): Promise<Creation>

  readSettings(): Promise<DaemonSettings>
  changeSettings(change: DaemonSettingsChange): Promise<DaemonSettings>
  showFacts(): Promise<DaemonFacts>
  /** `day` has a point a minute, `year` one an hour. */
  readHistory(span: 'day' | 'year'): Promise<readonly HistoryPoint[]>
}

/** The hubs of this peer. `hub` is an id or an address; absent is the default one. */
export interface HubDesk {
  listHubs(): Promise<readonly HubItem[]>
  connectHub(what: ConnectHub): Promise<HubItem>
  forgetHub(id: string): Promise<void>
  signIn(id: string, who: HubSignIn): Promise<HubItem>
  register(id: string, who: HubSignIn): Promise<HubItem>
  signOut(id: string): Promise<HubItem>

  /** Answers when the hub has it. */
  publish(what: Publish, signal?: AbortSignal): Promise<Publication>
  unpublish(name: string, hub?: string): Promise<void>
  listPublications(): Promise<readonly Publication[]>
  /** Answers when the transfer has begun. */
  fetch(what: Fetch, signal?: AbortSignal): Promise<TorrentItem>

  listHubFiles(query: FileListQuery, hub?: string): Promise<FilePage>
  listHubPeers(hub?: string): Promise<readonly PeerEntry[]>
  /** Who has which pieces of a torrent. */
  listHolders(infoHash: string, hub?: string): Promise<PieceHolders>
  pingPeer(peer: PeerAddress, hub?: string): Promise<Ping>
  /** What one peer shares. */
  discover(peer: PeerAddress, hub?: string): Promise<readonly FileEntry[]>
}

/** One file of a torrent, readable also while it is not complete: what is read next is fetched first. */
export interface FileContent {
  readonly name: string
  readonly size: number
  /** The same for the same bytes: for ETag. */
  readonly version: string
  /** `end` is excluded. Ends with an error when the torrent is paused or removed. */
  read(span: { readonly begin: number; readonly end: number }, signal?: AbortSignal): AsyncIterable<Uint8Array>
}
