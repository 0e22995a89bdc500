import { uint32 } from '@shoal/protocol/bytes'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import type { AnnounceReply, AnnounceRequest, ScrapeEntry, TrackerFailure } from '@shoal/protocol/tracker/announce'
import {
  encodeAnnounceRequest,
  encodeConnectRequest,
  encodeScrapeRequest,
  parseUdpReply,
  UDP_ACTION,
  type UdpReply,
} from '@shoal/protocol/tracker/udp'
import { EngineError } from '../base/errors.ts'
import type { AbortSignalLike, DatagramSocket, Endpoint, Network } from '../ports/network.ts'
import type { System, Timer } from '../ports/system.ts'

/*
 * Trackers over UDP (BEP 15, with the URL behind the announce of BEP 41): one client for all torrents of a session, with
 * one socket a family, because connection ids can be shared and sockets are few.
 *
 *   ask ─► connection id known and young? ──yes──► send, wait ──reply──► done
 *              │ no                                  │ nothing: send again
 *              └─► connect, wait (all who ask the same tracker wait for the same connect)
 *
 * A reply counts only when it comes from the address that was asked and carries the transaction id that was drawn for
 * the question; everything else that arrives is dropped unread.
 *
 * BEP 15 repeats after 15, 30, 60 … seconds. We begin sooner, since a lost datagram is the usual reason and the first
 * peers are waited for, and give up sooner, since the announcer has other trackers and comes back later.
 */

/** BEP 15: a client may use a connection id for one minute. */
const CONNECTION_LIFE_MS = 60_000
const FIRST_WAIT_MS = 3_000
const LONGEST_TRY_MS = 60_000
/** Everything that is a reply at all. */
const SMALLEST_REPLY = 8

export interface UdpQuestion {
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike
}

interface Pending {
  readonly address: Endpoint
  readonly action: number
  readonly settle: (bytes: Uint8Array) => void
  readonly fail: (error: Error) => void
}

interface Connection {
  readonly id: Uint8Array
  readonly expiresAt: number
}

export class UdpTrackerClient {
  readonly #system: System
  readonly #network: Network
  readonly #sockets = new Map<4 | 6, Promise<DatagramSocket>>()
  readonly #pending = new Map<number, Pending>()
  readonly #connections = new Map<string, Connection>()
  readonly #connecting = new Map<string, Promise<Connection>>()
  #isClosed = false

  constructor(options: { readonly system: System; readonly network: Network }) {
    this.#system = options.system
    this.#network = options.network
  }

  /**
   * One announce to the tracker at `address` (an IP literal). `urlData` is path and query of its URL, or empty.
   *
   * @returns a failure when the tracker said no
   * @throws {EngineError} `TRACKER_TIMEOUT`, `TRACKER_INVALID_RESPONSE`, `CLOSED`, or what opening a socket throws
   */
  async announce(
    address: Endpoint,
    urlData: string,
    request: AnnounceRequest,
    question: UdpQuestion,
  ): Promise<AnnounceReply | TrackerFailure> {
    const encode = (id: Uint8Array, transactionId: number): Uint8Array => encodeAnnounceRequest(id, transactionId, request, urlData)
    const reply = await this.#ask(normalised(address), UDP_ACTION.announce, encode, question)
    if (reply.action === 'error') return { failureReason: reply.failureReason }
    if (reply.action !== 'announce') throw new Error('Cannot happen: replies are matched by action')
    const { intervalSeconds, complete, incomplete, peers } = reply
    return { intervalSeconds, complete, incomplete, peers }
  }

  /** One scrape, of 1 to 74 torrents; otherwise as `announce`. */
  async scrape(
    address: Endpoint,
    infoHashes: readonly Uint8Array[],
    question: UdpQuestion,
  ): Promise<readonly ScrapeEntry[] | TrackerFailure> {
    const encode = (id: Uint8Array, transactionId: number): Uint8Array => encodeScrapeRequest(id, transactionId, infoHashes)
    const reply = await this.#ask(normalised(address), UDP_ACTION.scrape, encode, question)
    if (reply.action === 'error') return { failureReason: reply.failureReason }
    if (reply.action !== 'scrape') throw new Error('Cannot happen: replies are matched by action')
    return reply.entries.slice(0, infoHashes.length).map((entry, index) => ({ infoHash: infoHashes[index]!, ...entry }))
  }

  /** Ends everything that is under way with `CLOSED`, and closes the sockets. */
  close(): void {
    this.#isClosed = true
    for (const pending of this.#pending.values()) pending.fail(closed())
    for (const opening of this.#sockets.values()) {
      opening.then(
        (socket) => socket.close(),
        () => undefined, // it never opened, and whoever asked has been told
      )
    }
    this.#sockets.clear()
    this.#connections.clear()
  }

  async #ask(
    address: Endpoint,
    action: number,
    encode: (connectionId: Uint8Array, transactionId: number) => Uint8Array,
    question: UdpQuestion,
  ): Promise<UdpReply> {
    const deadline = this.#system.now() + question.timeoutMs
    let isSecondChance = false
    for (let attempt = 0; ; ) {
      const known = this.#youngConnection(address)
      const connection = known ?? (await this.#before(deadline, question.signal, address, this.#connect(address)))
      const wait = Math.min(waitBefore(attempt, question.timeoutMs), deadline - this.#system.now())
      if (wait <= 0) throw timedOut(address, question.timeoutMs)
      const reply = await this.#exchange(address, action, (transactionId) => encode(connection.id, transactionId), wait, question.signal)
      if (reply === undefined) attempt++
      else if (reply.action === 'error' && known !== undefined && !isSecondChance) {
        // Perhaps it has started anew and does not know the id any more: once more with a fresh one.
        isSecondChance = true
        this.#connections.delete(keyOf(address))
      } else return reply
    }
  }

  #youngConnection(address: Endpoint): Connection | undefined {
    const key = keyOf(address)
    const connection = this.#connections.get(key)
    if (connection !== undefined && connection.expiresAt > this.#system.now()) return connection
    this.#connections.delete(key)
    return undefined
  }

  /** All who need an id of the same tracker wait for one connect, which therefore has patience of its own. */
  #connect(address: Endpoint): Promise<Connection> {
    const key = keyOf(address)
    const underWay = this.#connecting.get(key)
    if (underWay !== undefined) return underWay
    const connecting = this.#tryConnect(address).finally(() => this.#connecting.delete(key))
    this.#connecting.set(key, connecting)
    connecting.catch(() => undefined) // whoever still waits is told by `#before`
    return connecting
  }

  async #tryConnect(address: Endpoint): Promise<Connection> {
    const deadline = this.#system.now() + LONGEST_TRY_MS
    for (let attempt = 0; ; attempt++) {
      const wait = Math.min(waitBefore(attempt, LONGEST_TRY_MS), deadline - this.#system.now())
      if (wait <= 0) throw timedOut(address, LONGEST_TRY_MS)
      const reply = await this.#exchange(address, UDP_ACTION.connect, encodeConnectRequest, wait, undefined)
      if (reply === undefined) continue
      if (reply.action === 'error') {
        throw new EngineError('TRACKER_FAILURE', `The tracker ${keyOf(address)} refuses: ${reply.failureReason}`)
      }
      if (reply.action !== 'connect') throw new Error('Cannot happen: replies are matched by action')
      const connection = { id: reply.connectionId.slice(), expiresAt: this.#system.now() + CONNECTION_LIFE_MS }
      this.#forgetExpired()
      this.#connections.set(keyOf(address), connection)
      return connection
    }
  }

  #forgetExpired(): void {
    const now = this.#system.now()
    for (const [key, connection] of this.#connections) if (connection.expiresAt <= now) this.#connections.delete(key)
  }

  /** Sends one datagram. @returns the reply, or undefined when `waitMs` have passed without one. */
  async #exchange(
    address: Endpoint,
    action: number,
    encode: (transactionId: number) => Uint8Array,
    waitMs: number,
    signal: AbortSignalLike | undefined,
  ): Promise<UdpReply | undefined> {
    const family = familyOf(address)
    const socket = await this.#socket(family)
    if (this.#isClosed || signal?.aborted === true) throw closed()
    const transactionId = this.#newTransactionId()
    const bytes = await new Promise<Uint8Array | undefined>((resolve, reject) => {
      const finish = (): void => {
        timer.cancel()
        this.#pending.delete(transactionId)
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: Error): void => {
        finish()
        reject(error)
      }
      const onAbort = (): void => fail(closed())
      const timer = this.#system.after(waitMs, () => {
        finish()
        resolve(undefined)
      })
      signal?.addEventListener('abort', onAbort)
      this.#pending.set(transactionId, {
        address,
        action,
        fail,
        settle: (reply) => {
          finish()
          resolve(reply.slice())
        },
      })
      socket.send(encode(transactionId), address)
    })
    if (bytes === undefined) return undefined
    try {
      return parseUdpReply(bytes, family)
    } catch (cause) {
      throw new EngineError('TRACKER_INVALID_RESPONSE', `Cannot use the tracker ${keyOf(address)}: ${(cause as Error).message}`, { cause })
    }
  }

  #newTransactionId(): number {
    for (;;) {
      const transactionId = uint32(this.#system.randomBytes(4), 0)
      if (!this.#pending.has(transactionId)) return transactionId
    }
  }

  #onDatagram(bytes: Uint8Array, from: Endpoint): void {
    if (bytes.length < SMALLEST_REPLY) return
    const pending = this.#pending.get(uint32(bytes, 4))
    if (pending === undefined || pending.address.port !== from.port || pending.address.host !== normalised(from).host) return
    const action = uint32(bytes, 0)
    if (action === pending.action || action === UDP_ACTION.error) pending.settle(bytes)
  }

  #socket(family: 4 | 6): Promise<DatagramSocket> {
    if (this.#isClosed) return Promise.reject(closed())
    let opening = this.#sockets.get(family)
    if (opening === undefined) {
      opening = this.#network.openDatagrams({ family }, (bytes, from) => this.#onDatagram(bytes, from))
      this.#sockets.set(family, opening)
      // A failure is not for ever: the interface may come back.
      opening.catch(() => this.#sockets.delete(family))
    }
    return opening
  }

  /** `promise`, unless the deadline or the signal comes first. */
  #before<Value>(deadline: number, signal: AbortSignalLike | undefined, address: Endpoint, promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(closed())
        return
      }
      const startedAt = this.#system.now()
      const finish = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        finish()
        reject(closed())
      }
      const timer: Timer = this.#system.after(Math.max(0, deadline - startedAt), () => {
        finish()
        reject(timedOut(address, deadline - startedAt))
      })
      signal?.addEventListener('abort', onAbort)
      promise.then(
        (value) => {
          finish()
          resolve(value)
        },
        (error: unknown) => {
          finish()
          reject(error as Error)
        },
      )
    })
  }
}

/** 3, 6, 12, 24 s; a question with little time asks again after a third of it. */
function waitBefore(attempt: number, timeoutMs: number): number {
  return Math.min(FIRST_WAIT_MS, timeoutMs / 3) * 2 ** attempt
}

/** One spelling for an address, so that equal ones are equal strings. */
function normalised(endpoint: Endpoint): Endpoint {
  const address = parseIp(endpoint.host)
  return address === undefined ? endpoint : { host: formatIp(address), port: endpoint.port }
}

function familyOf(address: Endpoint): 4 | 6 {
  return address.host.includes(':') ? 6 : 4
}

function keyOf({ host, port }: Endpoint): string {
  return host.includes(':') ? `udp://[${host}]:${port}` : `udp://${host}:${port}`
}

function timedOut(address: Endpoint, afterMs: number): EngineError {
  return new EngineError('TRACKER_TIMEOUT', `The tracker ${keyOf(address)} has not answered within ${Math.round(afterMs / 1000)} s.`)
}

function closed(): EngineError {
  return new EngineError('CLOSED', 'Asking the tracker was called off.')
}
