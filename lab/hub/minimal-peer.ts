import { randomBytes } from 'node:crypto'
import { CONTROL_HEARTBEAT_MS, CONTROL_PATH, HubMessage, type PeerMessage } from '@shoal/api/control-channel'
import { encodePieceMap } from '@shoal/api/piece-map'
import { ProblemError, problemCodeOf } from '@shoal/api/problem'
import type { Bitfield } from '@shoal/protocol/bitfield'
import { Check } from 'typebox/schema'
import WebSocket from 'ws'

export interface MinimalPeerOptions {
  /** `http://127.0.0.1:6880` */
  readonly hub: string
  readonly name: string
  /** Where it says that it takes BitTorrent connections. */
  readonly port: number
  readonly token?: string
  /** To be known again; a new one unless given. */
  readonly hostKey?: string
}

type Welcome = Extract<HubMessage, { type: 'welcome' }>
type Done = Extract<HubMessage, { type: 'done' }>

interface Waiting {
  readonly resolve: (done: Done) => void
  readonly reject: (error: Error) => void
}

/**
 * The least that a peer has to do on the control channel: says hello, publishes, tells its pieces, answers pings. It
 * moves no data; for tests of a hub, and for whoever writes another client and wants to see what goes over the wire.
 */
export class MinimalPeer {
  readonly welcome: Welcome
  readonly #socket: WebSocket
  readonly #calls = new Map<number, Waiting>()
  readonly #heartbeat: NodeJS.Timeout
  #lastCall = 0

  private constructor(socket: WebSocket, welcome: Welcome) {
    this.#socket = socket
    this.welcome = welcome
    this.#heartbeat = setInterval(() => socket.ping(), CONTROL_HEARTBEAT_MS)
    socket.on('message', (data) => this.#onMessage(messageOf(data)))
    socket.on('close', () => {
      clearInterval(this.#heartbeat)
      for (const { reject } of this.#calls.values()) reject(new Error('The hub closed the channel'))
      this.#calls.clear()
    })
  }

  static connect({ hub, name, port, token, hostKey = newHostKey() }: MinimalPeerOptions): Promise<MinimalPeer> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const socket = new WebSocket(hub.replace(/^http/, 'ws') + CONTROL_PATH, { headers, perMessageDeflate: false })
    return new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.once('open', () => send(socket, { type: 'hello', hostKey, name, port, version: 'minimal-peer 1' }))
      socket.once('close', (code) => reject(new Error(`The hub closed the channel (${code})`)))
      socket.once('message', (data) => {
        const message = messageOf(data)
        if (message?.type === 'welcome') resolve(new MinimalPeer(socket, message))
        else reject(new Error(`The hub does not welcome us: ${JSON.stringify(message)}`))
      })
    })
  }

  /** @throws {ProblemError} what the hub refuses */
  async publish(name: string, torrent: Uint8Array, localPath?: string): Promise<string> {
    const { entryId } = await this.#call((call) => ({
      type: 'publish',
      call,
      name,
      torrent: Buffer.from(torrent).toString('base64'),
      ...(localPath === undefined ? {} : { localPath }),
    }))
    return entryId ?? ''
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async withdraw(name: string): Promise<void> {
    await this.#call((call) => ({ type: 'withdraw', call, name }))
  }

  tellPieces(infoHash: string, have: Bitfield): void {
    send(this.#socket, { type: 'pieces', infoHash, map: encodePieceMap(have) })
  }

  /** Without a word, as when somebody pulls the plug. */
  vanish(): void {
    this.#socket.terminate()
  }

  /** Resolves when the hub has heard of it. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve())
      this.#socket.close()
    })
  }

  #call(message: (call: number) => PeerMessage): Promise<Done> {
    const call = ++this.#lastCall
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject })
      send(this.#socket, message(call))
    })
  }

  #onMessage(message: HubMessage | undefined): void {
    if (message?.type === 'ping') send(this.#socket, { type: 'pong', call: message.call })
    if (message?.type === 'done') this.#take(message.call)?.resolve(message)
    if (message?.type === 'refused') {
      const { code, status, detail } = message.problem
      this.#take(message.call)?.reject(new ProblemError(problemCodeOf(code, status), detail))
    }
  }

  #take(call: number): Waiting | undefined {
    const waiting = this.#calls.get(call)
    this.#calls.delete(call)
    return waiting
  }
}

export function newHostKey(): string {
  return randomBytes(32).toString('base64url')
}

function send(socket: WebSocket, message: PeerMessage): void {
  socket.send(JSON.stringify(message))
}

function messageOf(data: WebSocket.RawData): HubMessage | undefined {
  const message: unknown = JSON.parse((data as Buffer).toString())
  return Check(HubMessage, message) ? (message as HubMessage) : undefined
}
