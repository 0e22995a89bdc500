import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddedTorrent, DaemonEvent, DaemonSettings, TorrentItem } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { createSession, type Session, type Torrent } from '@shoal/engine'
import type { PlacedTorrent, TorrentShelf } from '../src/daemon/torrent-shelf.ts'
import type { HubsSystem } from '../src/hubs/hubs-system.ts'
import type { HubsWorld } from '../src/hubs/hubs-world.ts'
import { withoutTrackers } from '../src/hubs/own-torrent.ts'
import { PeerHubs } from '../src/hubs/peer-hubs.ts'

const REAL_SYSTEM: HubsSystem = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
}

/** The least that hubs need of a daemon, over a real session of the engine; no queue, no state of its own. */
class TestShelf implements TorrentShelf {
  readonly placed = new Map<string, PlacedTorrent>()
  readonly #session: Session
  readonly #listeners = new Set<(ids: ReadonlySet<string>) => void>()

  constructor(session: Session) {
    this.#session = session
  }

  async place(what: PlacedTorrent): Promise<TorrentItem> {
    const { onlyGivenPeers, isUploadOnly, labels: _labels, metainfo, ...rest } = what
    const torrent = this.#session.add({
      ...rest,
      metainfo: onlyGivenPeers === true ? withoutTrackers(metainfo) : metainfo,
      ...(isUploadOnly !== undefined && { uploadOnly: isUploadOnly }),
    })
    this.placed.set(torrent.infoHashHex, what)
    const change = (): void => this.change(torrent.infoHashHex)
    torrent.on('piece', change)
    torrent.on('state', change)
    torrent.on('done', change)
    return itemOf(torrent)
  }

  find(id: string): TorrentItem | undefined {
    const torrent = this.#session.get(id)
    return torrent === undefined ? undefined : itemOf(torrent)
  }

  async metainfoOf(id: string): Promise<Uint8Array | undefined> {
    return this.placed.get(id)?.metainfo
  }

  piecesOf(id: string): ReturnType<TorrentShelf['piecesOf']> {
    return this.#session.get(id)?.snapshot().havePieces
  }

  async pathOf(id: string): Promise<string | undefined> {
    const what = this.placed.get(id)
    return what === undefined ? undefined : join(what.dir, what.pathsOnDisk?.[0]?.[0] ?? this.#session.get(id)?.name ?? '')
  }

  copiesElsewhere(): number {
    return 0
  }

  addPeers(): void {}
  setPublications(): void {}

  onChange(listener: (ids: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  change(id: string): void {
    for (const listener of this.#listeners) listener(new Set([id]))
  }
}

function itemOf(torrent: Torrent): TorrentItem {
  const { name, infoHashHex, totalSize, wantedSize, haveBytes, state } = torrent.snapshot()
  const status = state.status === 'stopped' ? 'paused' : state.status
  return { id: infoHashHex, name, dir: torrent.dir, size: totalSize, wantedSize, haveBytes, status } as TorrentItem
}

/** A peer of its own: a folder, a session, and the hubs that it knows. */
export class HubPeer {
  readonly folder: string
  readonly session: Session
  readonly shelf: TestShelf
  readonly name: string
  readonly events: DaemonEvent[] = []
  readonly notices: string[] = []
  /** What was asked of the torrents besides. */
  readonly asked: [string, unknown][] = []
  hubs!: PeerHubs

  private constructor(name: string, folder: string, session: Session) {
    this.name = name
    this.folder = folder
    this.session = session
    this.shelf = new TestShelf(session)
  }

  static async start(name: string): Promise<HubPeer> {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-peer-'))
    const session = await createSession({
      listenPort: 0,
      host: '127.0.0.1',
      stateDir: join(folder, 'resume'),
      hashThreads: 1,
      stopTimeoutMs: 500,
    })
    const peer = new HubPeer(name, folder, session)
    await mkdir(peer.path('Downloads'))
    await peer.open()
    return peer
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  async write(name: string, bytes: Uint8Array): Promise<string> {
    const path = this.path('own', name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, bytes)
    return path
  }

  /** The hub part starts (again); the torrents stay as they are. */
  async open(): Promise<void> {
    this.hubs = await PeerHubs.open({
      folder: this.path('peer'),
      system: REAL_SYSTEM,
      shelf: this.shelf,
      torrents: this.#torrents,
      version: 'Shoal test',
      peerName: () => this.name,
      peerPort: () => this.session.listenPort,
      emit: (event) => void this.events.push(event),
      notice: (text) => void this.notices.push(text),
      callTimeoutMs: 5_000,
    })
  }

  async close(): Promise<void> {
    await this.hubs.close()
    await this.session.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  readonly #torrents: HubsWorld['torrents'] = {
    addTorrent: async (what) => {
      this.asked.push(['add', what])
      const known = this.session.torrents[0]
      if (known === undefined) throw new ProblemError('VALIDATION', 'No torrent is here')
      return { torrent: itemOf(known), isNew: false, notes: [] } satisfies AddedTorrent
    },
    changeTorrent: async (id, change) => {
      this.asked.push(['change', { id, ...change }])
      return itemOf(this.#torrent(id))
    },
    actOnTorrent: async (id) => itemOf(this.#torrent(id)),
    removeTorrent: async (id) => {
      const torrent = this.#torrent(id)
      await this.session.remove(torrent)
      this.shelf.change(id)
      return { id, name: torrent.name, downloaded: 0, uploaded: 0 }
    },
    readSettings: async () => ({ downloadDir: this.path('Downloads') }) as DaemonSettings,
  }

  #torrent(id: string): Torrent {
    const torrent = this.session.get(id)
    if (torrent === undefined) throw new ProblemError('NOT_FOUND', `No torrent ${id} is here`)
    return torrent
  }
}

/** Looks again and again; for what only another process could tell. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`It has not happened within 15 s: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}
