import type { Socket } from 'node:net'
import { CONTROL_HELLO_MS, CONTROL_SILENCE_MS, type HubMessage, type PeerMessage } from '@shoal/api/control-channel'
import type { RawData, WebSocket } from 'ws'
import type { HubSystem } from '../system.ts'
import type { ConnectedHost, ControlCaller } from './connected-host.ts'
import { readPeerMessage } from './peer-message.ts'

/** Why the hub closes a channel. Stable: peers match on it. */
export type GoodbyeCode =
  | 'HELLO_TIMEOUT' // nothing was said in time
  | 'MALFORMED' // a frame that is no message
  | 'UNEXPECTED' // a message that has no place there
  | 'RATE_LIMITED'
  | 'REPLACED' // the same host has connected again
  | 'NOT_SIGNED_IN' // the account was banned, or its token taken back
  | 'BUSY'
  | 'STOPPING' // the hub goes; it comes back, perhaps

/** How a channel was admitted. */
export interface Admission {
  readonly caller: ControlCaller
  /** false: the address is that of a proxy nobody has told us of, and not to be dialled. */
  readonly isDialable: boolean
  /** Who calls as of now. Rejects when the account is banned or its token taken back. */
  callerNow(): Promise<ControlCaller>
}

type Hello = Extract<PeerMessage, { type: 'hello' }>
type Publish = Extract<PeerMessage, { type: 'publish' }>
type Withdraw = Extract<PeerMessage, { type: 'withdraw' }>
type Pieces = Extract<PeerMessage, { type: 'pieces' }>

/** What a connection asks of the channel it belongs to. */
export interface ControlOwner {
  onHello(connection: ControlConnection, hello: Hello): Promise<void>
  onCall(connection: ControlConnection, host: ConnectedHost, call: Publish | Withdraw): Promise<void>
  onPieces(connection: ControlConnection, host: ConnectedHost, message: Pieces): void
  onClosed(connection: ControlConnection): void
  /** Of all connections: what has come of frames that are not whole yet, and of calls that wait. */
  readonly memory: { waitingBytes: number }
  onBug(error: unknown): void
}

/** Before it has said who it is, a connection may send no more than that takes. */
const HELLO_BYTES = 4_096
/** Messages at once, and in a second from then on: a peer with a thousand torrents tells of all of them when it comes. */
const MESSAGE_BURST = 3_000
const MESSAGES_PER_SECOND = 100
/** Publishes and withdrawals of one peer that wait their turn. */
const MAX_WAITING_CALLS = 32
/** Of all peers. */
export const MAX_WAITING_BYTES: number = 256 << 20
/** A peer that does not read is given up. */
const MAX_UNSENT_BYTES = 1 << 20

/** One WebSocket: turns frames into calls, in order, and keeps the rules that need no knowledge of others. */
export class ControlConnection {
  readonly admission: Admission
  /** Since the welcome. */
  host: ConnectedHost | undefined
  /** Torrents that it was told to watch. */
  readonly watched: Set<string> = new Set()
  /** What it publishes: info hash by name. */
  readonly published: Map<string, string> = new Map()
  /** What it was last told of copies, by info hash. */
  readonly toldCopies: Map<string, string> = new Map()
  readonly #socket: WebSocket
  readonly #owner: ControlOwner
  readonly #system: HubSystem
  readonly #openedAt: number
  #heardAt: number
  #hasGreeted = false
  #isClosed = false
  #tokens = MESSAGE_BURST
  #tokensAt: number
  /** Bytes of the frame that is coming. */
  #frameBytes = 0
  #waitingCalls = 0
  /** Calls are worked off one after the other. */
  #turn: Promise<void> = Promise.resolve()
  readonly #pings = new Map<number, (at: number) => void>()
  #nextPing = 1

  constructor(socket: WebSocket, raw: Socket, admission: Admission, owner: ControlOwner, system: HubSystem) {
    this.admission = admission
    this.#socket = socket
    this.#owner = owner
    this.#system = system
    this.#openedAt = system.now()
    this.#heardAt = this.#openedAt
    this.#tokensAt = this.#openedAt
    const onBytes = (chunk: Uint8Array): void => this.#onBytes(chunk.length)
    // before ws, which takes the frame apart in its own listener
    raw.prependListener('data', onBytes)
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary))
    socket.on('ping', () => this.#onHeartbeat())
    socket.on('pong', () => this.#onHeartbeat())
    // Too large, no UTF-8, no WebSocket: ws closes by itself.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      raw.off('data', onBytes)
      this.#end()
    })
  }

  get isOpen(): boolean {
    return !this.#isClosed
  }

  send(message: HubMessage): void {
    if (this.#isClosed) return
    this.#socket.send(JSON.stringify(message), () => undefined)
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) this.#socket.terminate()
  }

  goodbye(code: GoodbyeCode, detail: string): void {
    if (this.#isClosed) return
    this.send({ type: 'goodbye', code, detail })
    this.#socket.close(code === 'STOPPING' ? 1001 : 1008, code)
    this.#end()
  }

  /** A round trip of the channel. @returns when the answer came, on the clock of the system; undefined when none did */
  ping(timeoutMs: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve(undefined)
        return
      }
      const call = this.#nextPing++
      const finish = (at: number | undefined): void => {
        clearTimeout(timer)
        this.#pings.delete(call)
        resolve(at)
      }
      const timer = setTimeout(() => finish(undefined), timeoutMs)
      this.#pings.set(call, (at) => finish(Number.isNaN(at) ? undefined : at))
      this.send({ type: 'ping', call })
    })
  }

  /** To be called every few seconds. */
  onTick(sendsPing: boolean): void {
    const now = this.#system.now()
    if (!this.#hasGreeted && now - this.#openedAt >= CONTROL_HELLO_MS) {
      this.goodbye('HELLO_TIMEOUT', `No hello has come within ${CONTROL_HELLO_MS / 1_000} s`)
    } else if (now - this.#heardAt >= CONTROL_SILENCE_MS) this.terminate()
    else if (sendsPing && !this.#isClosed) this.#socket.ping()
  }

  /** Whoever is silent reads no goodbye. */
  terminate(): void {
    this.#socket.terminate()
    this.#end()
  }

  /** It may come between the parts of a large message, which go on being counted. */
  #onHeartbeat(): void {
    this.#heardAt = this.#system.now()
    if (this.#frameBytes < HELLO_BYTES) this.#onWhole()
  }

  #onWhole(): void {
    this.#owner.memory.waitingBytes -= this.#frameBytes
    this.#frameBytes = 0
  }

  /** What ws keeps of a frame, or of a message in many frames, until it is whole. */
  #onBytes(length: number): void {
    if (this.#isClosed) return
    this.#frameBytes += length
    this.#owner.memory.waitingBytes += length
    if (!this.#hasGreeted && this.#frameBytes > HELLO_BYTES) this.goodbye('UNEXPECTED', 'More has come than a hello, before the hello')
    else if (this.#owner.memory.waitingBytes > MAX_WAITING_BYTES && this.#frameBytes > HELLO_BYTES) {
      this.goodbye('BUSY', 'Too much is being published at once. Try again in a minute')
    }
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isClosed) return
    const arrivedAt = this.#system.now()
    this.#heardAt = arrivedAt
    this.#onWhole()
    if (!this.#takeToken(arrivedAt)) {
      this.goodbye('RATE_LIMITED', `More than ${MESSAGES_PER_SECOND} messages a second have come`)
      return
    }
    if (isBinary) {
      this.goodbye('MALFORMED', 'Cannot read binary frames: messages are JSON in text frames')
      return
    }
    // A text frame is one Buffer: ws puts fragments together and has checked that it is UTF-8.
    const text = (data as Buffer).toString()
    const message = readPeerMessage(text)
    if ('refusal' in message) this.goodbye('MALFORMED', `Cannot read this message: ${message.refusal}`)
    else this.#onPeerMessage(message, text.length, arrivedAt)
  }

  #onPeerMessage(message: PeerMessage, length: number, arrivedAt: number): void {
    if (message.type === 'hello') {
      if (this.#hasGreeted) this.goodbye('UNEXPECTED', 'A second hello has come')
      else {
        this.#hasGreeted = true
        this.#inTurn(0, () => this.#owner.onHello(this, message))
      }
      return
    }
    if (!this.#hasGreeted) {
      this.goodbye('UNEXPECTED', `The first message is hello, and not ${message.type}`)
      return
    }
    switch (message.type) {
      case 'pong':
        this.#pings.get(message.call)?.(arrivedAt)
        break
      case 'pieces':
        // A peer that does not wait for its welcome tells again soon.
        if (this.host !== undefined) this.#owner.onPieces(this, this.host, message)
        break
      case 'publish':
      case 'withdraw':
        if (this.#waitingCalls >= MAX_WAITING_CALLS) {
          this.goodbye('RATE_LIMITED', `More than ${MAX_WAITING_CALLS} calls wait for their answers`)
          break
        }
        this.#inTurn(length, async () => {
          if (this.host !== undefined) await this.#owner.onCall(this, this.host, message)
        })
        break
      default:
        message satisfies never
    }
  }

  #inTurn(bytes: number, work: () => Promise<void>): void {
    this.#waitingCalls++
    this.#owner.memory.waitingBytes += bytes
    this.#turn = this.#turn
      .then(() => (this.#isClosed ? undefined : work()))
      .catch((error: unknown) => this.#owner.onBug(error))
      .finally(() => {
        this.#waitingCalls--
        this.#owner.memory.waitingBytes -= bytes
      })
  }

  #takeToken(now: number): boolean {
    this.#tokens = Math.min(MESSAGE_BURST, this.#tokens + ((now - this.#tokensAt) / 1_000) * MESSAGES_PER_SECOND)
    this.#tokensAt = now
    this.#tokens--
    return this.#tokens >= 0
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#owner.memory.waitingBytes -= this.#frameBytes
    this.#frameBytes = 0
    for (const answer of this.#pings.values()) answer(Number.NaN)
    this.#owner.onClosed(this)
  }
}
