import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { DoorWords } from '@shoal/door/door-words'
import type { DoorSystem } from '@shoal/door/system'
import { WebDoor } from '@shoal/door/web-door'
import type { HubDesk, PeerDesk, TorrentDesk } from '../daemon/peer-desk.ts'
import { ContentRoutes } from './content-routes.ts'
import { creationRoutes } from './creation-routes.ts'
import { DaemonAccessError } from './daemon-access-error.ts'
import { DaemonCallers } from './daemon-callers.ts'
import { DaemonNews } from './daemon-news.ts'
import type { DaemonRoute } from './daemon-route.ts'
import { daemonRoutes } from './daemon-routes.ts'
import { groupRoutes } from './group-routes.ts'
import { OwnFolder } from './own-folder.ts'
import { PlayerKeys } from './player-keys.ts'
import { RememberedCalls } from './remembered-calls.ts'
import { torrentRoutes } from './torrent-routes.ts'

export interface DaemonServerOptions {
  readonly torrents: TorrentDesk
  readonly hubs: HubDesk
  readonly subscribe: PeerDesk['subscribe']
  readonly token: string
  /** Where the daemon keeps what is its own. */
  readonly folder: string
  /** The first that is tried; 0 is any. */
  readonly port: number
  readonly version: string
  readonly system: DoorSystem
  /** Resolves when all that was changed is on the disk: before that nothing is acknowledged. */
  whenSaved?(): Promise<void>
  /** Somebody asked for a stop. */
  onStopAsked(): void
  /** The settings are others now. */
  onSettings?(): void
  /** Something that cannot happen has happened; the caller got a 500. */
  onBug(error: unknown): void
  /** Tests only: an answer that is not as its route declares becomes a bug. */
  readonly checksReplies?: boolean
}

export const DAEMON_PORT = 7070
/** How many ports after the first are tried when others hold it. */
const PORTS_TO_TRY = 20
/** Only this machine: who wants to drive it from elsewhere comes by SSH. */
const HOST = '127.0.0.1'
const MAX_CONNECTIONS = 512
/** Answers under way may still go out for so long. */
const CLOSE_GRACE_MS = 500
const SWEEP_MS = 3_600_000

export const DAEMON_WORDS: DoorWords = {
  name: 'daemon',
  signIn:
    "The daemon answers only to whoever has its token: it stands in the file named token in the daemon's folder, and comes as Authorization: Bearer …",
  log: 'Its log has the request id: shoal daemon logs',
}

/** The daemon's API on a port of this machine. */
export class DaemonServer {
  readonly routes: readonly DaemonRoute[]
  readonly port: number
  readonly #server: Server
  readonly #parts: Parts

  private constructor(server: Server, parts: Parts) {
    this.#server = server
    this.#parts = parts
    this.routes = parts.routes
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws {DaemonAccessError} `PORT_IN_USE`, `LISTEN_FAILED` */
  static async open(options: DaemonServerOptions): Promise<DaemonServer> {
    const parts = await partsOf(options)
    const server = createServer({ headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 30_000 }, parts.door.handle)
    server.maxConnections = MAX_CONNECTIONS
    try {
      await listenOnFreePort(server, options.port)
    } catch (error) {
      await parts.close()
      throw error
    }
    return new DaemonServer(server, parts)
  }

  /** Without a slash at the end. */
  get url(): string {
    return `http://${HOST}:${this.port}`
  }

  /** Refuses what comes from now on, and ends streams; what is being answered has half a second. */
  async close(): Promise<void> {
    this.#parts.beginClosing()
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeIdleConnections()
    const grace = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
    await closed
    clearTimeout(grace)
    await this.#parts.close()
  }
}

interface Parts {
  readonly door: WebDoor
  readonly routes: readonly DaemonRoute[]
  beginClosing(): void
  close(): Promise<void>
}

async function partsOf(options: DaemonServerOptions): Promise<Parts> {
  const { torrents, hubs, token, system, version } = options
  const onBug = (error: unknown): void => options.onBug(error)
  const playerKeys = new PlayerKeys(token, system)
  const news = new DaemonNews(torrents, options.subscribe, system)
  const content = new ContentRoutes(torrents, playerKeys, onBug)
  const self = { version, isClosing: false, stop: () => options.onStopAsked(), onSettings: () => options.onSettings?.() }
  const others = [...torrentRoutes(torrents, playerKeys), content.route, ...creationRoutes(torrents), ...groupRoutes(hubs), news.route]
  const routes = [...daemonRoutes(torrents, self, others), ...others].map((each) =>
    guarded(each, new OwnFolder(options.folder), () => options.whenSaved?.()),
  )
  const door = await WebDoor.open({
    words: DAEMON_WORDS,
    routes,
    authenticator: new DaemonCallers(token),
    idempotentCalls: new RememberedCalls(),
    system,
    onBug,
    ...(options.checksReplies === undefined ? {} : { checksReplies: options.checksReplies }),
  })
  const sweeping = setInterval(() => void door.sweep().catch(onBug), SWEEP_MS)
  sweeping.unref()
  return {
    door,
    routes,
    beginClosing: () => {
      self.isClosing = true
      news.close()
      content.close()
    },
    close: async () => {
      clearInterval(sweeping)
      news.close()
      content.close()
      await door.close()
    },
  }
}

/** A write keeps out of the daemon's own folder, and is answered when it would survive the end of the process. */
function guarded(route: DaemonRoute, own: OwnFolder, whenSaved: () => Promise<void> | undefined): DaemonRoute {
  if (route.method === 'GET') return route
  return {
    ...route,
    handle: async (call) => {
      await own.requireOutside(call.body)
      const answer = await route.handle(call)
      await whenSaved()
      return answer
    },
  }
}

async function listenOnFreePort(server: Server, first: number): Promise<void> {
  const last = first === 0 ? 0 : Math.min(65_535, first + PORTS_TO_TRY)
  for (let port = first; port <= last; port++) {
    const error = await listenOn(server, port)
    if (error === undefined) return
    if (error.code !== 'EADDRINUSE') {
      throw new DaemonAccessError('LISTEN_FAILED', `Cannot listen on ${HOST}:${port}: ${error.message}. Choose another with --port`, {
        cause: error,
      })
    }
  }
  throw new DaemonAccessError(
    'PORT_IN_USE',
    `Cannot listen on ${HOST}: the ports ${first} to ${last} are all in use. Choose another with --port`,
  )
}

function listenOn(server: Server, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(error)
    server.once('error', onError)
    server.listen(port, HOST, () => {
      server.off('error', onError)
      resolve(undefined)
    })
  })
}
