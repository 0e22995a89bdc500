import { createServer, type Server } from 'node:http'
import type {
  AddTorrent,
  Creation,
  DaemonEvent,
  DaemonFacts,
  DaemonSettings,
  Fetch,
  HubItem,
  LogLine,
  NewCreation,
  PeerItem,
  Publication,
  Publish,
  TorrentChange,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  TrackerItem,
} from '@shoal/api/daemon-api'
import { DaemonClient } from '@shoal/api/daemon-client'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { THIS_PLATFORM, type WebPlatform } from '@shoal/api/web-platform'
import type { FakeHub } from './fake-hub.ts'

export const FAKE_DAEMON_TOKEN: string = 'of-this-machine'.padEnd(43, '-')
export const FAKE_ID = 'ab'.repeat(20)

export function fakeTorrent(name: string, more: Partial<TorrentItem> = {}): TorrentItem {
  return {
    id: FAKE_ID,
    name,
    status: 'downloading',
    labels: [],
    dir: '/home/an/Downloads',
    size: 1_525_678_080,
    wantedSize: 1_525_678_080,
    haveBytes: 930_663_628,
    downloadRate: 412_000_000,
    uploadRate: 38_000_000,
    downloaded: 930_663_628,
    uploaded: 40_000_000,
    wasted: 0,
    peers: 3,
    seeds: 1,
    leechers: 2,
    etaMs: 1_400,
    addedAt: 940_000,
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
    ...more,
  }
}

export function fakeHubItem(name: string, more: Partial<HubItem> = {}): HubItem {
  return { id: `id-${name}`, url: `http://${name}.example:6880`, name, status: 'connected', peerName: 'an', isDefault: true, ...more }
}

/** A daemon as a client sees it, from plain data. What it is told, it writes down. */
export class FakeDaemon {
  torrents: TorrentItem[] = []
  files: TorrentFileItem[] = []
  peers: PeerItem[] = []
  trackers: TrackerItem[] = []
  lines: LogLine[] = []
  hubs: HubItem[] = []
  publications: Publication[] = []
  pieces = '0-887'
  /** What the creation becomes that is begun. */
  creation: Partial<Creation> = { status: 'done', torrentId: FAKE_ID }
  /** What the hubs show. */
  hub: FakeHub | undefined
  readonly events: DaemonEvent[] = []
  /** Every call that changes something: method, path and body. */
  readonly told: string[] = []
  settings: DaemonSettings = {
    peerName: 'an',
    downloadDir: '/home/an/Downloads',
    downloadLimit: null,
    uploadLimit: 5_000_000,
    schedule: [],
    lanIsUnlimited: true,
    maxActiveDownloads: 3,
    maxActiveSeeds: 100,
    slowRate: 2_000,
    maxConnections: 200,
    goals: { ratio: null, seedMinutes: null, idleMinutes: null, action: 'pause' },
    watchFolders: [],
    recycleDays: 30,
    notify: true,
    delayMs: 0,
  }
  readonly client: DaemonClient
  readonly platform: WebPlatform
  #server: Server | undefined

  constructor() {
    this.platform = { ...THIS_PLATFORM, fetch: async (url, request) => this.#answer(url, request) }
    this.client = new DaemonClient({ url: 'http://127.0.0.1:7070', token: FAKE_DAEMON_TOKEN, platform: this.platform })
  }

  /** The same over a socket. @returns its URL */
  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        void this.#answer(`http://127.0.0.1${request.url}`, {
          method: request.method ?? 'GET',
          headers: { authorization: request.headers.authorization ?? '' },
          ...(body === '' ? {} : { body }),
        }).then(async (answer) => {
          response.writeHead(answer.status, Object.fromEntries(answer.headers))
          response.end(await answer.text())
        })
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`
  }

  close(): void {
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  async #answer(
    url: string,
    { method, headers, body }: { method: string; headers: Readonly<Record<string, string>>; body?: string },
  ): Promise<Response> {
    const { pathname, searchParams, search } = new URL(url)
    try {
      if (headers.authorization !== `Bearer ${FAKE_DAEMON_TOKEN}`) throw new ProblemError('NOT_SIGNED_IN', 'Show the token')
      if (pathname === '/v1/events') return this.#stream()
      if (method !== 'GET') this.told.push([`${method} ${pathname}${search}`, ...(body === undefined ? [] : [body])].join(' '))
      const value = await this.#value(method, pathname, searchParams, body === undefined ? undefined : JSON.parse(body))
      return value === undefined ? new Response(null, { status: 204 }) : Response.json(value)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return Response.json(problemOf(error), { status: error.status, headers: { 'content-type': 'application/problem+json' } })
    }
  }

  async #value(method: string, path: string, query: URLSearchParams, body: unknown): Promise<unknown> {
    const [, , room = '', id = '', part = ''] = path.split('/')
    const call = `${method} ${room}${id === '' ? '' : '/:id'}${part === '' ? '' : `/${part}`}`
    switch (call) {
      case 'GET daemon':
        return this.#facts()
      case 'GET settings':
        return this.settings
      case 'PATCH settings':
        return Object.assign(this.settings, body)
      case 'GET torrents':
        return { items: this.torrents }
      case 'POST torrents':
        return this.#add(body as AddTorrent)
      case 'GET torrents/:id':
        return this.#detail(id)
      case 'PATCH torrents/:id':
        return Object.assign(this.#torrent(id), body as TorrentChange)
      case 'DELETE torrents/:id': {
        const { name, downloaded, uploaded } = this.#torrent(id)
        this.torrents = this.torrents.filter((torrent) => torrent.id !== id)
        return { id, name, downloaded, uploaded }
      }
      case 'POST torrents/:id/pause':
        return Object.assign(this.#torrent(id), { status: 'paused', queuePosition: null })
      case 'POST torrents/:id/resume':
        return Object.assign(this.#torrent(id), { status: 'downloading' })
      case 'POST torrents/:id/recheck':
      case 'POST torrents/:id/announce':
      case 'POST torrents/:id/move':
        return this.#torrent(id)
      case 'GET torrents/:id/files':
        return { items: this.files }
      case 'GET torrents/:id/peers':
        return { items: this.peers }
      case 'GET torrents/:id/trackers':
        return { items: this.trackers }
      case 'GET torrents/:id/log':
        return { items: this.lines }
      case 'POST creations':
        return this.#create(body as NewCreation)
      case 'GET creations/:id':
        return { ...this.#create({ path: '/data/x' }), ...this.creation }
      case 'GET hubs':
        return { items: this.hubs }
      case 'POST hubs': {
        const hub = fakeHubItem('class', { url: `http://${(body as { url: string }).url}` })
        this.hubs.push(hub)
        return hub
      }
      case 'DELETE hubs/:id':
        this.hubs = this.hubs.filter((hub) => hub.id !== id)
        return undefined
      case 'POST hubs/:id/session':
      case 'POST hubs/:id/account':
        return { ...this.hubs[0], account: { name: (body as { name: string }).name, role: 'member' } }
      case 'DELETE hubs/:id/session':
        return undefined
      case 'GET publications':
        return { items: this.publications }
      case 'POST publications':
        return this.#publish(body as Publish)
      case 'DELETE publications/:id':
      case `DELETE publications/:id/${part}`:
        this.publications = this.publications.filter((each) => each.name !== decodeURIComponent(part))
        return undefined
      case 'POST fetches':
        return this.#fetch(body as Fetch)
      case 'GET hubs/:id/files': {
        const host = query.get('host')
        if (host !== null) return { items: await this.#theHub.client.peerFiles(host) }
        return this.#theHub.client.files(Object.fromEntries(query))
      }
      case 'GET hubs/:id/peers':
        return { items: await this.#theHub.client.peers() }
      case 'GET hubs/:id/pieces':
        return this.#theHub.client.pieces(query.get('infoHash') ?? '')
      case 'POST hubs/:id/pings':
        return this.#theHub.client.ping(body as { ip: string; port: number })
      default:
        throw new ProblemError('NOT_FOUND', `There is no ${call}`)
    }
  }

  get #theHub(): FakeHub {
    if (this.hub === undefined) throw new ProblemError('NOT_CONNECTED', 'The hub is away. It is tried again by itself')
    return this.hub
  }

  #facts(): DaemonFacts {
    return {
      version: '0.1.0',
      pid: 4_242,
      startedAt: 940_000,
      peerPort: 6_881,
      home: '/home/an/.local/share/shoal',
      torrents: this.torrents.length,
      connections: 3,
      downloadRate: 412_000_000,
      uploadRate: 38_000_000,
      downloaded: 5 << 20,
      uploaded: 6 << 20,
      freeBytes: 1 << 30,
      downloadLimit: null,
      uploadLimit: null,
    }
  }

  #torrent(id: string): TorrentItem {
    const torrent = this.torrents.find((each) => each.id === id)
    if (torrent === undefined) throw new ProblemError('NOT_FOUND', `There is no torrent ${id}`)
    return torrent
  }

  #detail(id: string): TorrentDetail {
    const torrent = this.#torrent(id)
    return {
      ...torrent,
      magnet: `magnet:?xt=urn:btih:${id}&dn=${encodeURIComponent(torrent.name)}`,
      pieceLength: 1 << 20,
      pieceCount: 1_455,
      pieces: this.pieces,
      activeMs: 1,
      seedingMs: 0,
    }
  }

  #add({ dir = this.settings.downloadDir, labels = [] }: AddTorrent): unknown {
    const known = this.torrents.find(({ id }) => id === FAKE_ID)
    if (known !== undefined) return { torrent: known, isNew: false, notes: [`'${known.name}' is already here`, 'It has one tracker more'] }
    const torrent = fakeTorrent('lecture-04', { dir, labels })
    this.torrents.push(torrent)
    return { torrent, isNew: true, notes: [] }
  }

  #create({ path }: NewCreation): Creation {
    if (this.torrents.length === 0) this.torrents.push(fakeTorrent('lecture-04'))
    return { id: 'c1', path, status: 'hashing', hashedBytes: 0, totalBytes: 100, warnings: [] }
  }

  #publish({ path, name = path.split('/').at(-1)!, hub = 'id-class' }: Publish): Publication {
    if (this.publications.some((each) => each.path === path)) {
      throw new ProblemError('ALREADY_SHARED', `Cannot publish "${path}": it is shared already, as "${name}". Take it out first: unpublish`)
    }
    const publication: Publication = {
      hub,
      name,
      path,
      torrentId: FAKE_ID,
      size: 1_525_678_080,
      pieceCount: 1_455,
      pieceLength: 1 << 20,
      link: `http://class.example:6880/s/${encodeURIComponent(name)}`,
      magnet: `magnet:?xt=urn:btih:${FAKE_ID}`,
      isKnown: true,
      copiesElsewhere: 0,
      mayLeave: false,
    }
    this.publications.push(publication)
    return publication
  }

  #fetch({ what, destination }: Fetch): TorrentItem {
    if (what === 'lecture-05')
      throw new ProblemError('NOT_FOUND', 'No file named "lecture-05". Close: "lecture-04". (list_files shows all)')
    const torrent = fakeTorrent(what, destination === undefined ? {} : { dir: destination })
    this.torrents.push(torrent)
    return torrent
  }

  #stream(): Response {
    const text = this.events.map((event, index) => `id: ${index}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  }
}
