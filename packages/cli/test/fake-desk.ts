import type {
  AddedTorrent,
  AddTorrent,
  Creation,
  DaemonEvent,
  DaemonFacts,
  DaemonSettings,
  DaemonSettingsChange,
  HubItem,
  LogLine,
  PeerItem,
  Publication,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  Totals,
  TrackerItem,
} from '@shoal/api/daemon-api'
import type { FileEntry, FilePage, PeerEntry, PieceHolders, Ping } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { FileContent, PeerDesk } from '../src/daemon/peer-desk.ts'

export const FIRST_ID = '1'.repeat(40)
export const OTHER_ID = '2'.repeat(40)
export const CONTENT: Uint8Array = Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7) & 0xff)

/** A desk with one torrent and one hub, that does nothing and answers everything in its form; it remembers what it was asked. */
export class FakeDesk implements PeerDesk {
  readonly asked: { readonly verb: string; readonly what: readonly unknown[] }[] = []
  readonly torrents: TorrentItem[] = [torrentItem(FIRST_ID)]
  readonly watched = new Map<string, number>()
  contentName = 'film.mp4'
  /** Of the next reads: how they end. */
  contentError: Error | undefined
  readers = 0
  readonly #listeners = new Set<(event: DaemonEvent) => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  tell(event: DaemonEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async listTorrents(): Promise<readonly TorrentItem[]> {
    return this.torrents
  }
  async showTorrent(id: string): Promise<TorrentDetail> {
    return {
      ...this.#torrent(id),
      magnet: `magnet:?xt=urn:btih:${id}`,
      pieceLength: 16_384,
      pieceCount: 1,
      pieces: 'none',
      activeMs: 0,
      seedingMs: 0,
    }
  }
  async listTorrentFiles(id: string): Promise<readonly TorrentFileItem[]> {
    const contentUrl = `/v1/torrents/${this.#torrent(id).id}/files/0/content`
    return [{ index: 0, path: [this.contentName], size: CONTENT.length, haveBytes: 0, priority: 4, contentUrl }]
  }
  async listTorrentPeers(id: string): Promise<readonly PeerItem[]> {
    this.#torrent(id)
    return []
  }
  async listTrackers(id: string): Promise<readonly TrackerItem[]> {
    this.#torrent(id)
    return []
  }
  async showPieces(id: string): Promise<string> {
    return (await this.showTorrent(id)).pieces
  }
  watchPieces(id: string): () => void {
    this.#torrent(id)
    this.watched.set(id, (this.watched.get(id) ?? 0) + 1)
    return () => this.watched.set(id, (this.watched.get(id) ?? 0) - 1)
  }
  async readLog(id: string): Promise<readonly LogLine[]> {
    this.#torrent(id)
    return [{ at: 1, level: 'note', text: 'Added' }]
  }
  async readMetainfo(id: string): Promise<Uint8Array> {
    this.#torrent(id)
    return new TextEncoder().encode('d4:infodee')
  }
  async openContent(id: string, fileIndex: number): Promise<FileContent> {
    this.#torrent(id)
    if (fileIndex > 0) throw new ProblemError('NOT_FOUND', 'There is no such file in this torrent')
    return { name: this.contentName, size: CONTENT.length, version: `${id}-0`, read: (span, signal) => this.#read(span, signal) }
  }
  async *#read({ begin, end }: { begin: number; end: number }, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    this.readers++
    try {
      for (let at = begin; at < end; at += 1_000) {
        if (signal?.aborted === true) return
        yield CONTENT.subarray(at, Math.min(end, at + 1_000))
        if (this.contentError !== undefined) throw this.contentError
      }
    } finally {
      this.readers--
    }
  }

  async addTorrent(what: AddTorrent): Promise<AddedTorrent> {
    this.#note('addTorrent', what)
    const torrent = torrentItem(OTHER_ID)
    this.torrents.push(torrent)
    return { torrent, isNew: true, notes: [] }
  }
  async changeTorrent(id: string, change: unknown): Promise<TorrentItem> {
    return this.#done('changeTorrent', this.#torrent(id), id, change)
  }
  async actOnTorrent(id: string, action: unknown): Promise<TorrentItem> {
    return this.#done('actOnTorrent', this.#torrent(id), id, action)
  }
  async moveTorrent(id: string, where: unknown): Promise<TorrentItem> {
    return this.#done('moveTorrent', this.#torrent(id), id, where)
  }
  async removeTorrent(id: string, how: unknown): Promise<Totals> {
    const { name } = this.#torrent(id)
    return this.#done('removeTorrent', { id, name, downloaded: 1, uploaded: 2 }, id, how)
  }

  async startCreation(what: unknown): Promise<Creation> {
    return this.#done('startCreation', CREATION, what)
  }
  async listCreations(): Promise<readonly Creation[]> {
    return [CREATION]
  }
  async showCreation(id: string): Promise<Creation> {
    return this.#done('showCreation', CREATION, id)
  }
  async cancelCreation(id: string): Promise<Creation> {
    return this.#done('cancelCreation', CREATION, id)
  }

  async readSettings(): Promise<DaemonSettings> {
    return SETTINGS
  }
  async changeSettings(change: DaemonSettingsChange): Promise<DaemonSettings> {
    return this.#done('changeSettings', { ...SETTINGS, ...change }, change)
  }
  async showFacts(): Promise<DaemonFacts> {
    return { ...FACTS, pid: process.pid, torrents: this.torrents.length }
  }
  async readHistory(span: 'day' | 'year'): Promise<readonly []> {
    return this.#done('readHistory', [], span)
  }

  async listHubs(): Promise<readonly HubItem[]> {
    return [HUB]
  }
  async connectHub(what: unknown): Promise<HubItem> {
    return this.#done('connectHub', HUB, what)
  }
  async forgetHub(id: string): Promise<void> {
    this.#note('forgetHub', id)
  }
  async signIn(id: string, who: unknown): Promise<HubItem> {
    return this.#done('signIn', HUB, id, who)
  }
  async register(id: string, who: unknown): Promise<HubItem> {
    return this.#done('register', HUB, id, who)
  }
  async signOut(id: string): Promise<HubItem> {
    return this.#done('signOut', HUB, id)
  }
  async publish(what: unknown): Promise<Publication> {
    return this.#done('publish', PUBLICATION, what)
  }
  async unpublish(name: string, hub?: string): Promise<void> {
    this.#note('unpublish', name, hub)
  }
  async listPublications(): Promise<readonly Publication[]> {
    return [PUBLICATION]
  }
  async fetch(what: unknown): Promise<TorrentItem> {
    return this.#done('fetch', this.#torrent(FIRST_ID), what)
  }
  async listHubFiles(query: unknown, hub?: string): Promise<FilePage> {
    return this.#done('listHubFiles', { items: [] }, query, hub)
  }
  async listHubPeers(hub?: string): Promise<readonly PeerEntry[]> {
    return this.#done('listHubPeers', [], hub)
  }
  async listHolders(infoHash: string, hub?: string): Promise<PieceHolders> {
    const availability = { seeds: 0, leechers: 0, holders: 0, rarestCopies: 0, distributedCopies: 0 }
    return this.#done('listHolders', { infoHash, name: 'film', pieceCount: 1, availability, holders: [], copies: [0] }, infoHash, hub)
  }
  async pingPeer(peer: unknown, hub?: string): Promise<Ping> {
    const answer = {
      peer: { id: 'h1', name: 'binh', isOnline: true },
      roundTripMs: 0.4,
      isReachable: true,
      connectMs: 0.2,
      reachability: 'open',
    }
    return this.#done('pingPeer', answer, peer, hub)
  }
  async discover(): Promise<readonly FileEntry[]> {
    return []
  }

  #torrent(id: string): TorrentItem {
    const found = this.torrents.find((torrent) => torrent.id === id)
    if (found === undefined) throw new ProblemError('NOT_FOUND', 'There is no torrent with this info hash here')
    return found
  }

  #note(verb: string, ...what: unknown[]): void {
    this.asked.push({ verb, what: structuredClone(what) })
  }

  #done<T>(verb: string, answer: T, ...what: unknown[]): T {
    this.#note(verb, ...what)
    return answer
  }
}

export function torrentItem(id: string): TorrentItem {
  return {
    id,
    name: `torrent ${id.slice(0, 4)}`,
    status: 'downloading',
    labels: [],
    dir: '/somewhere',
    size: 5_000,
    wantedSize: 5_000,
    haveBytes: 0,
    downloadRate: 0,
    uploadRate: 0,
    downloaded: 0,
    uploaded: 0,
    wasted: 0,
    peers: 0,
    seeds: null,
    leechers: null,
    etaMs: null,
    addedAt: 1,
    completedAt: null,
    queuePosition: 1,
    isPrivate: false,
    isSequential: false,
    isSuperSeeding: false,
    isForced: false,
    downloadLimit: null,
    uploadLimit: null,
    maxConnections: null,
    goals: null,
    publications: [],
  }
}

const CREATION: Creation = { id: 'c1', path: '/somewhere', status: 'hashing', hashedBytes: 0, totalBytes: 1, warnings: [] }
const HUB: HubItem = { id: 'hub-1', url: 'http://hub.example', name: 'Hub', status: 'connected', isDefault: true }
const PUBLICATION: Publication = {
  hub: 'hub-1',
  name: 'film',
  path: '/somewhere/film',
  torrentId: FIRST_ID,
  size: 1,
  pieceCount: 1,
  pieceLength: 16_384,
  link: 'http://hub.example/s/film',
  magnet: `magnet:?xt=urn:btih:${FIRST_ID}`,
  isKnown: true,
  copiesElsewhere: 0,
  mayLeave: false,
}
const SETTINGS: DaemonSettings = {
  peerName: 'an',
  downloadDir: '/somewhere',
  downloadLimit: null,
  uploadLimit: null,
  schedule: [],
  lanIsUnlimited: true,
  maxActiveDownloads: 5,
  maxActiveSeeds: 100,
  slowRate: 2_000,
  maxConnections: 500,
  goals: { ratio: null, seedMinutes: null, idleMinutes: null, action: 'pause' },
  watchFolders: [],
  recycleDays: 30,
  notify: false,
  delayMs: 0,
}
const FACTS: DaemonFacts = {
  version: '0.1.0',
  pid: 1,
  startedAt: 1,
  peerPort: 6881,
  home: '/somewhere',
  torrents: 0,
  connections: 0,
  downloadRate: 0,
  uploadRate: 0,
  downloaded: 0,
  uploaded: 0,
  freeBytes: null,
  downloadLimit: null,
  uploadLimit: null,
}
