import { CONTROL_HEARTBEAT_MS, CONTROL_HELLO_MS, CONTROL_SILENCE_MS, type HubMessage, type PeerMessage } from '@shoal/api/control-channel'
import { type Problem, ProblemError, problemCodeOf } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { ControlSocket, OpenControlSocket, SocketEnd } from './control-socket.ts'
import { readHubMessage } from './hub-message.ts'
import type { HubsSystem } from './hubs-system.ts'

/** Who this peer is for hubs. */
export interface LinkIdentity {
  readonly hostKey: string
  readonly name: string
  /** Where it takes BitTorrent connections. */
  readonly port: number
  readonly version: string
}

export type Welcome = Extract<HubMessage, { type: 'welcome' }>
export type Copies = Extract<HubMessage, { type: 'copies' }>
type PublishCall = Omit<Extract<PeerMessage, { type: 'publish' }>, 'type' | 'call'>
type Done = Extract<HubMessage, { type: 'done' }>

//                       ┌──────────────── time ───────────────────┐
//                       ▼                                         │
//  stopped ─start─► connecting ─welcome─► connected ─break─► away ┤
//                       │                     │                   │
//                       └──────── no ─────────┴──► refused ───────┘      (much) more time, or `retryNow`
export type LinkStatus =
  | { readonly status: 'stopped' }
  | { readonly status: 'connecting' }
  | { readonly status: 'connected'; readonly welcome: Welcome }
  /** `nextTryAt` is on the clock of `now`. */
  | { readonly status: 'away'; readonly reason: string; readonly nextTryAt: number }
  /** The hub does not want us as we are; somebody has to do something. */
  | { readonly status: 'refused'; readonly reason: string; readonly nextTryAt: number }

export interface HubLinkOptions {
  readonly url: string
  readonly token: string | undefined
  readonly identity: () => LinkIdentity
  readonly system: HubsSystem
  readonly openSocket: OpenControlSocket
}

export interface HubLinkOwner {
  onStatus(status: LinkStatus): void
  onWatch(infoHash: string, isWatched: boolean): void
  onCopies(copies: Copies): void
}

/** The channel broke before the hub answered: nobody knows whether it heard. */
export class LinkAway extends Error {
  override readonly name = 'LinkAway'
}

interface WaitingCall {
  readonly message: PeerMessage & { readonly call: number }
  readonly resolve: (done: Done) => void
  readonly reject: (error: Error) => void
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000
/** A hub that said no is asked again all the same: it may let visitors in by now. */
const REFUSED_WAIT_MS = 5 * 60_000
/** A channel that held so long was a good one. */
const GOOD_AFTER_MS = 30_000
/** The hub closes the channel of whoever has 32 out; each may be 15 MiB. */
const MAX_CALLS_OUT = 4
/** A hub that has not decided after so long will not. */
const CALL_MS = 60_000
/** More is not handed to a socket that does not get rid of it. */
const MAX_UNSENT_BYTES = 1 << 20

/**
 * The peer's side of the control channel to one hub, for as long as the peer lives: says hello, answers pings, and comes back
 * after every break. Waiting doubles up to half a minute, with a share of chance in it, so that a hub that comes back does not
 * meet everybody at once. Transfers know nothing of all this.
 */
export class HubLink {
  readonly #options: HubLinkOptions
  readonly #owner: HubLinkOwner
  #token: string | undefined
  #status: LinkStatus = { status: 'stopped' }
  #socket: ControlSocket | undefined
  /** Of the time between two tries; or of the hub's silence. */
  #timer: { cancel(): void } | undefined
  #heardAt = 0
  #welcomedAt = 0
  #failures = 0
  #lastCall = 0
  readonly #queued: WaitingCall[] = []
  readonly #out = new Map<number, WaitingCall & { readonly timer: { cancel(): void } }>()
  #goodbye: Extract<HubMessage, { type: 'goodbye' }> | undefined
  #hasToldPieces = false
  /** The hub closed the channel over them, so it is older than they are. */
  #knowsNoPieces = false

  constructor(options: HubLinkOptions, owner: HubLinkOwner) {
    this.#options = options
    this.#owner = owner
    this.#token = options.token
  }

  get status(): LinkStatus {
    return this.#status
  }

  start(): void {
    if (this.#status.status === 'stopped') this.#connect()
  }

  /** Says nothing more; the hub sees us go. */
  stop(): void {
    this.#drop('this peer leaves the hub')
    this.#set({ status: 'stopped' })
  }

  /** As somebody else from now on. */
  setToken(token: string | undefined): void {
    this.#token = token
    this.reconnect()
  }

  /** What the hello said has changed. */
  reconnect(): void {
    if (this.#status.status === 'stopped') return
    this.#drop('this peer connects anew')
    this.#failures = 0
    this.#connect()
  }

  /** There is reason to believe that it would work now. */
  retryNow(): void {
    if (this.#status.status === 'away' || this.#status.status === 'refused') this.#connect()
  }

  /** @throws {LinkAway} @throws {ProblemError} what the hub refuses */
  publish(what: PublishCall): Promise<Done> {
    return this.#call((call) => ({ type: 'publish', call, ...what }))
  }

  /** @throws {LinkAway} @throws {ProblemError} what the hub refuses */
  async withdraw(name: string): Promise<void> {
    await this.#call((call) => ({ type: 'withdraw', call, name }))
  }

  /** @returns whether it went out: not when the hub is away, does not read, or is too old for it */
  tellPieces(infoHash: string, map: string): boolean {
    const socket = this.#socket
    if (this.#status.status !== 'connected' || socket === undefined || this.#knowsNoPieces) return false
    if (socket.unsentBytes > MAX_UNSENT_BYTES) return false
    this.#hasToldPieces = true
    this.#send({ type: 'pieces', infoHash, map })
    return true
  }

  #connect(): void {
    this.#timer?.cancel()
    this.#goodbye = undefined
    this.#hasToldPieces = false
    this.#set({ status: 'connecting' })
    const socket: ControlSocket = this.#options.openSocket(this.#options.url, this.#token, {
      onOpen: () => {
        if (this.#socket !== socket) return
        this.#send({ type: 'hello', ...this.#options.identity() })
        this.#heardAt = this.#options.system.now()
        this.#timer = this.#options.system.after(CONTROL_HELLO_MS, () => this.#onSilence('the hub does not answer a hello'))
      },
      onText: (text) => {
        if (this.#socket === socket) this.#onText(text)
      },
      onHeartbeat: () => {
        if (this.#socket === socket) this.#heardAt = this.#options.system.now()
      },
      onEnd: (end) => {
        if (this.#socket === socket) this.#onEnd(end)
      },
    })
    this.#socket = socket
  }

  #onText(text: string): void {
    this.#heardAt = this.#options.system.now()
    const message = readHubMessage(text)
    if (message === undefined) return
    switch (message.type) {
      case 'welcome':
        if (this.#status.status === 'connecting') this.#onWelcome(message)
        break
      case 'ping':
        this.#send({ type: 'pong', call: message.call })
        break
      case 'done':
        this.#take(message.call)?.resolve(message)
        break
      case 'refused':
        this.#take(message.call)?.reject(problemErrorOf(message.problem))
        break
      case 'watch':
      case 'unwatch':
        this.#owner.onWatch(message.infoHash, message.type === 'watch')
        break
      case 'copies':
        this.#owner.onCopies(message)
        break
      case 'goodbye':
        this.#goodbye = { ...message, detail: cleanText(message.detail, 300) }
        break
      default:
        message satisfies never
    }
  }

  #onWelcome(welcome: Welcome): void {
    this.#welcomedAt = this.#options.system.now()
    this.#timer?.cancel()
    this.#beat()
    this.#set({
      status: 'connected',
      welcome: { ...welcome, name: cleanText(welcome.name, 60), hubName: cleanText(welcome.hubName, 60), ip: cleanText(welcome.ip, 45) },
    })
  }

  #beat(): void {
    this.#timer = this.#options.system.after(CONTROL_HEARTBEAT_MS, () => {
      if (this.#options.system.now() - this.#heardAt >= CONTROL_SILENCE_MS) {
        this.#onSilence(`nothing was heard of it for ${CONTROL_SILENCE_MS / 1_000} s`)
        return
      }
      this.#socket?.ping()
      this.#beat()
    })
  }

  #onSilence(reason: string): void {
    const socket = this.#socket
    this.#onEnd({ reason })
    socket?.terminate()
  }

  #onEnd(end: SocketEnd): void {
    const wasConnected = this.#status.status === 'connected'
    const wasGood = wasConnected && this.#options.system.now() - this.#welcomedAt >= GOOD_AFTER_MS
    const goodbye = this.#goodbye
    this.#socket = undefined
    this.#timer?.cancel()
    if (wasGood) this.#failures = 0
    if (wasConnected && (goodbye?.code === 'MALFORMED' || goodbye?.code === 'UNEXPECTED')) this.#blame(goodbye.detail)
    this.#rejectCalls(end.reason)
    const refusal = refusalOf(this.#options.url, end, goodbye)
    const waitMs = refusal === undefined ? this.#waitMs(end.problem, goodbye?.code) : REFUSED_WAIT_MS
    const nextTryAt = this.#options.system.now() + waitMs
    this.#timer = this.#options.system.after(waitMs, () => this.#connect())
    this.#set(
      refusal === undefined
        ? { status: 'away', reason: goodbye?.detail ?? end.reason, nextTryAt }
        : { status: 'refused', reason: refusal, nextTryAt },
    )
  }

  /** An older hub does not know a message, or a field of it. It is not sent again, and the rest works. */
  #blame(detail: string): void {
    const [oldest] = this.#out.values()
    if (oldest !== undefined) {
      this.#take(oldest.message.call)
      oldest.reject(new ProblemError('UNSUPPORTED_TYPE', `The hub at ${this.#options.url} does not understand this peer: ${detail}`))
    } else if (this.#hasToldPieces) this.#knowsNoPieces = true
  }

  #waitMs(problem: Problem | undefined, goodbye: string | undefined): number {
    const asked = goodbye === 'BUSY' || goodbye === 'RATE_LIMITED' ? 10_000 : (problem?.retryAfterSeconds ?? 0) * 1_000
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures++, 10))
    const half = Math.floor(doubled / 2)
    return Math.min(REFUSED_WAIT_MS, asked) + half + Math.floor(half * chance(this.#options.system))
  }

  /** What comes of the socket from now on is no news. */
  #drop(reason: string): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#timer?.cancel()
    socket?.close()
    this.#rejectCalls(reason)
  }

  #call(message: (call: number) => WaitingCall['message']): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.#status.status !== 'connected') {
        reject(new LinkAway(`The hub at ${this.#options.url} is away`))
        return
      }
      this.#queued.push({ message: message(++this.#lastCall), resolve, reject })
      this.#sendQueued()
    })
  }

  #sendQueued(): void {
    while (this.#out.size < MAX_CALLS_OUT) {
      const next = this.#queued.shift()
      if (next === undefined) return
      const { call } = next.message
      const timer = this.#options.system.after(CALL_MS, () => {
        this.#take(call)?.reject(new LinkAway(`The hub at ${this.#options.url} has not answered within ${CALL_MS / 1_000} s`))
      })
      this.#out.set(call, { ...next, timer })
      this.#send(next.message)
    }
  }

  #take(call: number): WaitingCall | undefined {
    const waiting = this.#out.get(call)
    if (waiting === undefined) return undefined
    waiting.timer.cancel()
    this.#out.delete(call)
    this.#sendQueued()
    return waiting
  }

  #rejectCalls(reason: string): void {
    const waiting = [...this.#out.values(), ...this.#queued]
    for (const { timer } of this.#out.values()) timer.cancel()
    this.#out.clear()
    this.#queued.length = 0
    for (const { reject } of waiting) reject(new LinkAway(`The channel to ${this.#options.url} broke: ${reason}`))
  }

  #send(message: PeerMessage): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #set(status: LinkStatus): void {
    this.#status = status
    this.#owner.onStatus(status)
  }
}

/** In [0, 1), in steps that are fine enough for a wait. */
function chance(system: HubsSystem): number {
  const [high = 0, low = 0] = system.randomBytes(2)
  return ((high << 8) | low) / 0x1_0000
}

/** What a refusal of the hub is for whoever asked: its words, without what could steer a terminal. */
function problemErrorOf({ code, status, detail, retryAfterSeconds }: Problem): ProblemError {
  const extras = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  return new ProblemError(problemCodeOf(code, status), cleanText(detail, 1_000), extras)
}

/** Why trying again soon would change nothing, and what to do; undefined when it might. */
function refusalOf(url: string, end: SocketEnd, goodbye: { code: string; detail: string } | undefined): string | undefined {
  if (goodbye?.code === 'NOT_SIGNED_IN' || end.status === 401) {
    const said = goodbye?.detail ?? end.problem?.detail
    return `${said === undefined ? 'The hub does not know who this is' : withoutStop(said)}. Sign in: login`
  }
  if (goodbye?.code === 'REPLACED') {
    return 'Another program with the same key of this peer is connected there. Stop one of the two: was the state folder copied?'
  }
  const { status } = end
  if (status === undefined || status === 429 || status >= 500) return undefined
  if (status === 403) return `${withoutStop(end.problem?.detail ?? 'The hub does not let this account in')}. Ask whoever runs the hub`
  if (status >= 300 && status < 400) return `${url} sends callers elsewhere (status ${status}). Connect to the address that it leads to`
  return `What answers at ${url} has no control channel (status ${status}). Is it a Shoal hub, and of this version?`
}

function withoutStop(text: string): string {
  return cleanText(text, 300).replace(/\.+$/, '')
}
