import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { parseIp } from '@shoal/protocol/ip-address'
import type { Tracker } from './announce.ts'
import { ConnectionCap } from './connection-cap.ts'
import { HttpAnswers, type HttpTrackerCounts } from './http-answers.ts'
import { type PlainRequest, readPlainRequest } from './plain-request.ts'
import { type TrackerPath, trackerPathOf } from './tracker-path.ts'

/** What else this port serves, written elsewhere. */
export interface HttpTrackerSurroundings {
  /** Every request that is not for the tracker: pages, an API, what is uploaded. */
  fallback(request: IncomingMessage, response: ServerResponse): void
  /** A connection that wants another protocol (WebSocket), as `http.Server` tells of it. Closed when nobody takes it. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Something that cannot happen has happened while answering; the asker got a 500, or a closed connection. */
  onBug(error: unknown): void
}

export interface HttpTrackerOptions {
  /** Connections at once; further ones are closed as they come. */
  readonly maxConnections: number
  /** The same of one address (an IPv6 /64), apart from trusted proxies and this machine. */
  readonly maxConnectionsPerAddress: number
}

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 15_000
const MAX_HEADER_BYTES = 16_384
/** Answers under way when the hub closes may still go out for so long. */
const CLOSE_GRACE_MS = 500
/** How often connections without a request are looked at. */
const LOOK_EVERY_MS = 1_000
/** Answers that a connection does not take: then it is closed. */
const MAX_UNSENT_BYTES = 256 * 1024

/**
 * The HTTP door of the tracker, and of everything else that has the same port.
 *
 * A connection comes in here as a bare socket. What is a plain announce or scrape, whole in what was read, is answered at once
 * and without a request or response object: a new connection costs half of what it costs in Node's server. The first thing on it that
 * is anything else, with all that was read, goes to Node's server, which has the socket from then on, and from which announces are
 * answered too. So there is one reader of HTTP where it is difficult, and it is Node's.
 */
export class HttpTracker {
  readonly #answers: HttpAnswers
  readonly #tracker: Tracker
  readonly #surroundings: HttpTrackerSurroundings
  readonly #server: Server
  /** How Node's server takes a connection. */
  readonly #toNode: (socket: Socket) => void
  readonly #callers = new Set<Caller>()
  readonly #cap: ConnectionCap
  #looking: NodeJS.Timeout | undefined

  constructor(tracker: Tracker, surroundings: HttpTrackerSurroundings, options: HttpTrackerOptions) {
    this.#tracker = tracker
    this.#answers = new HttpAnswers(tracker)
    this.#surroundings = surroundings
    this.#cap = new ConnectionCap(options.maxConnectionsPerAddress, (address) => tracker.senders.isProxy(address))
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // how often the timeouts above are looked at; Node's own default is 30 s
        connectionsCheckingInterval: 2_000,
        // Every answer of the fast way is one write; who is handed over gets it then.
        noDelay: false,
      },
      (request, response) => this.#onRequest(request, response),
    )
    server.maxConnections = options.maxConnections
    server.on('clientError', refuseMalformed)
    if (surroundings.upgrade !== undefined) server.on('upgrade', (request, socket, head) => surroundings.upgrade?.(request, socket, head))
    const [toNode] = server.listeners('connection')
    if (toNode === undefined) throw new Error('Cannot happen: an HTTP server that takes no connections')
    this.#toNode = (socket) => Reflect.apply(toNode, server, [socket])
    server.removeAllListeners('connection')
    server.on('connection', (socket) => this.#onConnection(socket))
    this.#server = server
  }

  get counts(): HttpTrackerCounts {
    return this.#answers.counts
  }

  /** @returns the port. Rejects with the system's own error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, backlog: 4_096 }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#surroundings.onBug(error))
        this.watch()
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /** A connection that came in elsewhere (HTTPS), as if it had come in here. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** Looks after the connections; `listen` does it by itself. */
  watch(): void {
    this.#looking ??= setInterval(() => this.#closeIdle(), LOOK_EVERY_MS).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#looking)
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeIdleConnections()
    for (const caller of this.#callers) caller.end()
    const timer = setTimeout(() => {
      this.#server.closeAllConnections()
      for (const caller of this.#callers) caller.destroy()
    }, CLOSE_GRACE_MS)
    await closed
    clearTimeout(timer)
  }

  #onConnection(socket: Socket): void {
    const address = addressOf(socket)
    // It may be gone already, with its address: then an answer would reach nobody.
    if (address === undefined || !this.#cap.enter(address)) {
      socket.destroy()
      return
    }
    const caller = new Caller(socket, address, (bytes) => this.#onBytes(caller, bytes))
    this.#callers.add(caller)
    socket.on('close', () => {
      this.#callers.delete(caller)
      this.#cap.leave(address)
    })
  }

  #onBytes(caller: Caller, bytes: Buffer): void {
    try {
      const text = bytes.toString('latin1')
      for (let at = 0; at < text.length; ) {
        const request = readPlainRequest(text, at)
        const answer = request === undefined ? undefined : this.#answerPlain(caller, request)
        if (request === undefined || answer === undefined) {
          this.#callers.delete(caller)
          caller.handOver(bytes.subarray(at), this.#toNode)
          return
        }
        caller.say(answer, request.keepAlive)
        if (!request.keepAlive) return
        at = request.end
      }
    } catch (error) {
      this.#surroundings.onBug(error)
      caller.destroy()
    }
  }

  /** Undefined when it is not for the tracker. */
  #answerPlain(caller: Caller, { target, keepAlive, forwardedFor }: PlainRequest): Buffer | undefined {
    const queryMark = target.indexOf('?')
    const path = trackerPathOf(queryMark < 0 ? target : target.slice(0, queryMark))
    if (path === undefined) return undefined
    const sender = this.#tracker.senders.behind(caller.address, forwardedFor)
    return this.#answers.answer(path, queryMark < 0 ? '' : target.slice(queryMark + 1), sender, keepAlive ? KEPT_HEAD : CLOSING_HEAD)
  }

  #closeIdle(): void {
    for (const caller of this.#callers) if (caller.isIdleFor(LOOK_EVERY_MS)) caller.destroy()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#route(request, response)
    } catch (error) {
      this.#surroundings.onBug(error)
      if (!response.headersSent)
        send(response, 500, 'text/plain; charset=utf-8', 'Something went wrong inside the hub, not in this request.\n')
      else response.destroy()
    }
  }

  /** Node gives the URL as it was sent, each character one byte. */
  #route(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/'
    const queryMark = url.indexOf('?')
    const path = trackerPathOf(queryMark < 0 ? url : url.slice(0, queryMark))
    if (path === undefined) this.#surroundings.fallback(request, response)
    else if (request.method === 'GET') this.#answerRequest(path, queryMark < 0 ? '' : url.slice(queryMark + 1), request, response)
    else {
      response.setHeader('allow', 'GET')
      // A body may follow, and nobody wants to read it.
      response.setHeader('connection', 'close')
      send(response, 405, 'text/plain; charset=utf-8', 'Only GET is answered here.\n')
    }
  }

  #answerRequest(path: TrackerPath, rawQuery: string, request: IncomingMessage, response: ServerResponse): void {
    const address = addressOf(request.socket)
    if (address === undefined) {
      response.destroy()
      return
    }
    const forwardedFor = request.headers['x-forwarded-for']
    const sender = this.#tracker.senders.behind(address, Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor)
    send(response, 200, BENCODE, this.#answers.answer(path, rawQuery, sender, NO_HEAD))
  }
}

/** Bencode has no media type of its own; this is what trackers send. */
const BENCODE = 'text/plain'
const HEAD = `HTTP/1.1 200 OK\r\ncontent-type: ${BENCODE}\r\nx-content-type-options: nosniff\r\ncontent-length: `
const KEPT_HEAD = (length: number): string => `${HEAD}${length}\r\nconnection: keep-alive\r\n\r\n`
const CLOSING_HEAD = (length: number): string => `${HEAD}${length}\r\nconnection: close\r\n\r\n`
const NO_HEAD = (): string => ''

/** A connection before it is Node's. */
class Caller {
  /** Where it comes from: 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly #socket: Socket
  readonly #onData: (bytes: Buffer) => void
  readonly #onEnd = (): void => this.end()
  #idleMs = 0
  #patienceMs = HEADERS_TIMEOUT_MS

  constructor(socket: Socket, address: Uint8Array, onBytes: (bytes: Buffer) => void) {
    this.#socket = socket
    this.address = address
    this.#onData = (bytes) => {
      this.#idleMs = 0
      onBytes(bytes)
    }
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    // Its end is told by `close`; why it broke is that client's matter.
    socket.on('error', nothing)
  }

  say(answer: Buffer, keepAlive: boolean): void {
    this.#patienceMs = KEEP_ALIVE_MS
    if (keepAlive) {
      this.#socket.write(answer)
      if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.destroy()
      return
    }
    // What comes after the last request is not read.
    this.#socket.off('data', this.#onData)
    this.#socket.resume()
    this.#socket.end(answer)
  }

  /** Whether it has been silent for too long, after a further wait. */
  isIdleFor(ms: number): boolean {
    this.#idleMs += ms
    return this.#idleMs >= this.#patienceMs
  }

  /** Gives the socket, with what was read and not answered, to Node's server, as if it had just come in. */
  handOver(unread: Buffer, toNode: (socket: Socket) => void): void {
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', nothing)
    socket.pause()
    socket.setNoDelay(true)
    socket.unshift(unread)
    toNode(socket)
    socket.resume()
  }

  end(): void {
    // A second time it would make an error, with its stack, and throw it away.
    if (!this.#socket.writableEnded) this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function nothing(): void {}

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

/** Where a connection comes from; undefined when it is gone. */
function addressOf(socket: Socket): Uint8Array | undefined {
  const address = socket.remoteAddress
  if (address === undefined) return undefined
  const zone = address.indexOf('%') // a link-local one comes with its interface
  return parseIp(zone < 0 ? address : address.slice(0, zone))
}

/** What is no HTTP gets a short answer and a closed connection. */
function refuseMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
}
