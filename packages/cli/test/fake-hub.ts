import { createServer, type Server } from 'node:http'
import { HubClient } from '@shoal/api/client'
import type {
  AuditEntry,
  FileEntry,
  HubEvent,
  InviteInfo,
  Member,
  MemberChange,
  NewInvite,
  PeerAddress,
  PeerEntry,
  PieceHolders,
  Registration,
  Settings,
} from '@shoal/api/hub-api'
import { ProblemError, problemOf } from '@shoal/api/problem'
import { THIS_PLATFORM, type WebPlatform } from '@shoal/api/web-platform'

const INFO_HASH = 'ab'.repeat(20)
export const FAKE_TOKEN = 'operator'
const FAKE_SESSION = 'session'

export function fakePeer(name: string, ip: string, port: number, files = 0): PeerEntry {
  return { id: `id of ${name}`, name, ip, port, version: 'Shoal 0.1.0', files, connectedAt: 940_000 }
}

export function fakeFile(name: string, peer: PeerEntry | undefined, more: Partial<FileEntry> = {}): FileEntry {
  return {
    id: `entry ${name} of ${peer?.name ?? 'the hub'}`,
    name,
    infoHash: INFO_HASH,
    size: 1_525_678_080,
    pieceLength: 1 << 20,
    pieceCount: 1_455,
    fileCount: 1,
    isPrivate: false,
    tags: [],
    publishedAt: 900_000,
    availability: { seeds: 0, leechers: 0, holders: 1, rarestCopies: 1, distributedCopies: 1.5 },
    ...(peer === undefined ? {} : { host: { id: peer.id, name: peer.name, isOnline: true, ip: peer.ip, port: peer.port } }),
    ...more,
  }
}

/** A hub as a client sees it, from plain data: what its verbs are tested against. */
export class FakeHub {
  peers: PeerEntry[] = []
  files: FileEntry[] = []
  pieces: PieceHolders[] = []
  members: Member[] = []
  invites: InviteInfo[] = []
  auditEntries: AuditEntry[] = []
  settings: Settings = {
    name: 'class',
    visitors: 'none',
    registration: 'invite',
    torrents: 'any',
    maxFilesPerMember: 1_000,
    forgetAfterDays: 90,
  }
  readonly events: HubEvent[] = []
  readonly registered: Registration[] = []
  signedOut = 0
  readonly client: HubClient
  readonly platform: WebPlatform
  #server: Server | undefined

  constructor() {
    this.platform = { ...THIS_PLATFORM, fetch: async (url, request) => this.#answer(url, request) }
    this.client = new HubClient({ url: 'http://127.0.0.1:6880', token: FAKE_TOKEN, platform: this.platform })
  }

  /** The same over a socket. @returns its URL */
  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        const headers = { authorization: request.headers.authorization ?? '' }
        const answer = this.#answer(`http://127.0.0.1${request.url}`, {
          method: request.method ?? 'GET',
          headers,
          ...(body === '' ? {} : { body }),
        })
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        void answer.text().then((text) => response.end(text))
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

  #answer(url: string, { method, headers, body }: { method: string; headers: Readonly<Record<string, string>>; body?: string }): Response {
    const { pathname, searchParams } = new URL(url)
    try {
      if (pathname !== '/v1/hub' && ![`Bearer ${FAKE_TOKEN}`, `Bearer ${FAKE_SESSION}`].includes(headers.authorization ?? ''))
        throw new ProblemError('NOT_SIGNED_IN', 'Sign in first')
      if (pathname === '/v1/events') return this.#stream()
      const value = this.#value(`${method} ${pathname}`, searchParams, body === undefined ? undefined : JSON.parse(body))
      return value === undefined ? new Response(null, { status: 204 }) : Response.json(value)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return Response.json(problemOf(error), { status: error.status, headers: { 'content-type': 'application/problem+json' } })
    }
  }

  #value(call: string, query: URLSearchParams, body: unknown): unknown {
    const id = decodeURIComponent(/\/v1\/(?:peers|members|invites|files|torrents)\/([^/]+)/.exec(call)?.[1] ?? '')
    switch (call.replace(/(peers|members|invites|files|torrents)\/[^/]+/, '$1/:id')) {
      case 'GET /v1/hub':
        return {
          name: this.settings.name,
          version: '0.1.0',
          visitors: this.settings.visitors,
          registration: this.settings.registration,
          needsSetup: this.members.length === 0,
          announceUrls: ['http://127.0.0.1:6880/announce'],
          startedAt: 880_000,
        }
      case 'GET /v1/stats':
        return {
          files: this.files.length,
          torrents: 1,
          bytes: 5 << 20,
          members: 2,
          connectedPeers: 3,
          swarms: 4,
          swarmPeers: 5,
          httpAnnounces: 6,
          udpAnnounces: 7_000,
          uptimeMs: 61_000,
        }
      case 'GET /v1/peers':
        return { items: this.peers }
      case 'GET /v1/peers/:id/files':
        return { items: this.files.filter(({ host }) => host?.id === id) }
      case 'POST /v1/pings':
        return this.#ping(body as PeerAddress)
      case 'GET /v1/files': {
        const words = (query.get('q') ?? '').toLowerCase()
        const name = query.get('name')
        const found = this.files.filter((file) => (name === null || file.name === name) && file.name.toLowerCase().includes(words))
        if (name !== null && found.length === 0) throw new ProblemError('NOT_FOUND', `No file named "${name}". Close: "lecture-04"`)
        const from = Number(query.get('cursor') ?? 0)
        const to = from + Number(query.get('limit') ?? 50)
        return { items: found.slice(from, to), ...(to < found.length ? { nextCursor: String(to) } : {}) }
      }
      case 'DELETE /v1/files/:id':
        this.files = this.files.filter((file) => file.id !== id)
        return undefined
      case 'GET /v1/torrents/:id/pieces':
        return this.pieces.find(({ infoHash }) => infoHash === id) ?? notFound(id)
      case 'POST /v1/accounts': {
        const registration = body as Registration
        this.registered.push(registration)
        const account = { id: 'a', name: registration.name, role: 'member', createdAt: 1, permissions: [], announceUrls: [] }
        return { account, token: FAKE_SESSION, expiresAt: 2 }
      }
      case 'POST /v1/setup-links':
        return { link: 'http://127.0.0.1:6880/setup#FIRST' }
      case 'POST /v1/setup': {
        const { name, code } = body as { name: string; code: string }
        const account = { id: 'a', name, role: code === 'FIRST' ? 'owner' : 'guest', createdAt: 1, permissions: [], announceUrls: [] }
        return { account, token: FAKE_SESSION, expiresAt: 2 }
      }
      case 'DELETE /v1/sessions/current':
        this.signedOut++
        return undefined
      case 'GET /v1/members':
        return { items: this.members }
      case 'PATCH /v1/members/:id': {
        const member = this.members.find((each) => each.id === id) ?? notFound(id)
        Object.assign(member, body as MemberChange)
        return member
      }
      case 'GET /v1/invites':
        return { items: this.invites }
      case 'POST /v1/invites': {
        const { role = 'member', uses = 1, expiresInHours = 24, note } = body as NewInvite
        const invite = {
          id: 'i1',
          role,
          usesLeft: uses,
          createdBy: 'an',
          createdAt: 1_000_000,
          expiresAt: 1_000_000 + expiresInHours * 3_600_000,
          ...(note === undefined ? {} : { note }),
        }
        this.invites.push(invite)
        return { ...invite, code: 'CODE', link: 'http://127.0.0.1:6880/join#CODE' }
      }
      case 'DELETE /v1/invites/:id':
        this.invites = this.invites.filter((invite) => invite.id !== id)
        return undefined
      case 'GET /v1/audit':
        return { items: this.auditEntries.slice(0, Number(query.get('limit'))) }
      case 'POST /v1/backups':
        return { name: 'asked-20261125-220310.db', size: 77_824, madeAt: 1 }
      case 'GET /v1/settings':
        return this.settings
      case 'PATCH /v1/settings':
        Object.assign(this.settings, body)
        return this.settings
      default:
        return notFound(call)
    }
  }

  #ping({ ip, port }: PeerAddress): unknown {
    const peer = this.peers.find((each) => each.ip === ip && each.port === port)
    if (peer === undefined) throw new ProblemError('NOT_FOUND', `Nobody at ${ip}:${port} is known here`)
    return {
      peer: { id: peer.id, name: peer.name, isOnline: true, ip, port },
      roundTripMs: 0.4123,
      isReachable: port !== 1,
      connectMs: 0.2,
      reachability: port === 1 ? 'refused' : 'open',
    }
  }

  #stream(): Response {
    const text = this.events.map((event, index) => `id: ${index}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  }
}

/** Of a file of 1,455 pieces. */
export function fakePieces(holders: readonly (readonly [peer: PeerEntry, have: number, map: string])[], copies: number[]): PieceHolders {
  return {
    infoHash: INFO_HASH,
    name: 'lecture-04',
    pieceCount: 1_455,
    availability: { seeds: 1, leechers: 2, holders: holders.length, rarestCopies: Math.min(...copies), distributedCopies: 2 },
    holders: holders.map(([peer, have, map]) => ({
      peer: { id: peer.id, name: peer.name, isOnline: true, ip: peer.ip, port: peer.port },
      have,
      map,
      isExact: !map.startsWith('~'),
    })),
    copies,
  }
}

function notFound(what: string): never {
  throw new ProblemError('NOT_FOUND', `There is no ${what}`)
}
