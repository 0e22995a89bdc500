import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { HubConfig } from './config.ts'
import { asListenError, HubError } from './errors.ts'
import type { HubStats } from './hub.ts'
import type { HubRooms } from './hub-rooms.ts'
import type { HubSystem } from './system.ts'
import { TlsDoor } from './tls-door.ts'
import { TlsFiles } from './tls-files.ts'
import { ConnectionIds } from './tracker/connection-id.ts'
import { HttpTracker, type HttpTrackerSurroundings } from './tracker/http.ts'
import { UdpTracker } from './tracker/udp.ts'

export interface DoorNeeds {
  readonly rooms: HubRooms
  /** What is not the tracker's. */
  readonly web: Pick<HttpTrackerSurroundings, 'fallback' | 'upgrade'>
  readonly system: HubSystem
  readonly onBug: (error: unknown) => void
}

type DoorCounts = Omit<HubStats, 'uptimeMs' | 'swarms' | 'peers'>

/** With port 0 the system chooses for TCP; the same number may be taken for UDP. */
const PORT_ATTEMPTS = 10
/** Answers under way when the hub closes may still go out for so long. */
const CLOSE_GRACE_MS = 500

/** The ports of a hub: HTTP or HTTPS, and UDP on the same number. Both open, or none. */
export class HubDoors {
  readonly #config: HubConfig
  readonly #address: string
  readonly #tls: TlsFiles | undefined
  #http: HttpTracker | undefined
  #udp: UdpTracker | undefined
  #secure: TlsDoor | undefined
  #port = 0

  private constructor(config: HubConfig, address: string, tls: TlsFiles | undefined) {
    this.#config = config
    this.#address = address
    this.#tls = tls
  }

  /** @throws {HubError} `HOST_UNAVAILABLE`, `OPTION_INVALID` */
  static async prepare(config: HubConfig): Promise<HubDoors> {
    const tls = config.tls === undefined ? undefined : await TlsFiles.open(config.tls)
    return new HubDoors(config, await addressOf(config.host), tls)
  }

  /** 0 until they are open. */
  get port(): number {
    return this.#port
  }

  /** As people type it who are here, or in the network of this machine: without a slash at the end. */
  get url(): string {
    if (this.#config.publicUrl !== undefined) return this.#config.publicUrl
    const { host } = this.#config
    const shown = host === '0.0.0.0' || host === '::' ? networkAddress() : host
    return `${this.#tls === undefined ? 'http' : 'https'}://${shown.includes(':') ? `[${shown}]` : shown}:${this.#port}`
  }

  /** By which this machine reaches it, whatever becomes of its network. A certificate is for the name that people type. */
  get localUrl(): string {
    if (this.#tls !== undefined) return this.url
    const { host } = this.#config
    const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
    return `http://${reached.includes(':') ? `[${reached}]` : reached}:${this.#port}`
  }

  get certificateExpiresAt(): number | undefined {
    return this.#tls?.expiresAt
  }

  get counts(): DoorCounts {
    const http = this.#http?.counts
    const udp = this.#udp?.counts
    return {
      httpAnnounces: http?.announces ?? 0,
      httpScrapes: http?.scrapes ?? 0,
      httpFailures: http?.failures ?? 0,
      udpConnects: udp?.connects ?? 0,
      udpAnnounces: udp?.announces ?? 0,
      udpScrapes: udp?.scrapes ?? 0,
      udpFailures: udp?.failures ?? 0,
      udpDropped: udp?.dropped ?? 0,
    }
  }

  /** @throws {HubError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`, `HOST_UNAVAILABLE`, `LISTEN_FAILED`: nothing is open then */
  async open(needs: DoorNeeds): Promise<void> {
    const { host, port: asked } = this.#config
    const connectionIds = new ConnectionIds(needs.system)
    for (let attempt = 1; ; attempt++) {
      this.#make(needs, connectionIds)
      const port = await this.#listenTcp(asked).catch((error: unknown) => {
        throw asListenError(error, 'TCP', host, asked)
      })
      try {
        await this.#udp?.listen(this.#address, port)
        if (this.#address === '::') await this.#udp?.listen('0.0.0.0', port)
        this.#port = port
        return
      } catch (error) {
        await this.close()
        const reason = asListenError(error, 'UDP', host, port)
        if (asked !== 0 || reason.code !== 'PORT_IN_USE' || attempt === PORT_ATTEMPTS) throw reason
      }
    }
  }

  async reloadCertificates(): Promise<boolean> {
    return (await this.#tls?.reload()) ?? false
  }

  async close(): Promise<void> {
    await Promise.all([this.#secure?.close(CLOSE_GRACE_MS), this.#http?.close(), this.#udp?.close()])
  }

  #make({ rooms, web, onBug }: DoorNeeds, connectionIds: ConnectionIds): void {
    const { maxHttpConnections: maxConnections, maxHttpConnectionsPerAddress: maxConnectionsPerAddress } = this.#config
    const http = new HttpTracker(rooms.tracker, { ...web, onBug }, { maxConnections, maxConnectionsPerAddress })
    this.#http = http
    this.#udp = new UdpTracker(rooms.tracker, connectionIds, onBug)
    this.#secure =
      this.#tls === undefined ? undefined : new TlsDoor(this.#tls, { maxConnections, accept: (socket) => http.accept(socket), onBug })
  }

  async #listenTcp(port: number): Promise<number> {
    if (this.#secure === undefined) return await this.#http!.listen(this.#address, port)
    this.#http?.watch()
    return await this.#secure.listen(this.#address, port)
  }
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address
  } catch (cause) {
    throw new HubError('HOST_UNAVAILABLE', `Cannot listen on ${JSON.stringify(host)}: no address has that name`, { cause })
  }
}

/** The first IPv4 address that other machines may know this one by. */
function networkAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const usable = addresses?.find((address) => address.family === 'IPv4' && !address.internal)
    if (usable !== undefined) return usable.address
  }
  return '127.0.0.1'
}
