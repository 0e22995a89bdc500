import { once } from 'node:events'
import { createServer } from 'node:net'
import { CONTROL_PATH, type HubMessage } from '@shoal/api/control-channel'
import type { HubEvent } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { WebSocket } from 'ws'
import type { ConnectedHost } from '../src/control/connected-host.ts'
import {
  ControlChannel,
  type ControlChannelOptions,
  type HostMemory,
  type Publishing,
  type PublishMessage,
} from '../src/control/control-channel.ts'
import { ControlDoor } from '../src/http/control-door.ts'
import type { HubRoute } from '../src/http/route.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from '../src/system.ts'
import { type OpenDoor, openDoor } from './web-door-fakes.ts'

export const INFO_HASH = 'a'.repeat(40)
export const PIECES = 1_000

/** Entries by host and name; every torrent is the text of its info hash, and has a thousand pieces. */
export class FakePublishing implements Publishing {
  readonly entries = new Map<string, { name: string; infoHash: string; hostId: string }>()

  async publish(host: ConnectedHost, message: PublishMessage): Promise<{ entryId: string; infoHash: string }> {
    const id = `${message.name}@${host.id}`
    if (this.entries.has(id)) throw new ProblemError('TAKEN', `The name ${message.name} is in use on this host`)
    const infoHash = Buffer.from(message.torrent, 'base64').toString()
    this.entries.set(id, { name: message.name, infoHash, hostId: host.id })
    return { entryId: id, infoHash }
  }
  async withdraw(host: ConnectedHost, name: string): Promise<void> {
    if (!this.entries.delete(`${name}@${host.id}`)) throw new ProblemError('NOT_FOUND', 'No such file')
  }
  async publishedBy(hostId: string): Promise<{ name: string; infoHash: string }[]> {
    return [...this.entries.values()].filter((entry) => entry.hostId === hostId).map(({ name, infoHash }) => ({ name, infoHash }))
  }
  async pieceCountOf(infoHash: string): Promise<number | undefined> {
    return infoHash === INFO_HASH ? PIECES : undefined
  }
}

export class FakeHosts implements HostMemory {
  readonly ids = new Map<string, string>()
  readonly addresses = new Set<string>()

  async remember(hostKey: string, facts: { ip: string; port: number }): Promise<string> {
    this.addresses.add(`${facts.ip} ${facts.port}`)
    const id = this.ids.get(hostKey) ?? `host-${this.ids.size + 1}`
    this.ids.set(hostKey, id)
    return id
  }
  async touch(): Promise<void> {}
  async wasAt(ip: string, port: number): Promise<boolean> {
    return this.addresses.has(`${ip} ${port}`)
  }
}

export interface OpenChannel extends OpenDoor {
  readonly channel: ControlChannel
  readonly publishing: FakePublishing
  readonly hosts: FakeHosts
  readonly events: HubEvent[]
  /** Moves the clock of the hub, and lets it tick. */
  pass(ms: number): void
}

export async function openChannel(
  makeRoutes: (channel: ControlChannel, hosts: FakeHosts, system: HubSystem) => HubRoute[] = () => [],
  changes: Partial<ControlChannelOptions> = {},
): Promise<OpenChannel> {
  let ahead = 0
  const system: HubSystem = { ...REAL_HUB_SYSTEM, now: () => performance.now() + ahead }
  const publishing = new FakePublishing()
  const hosts = new FakeHosts()
  const events: HubEvent[] = []
  const bugs: unknown[] = []
  const channel = new ControlChannel({
    system,
    hosts,
    publishing,
    hubName: () => 'the class',
    onEvent: (event) => events.push(event),
    onBug: (error) => bugs.push(error),
    ...changes,
  })
  const opened = await openDoor(makeRoutes(channel, hosts, system), { onBug: (error) => bugs.push(error), system })
  opened.server.on('upgrade', new ControlDoor(opened.door, opened.accounts, channel, (error) => bugs.push(error)).upgrade)
  return {
    ...opened,
    bugs,
    channel,
    publishing,
    hosts,
    events,
    pass(ms) {
      ahead += ms
      channel.onTick()
    },
    async [Symbol.asyncDispose]() {
      channel.close()
      await opened[Symbol.asyncDispose]()
    },
  }
}

/** A peer as far as the channel is concerned. */
export class TestPeer implements Disposable {
  readonly socket: WebSocket
  readonly received: HubMessage[] = []
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => {
      const message = JSON.parse((data as Buffer).toString()) as HubMessage
      if (message.type === 'ping') this.send({ type: 'pong', call: message.call })
      else this.received.push(message)
      this.#wake()
    })
    socket.on('close', () => this.#wake())
    socket.on('error', () => undefined)
  }

  static async connect(hub: { readonly port: number }, headers: Record<string, string> = {}): Promise<TestPeer> {
    const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${CONTROL_PATH}`, { headers, perMessageDeflate: false })
    const peer = new TestPeer(socket)
    await once(socket, 'open')
    return peer
  }

  /** Connected and welcomed. */
  static async join(
    hub: { readonly port: number },
    name: string,
    changes: { port?: number; key?: string; headers?: Record<string, string> } = {},
  ): Promise<TestPeer> {
    const peer = await TestPeer.connect(hub, changes.headers)
    peer.hello(name, changes)
    await peer.next('welcome')
    return peer
  }

  hello(name: string, { port = 6881, key = name }: { port?: number; key?: string } = {}): void {
    this.send({ type: 'hello', hostKey: keyOf(key), name, port, version: 'test 1' })
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  publish(call: number, name: string, infoHash = INFO_HASH): void {
    this.send({ type: 'publish', call, name, torrent: Buffer.from(infoHash).toString('base64') })
  }

  /** The next message of this type that nobody has waited for yet; earlier ones of other types are skipped. */
  async next<T extends HubMessage['type']>(type: T): Promise<Extract<HubMessage, { type: T }>> {
    for (;;) {
      while (this.#taken < this.received.length) {
        const message = this.received[this.#taken++]!
        if (message.type === type) return message as Extract<HubMessage, { type: T }>
      }
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed before a ${type}; received ${JSON.stringify(this.received)}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, 'close')
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}

function keyOf(text: string): string {
  return Buffer.from(text.padEnd(32).slice(0, 32)).toString('base64url')
}

/** Until `isSo`, turn by turn of the event loop. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}

/** A port that takes connections, as a BitTorrent client's. */
export async function listeningPort(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
