import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { type HubConfig, type HubConfigChanges, resolveHubConfig } from './config.ts'
import { asListenError, HubError } from './errors.ts'
import { type HomePageFacts, servePages } from './home-page.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from './system.ts'
import { type AccessPolicy, OPEN_ACCESS } from './tracker/access.ts'
import { Tracker } from './tracker/announce.ts'
import { ConnectionIds } from './tracker/connection-id.ts'
import { HttpTracker } from './tracker/http.ts'
import { UdpTracker } from './tracker/udp.ts'

export { HubError, type HubErrorCode } from './errors.ts'

/** Everything has its default: `startHub()` serves this machine on port 6880. */
export interface HubOptions extends HubConfigChanges {
  /** Who may announce what; everybody everything by default. */
  readonly access?: AccessPolicy
  /** Hears of what cannot happen (a bug). Goes to standard error by default. */
  readonly onBug?: (error: unknown) => void
  readonly system?: HubSystem
}

/** A hub that serves, until it is closed. */
export interface Hub {
  readonly httpPort: number
  readonly udpPort: number
  /** Announce URLs that work on this machine, and in its network when the hub listens there. */
  readonly urls: { readonly http: string; readonly udp: string }
  stats(): HubStats
  /** Frees the ports within a second, whoever is still connected. */
  close(): Promise<void>
}

export interface HubStats {
  readonly uptimeMs: number
  readonly swarms: number
  readonly peers: number
  readonly httpAnnounces: number
  readonly httpScrapes: number
  readonly httpFailures: number
  readonly udpConnects: number
  readonly udpAnnounces: number
  readonly udpScrapes: number
  readonly udpDropped: number
}

const SWEEP_EVERY_MS = 1_000
/** Peers looked at in one sweep: under a millisecond, and two million in two minutes. */
const SWEEP_BUDGET = 20_000
/** With port 0 the system chooses for TCP; the same number may be taken for UDP. */
const PORT_ATTEMPTS = 10

/** @throws {HubError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`, `HOST_UNAVAILABLE`, `OPTION_INVALID`, `LISTEN_FAILED` */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const { access = OPEN_ACCESS, system = REAL_HUB_SYSTEM, onBug = reportBug, ...changes } = options
  const config = resolveHubConfig(changes)
  const tracker = new Tracker(config.tracker, system, access)
  const connectionIds = new ConnectionIds(system)
  const facts = (): HomePageFacts => ({
    httpUrl: urls.http,
    udpUrl: urls.udp,
    swarmCount: tracker.store.swarmCount,
    peerCount: tracker.store.peerCount,
  })
  const surroundings = { fallback: servePages(facts), onBug }

  const { http, udp, port } = await openBoth(config, () => ({
    http: new HttpTracker(tracker, surroundings, {
      maxConnections: config.maxHttpConnections,
      maxConnectionsPerAddress: config.maxHttpConnectionsPerAddress,
    }),
    udp: new UdpTracker(tracker, connectionIds, onBug),
  }))
  const urls = announceUrls(config.host, port)
  const startedAt = system.now()
  const sweeping = setInterval(() => tracker.sweep(SWEEP_BUDGET), SWEEP_EVERY_MS)
  sweeping.unref()

  return {
    httpPort: port,
    udpPort: port,
    urls,
    stats: () => ({
      uptimeMs: Math.round(system.now() - startedAt),
      swarms: tracker.store.swarmCount,
      peers: tracker.store.peerCount,
      httpAnnounces: http.counts.announces,
      httpScrapes: http.counts.scrapes,
      httpFailures: http.counts.failures,
      udpConnects: udp.counts.connects,
      udpAnnounces: udp.counts.announces,
      udpScrapes: udp.counts.scrapes,
      udpDropped: udp.counts.dropped,
    }),
    close: async () => {
      clearInterval(sweeping)
      await Promise.all([http.close(), udp.close()])
    },
  }
}

interface Doors {
  readonly http: HttpTracker
  readonly udp: UdpTracker
}

/** Both doors on one port number, or none. */
async function openBoth(config: HubConfig, makeDoors: () => Doors): Promise<Doors & { port: number }> {
  const host = await addressOf(config.host)
  for (let attempt = 1; ; attempt++) {
    const doors = makeDoors()
    const port = await doors.http.listen(host, config.port).catch((error: unknown) => {
      throw asListenError(error, 'TCP', config.host, config.port)
    })
    try {
      await doors.udp.listen(host, port)
      if (host === '::') await doors.udp.listen('0.0.0.0', port)
      return { ...doors, port }
    } catch (error) {
      await Promise.all([doors.http.close(), doors.udp.close()])
      const reason = asListenError(error, 'UDP', config.host, port)
      if (config.port !== 0 || reason.code !== 'PORT_IN_USE' || attempt === PORT_ATTEMPTS) throw reason
    }
  }
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address
  } catch (cause) {
    throw new HubError('HOST_UNAVAILABLE', `Cannot listen on ${JSON.stringify(host)}: no address has that name`, { cause })
  }
}

function announceUrls(host: string, port: number): { http: string; udp: string } {
  const shown = host === '0.0.0.0' || host === '::' ? networkAddress() : host
  const authority = `${shown.includes(':') ? `[${shown}]` : shown}:${port}`
  return { http: `http://${authority}/announce`, udp: `udp://${authority}/announce` }
}

/** The first IPv4 address that other machines may know this one by. */
function networkAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const usable = addresses?.find((address) => address.family === 'IPv4' && !address.internal)
    if (usable !== undefined) return usable.address
  }
  return '127.0.0.1'
}

function reportBug(error: unknown): void {
  console.error('The hub met something that cannot happen, and goes on:', error)
}
