import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ProtocolError } from '@shoal/protocol/errors'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { isTrackerFailure } from '@shoal/protocol/tracker/announce'
import { encodeAnnounceReply, encodeFailure, encodeScrapeReply } from '@shoal/protocol/tracker/http'
import { parseAnnounceQuery, parseScrapeQuery } from '@shoal/protocol/tracker/http-query'
import type { AnswerLimits, Tracker } from './announce.ts'

export interface HttpTrackerCounts {
  announces: number
  scrapes: number
  /** Announces and scrapes that were answered with a failure. */
  failures: number
}

/** What else this server shows, written elsewhere. */
export interface HttpTrackerPages {
  /** The page at `/`: as HTML for a browser, as text for everybody else. */
  home(form: 'html' | 'text'): string
  /** Something that cannot happen has happened while answering; the asker got a 500. */
  onBug(error: unknown): void
}

const ANSWER_LIMITS: AnswerLimits = { maxPeers: 200, bothFamilies: true }
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 15_000
const MAX_HEADER_BYTES = 16_384
/** Answers under way when the hub closes may still go out for so long. */
const CLOSE_GRACE_MS = 500

const PLAIN = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
/** Bencode has no media type of its own; this is what trackers send. */
const BENCODE = 'text/plain'

const NOT_FOUND = 'Nothing is here. This is a BitTorrent tracker: clients ask /announce and /scrape, and people find at / what it is for.\n'

/** The HTTP door of the tracker: `/announce`, `/scrape`, and for people `/` and `/healthz`. */
export class HttpTracker {
  readonly counts: HttpTrackerCounts = { announces: 0, scrapes: 0, failures: 0 }
  readonly #tracker: Tracker
  readonly #pages: HttpTrackerPages
  readonly #server: Server

  constructor(tracker: Tracker, pages: HttpTrackerPages, maxConnections: number) {
    this.#tracker = tracker
    this.#pages = pages
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // how often the two timeouts above are looked at; Node's own default is 30 s
        connectionsCheckingInterval: 2_000,
      },
      (request, response) => this.#onRequest(request, response),
    )
    this.#server.maxConnections = maxConnections
    this.#server.on('clientError', refuseMalformed)
  }

  /** @returns the port. Rejects with the system's own error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#pages.onBug(error))
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
    await closed
    clearTimeout(timer)
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#route(request, response)
    } catch (error) {
      this.#pages.onBug(error)
      if (!response.headersSent) send(response, 500, PLAIN, 'Something went wrong inside the hub, not in this request.\n')
    }
  }

  /** Node gives the URL as it was sent, each character one byte. */
  #route(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/'
    const queryMark = url.indexOf('?')
    const path = queryMark < 0 ? url : url.slice(0, queryMark)
    const rawQuery = queryMark < 0 ? '' : url.slice(queryMark + 1)
    const isTracker = path === '/announce' || path === '/scrape'
    const allowed = isTracker ? 'GET' : 'GET, HEAD'
    if (!allowed.includes(request.method ?? '')) {
      response.setHeader('allow', allowed)
      // A body may follow, and nobody wants to read it.
      response.setHeader('connection', 'close')
      send(response, 405, PLAIN, `Only ${allowed} is answered here.\n`)
      return
    }
    if (path === '/announce') this.#answer(response, () => this.#announce(rawQuery, request.socket))
    else if (path === '/scrape') this.#answer(response, () => this.#scrape(rawQuery))
    else if (path === '/healthz') send(response, 200, PLAIN, 'ok\n')
    else if (path === '/') this.#home(request, response)
    else send(response, 404, PLAIN, NOT_FOUND)
  }

  /** Clients read why they were refused only from a bencoded answer with status 200. */
  #answer(response: ServerResponse, produce: () => Uint8Array): void {
    let body: Uint8Array
    try {
      body = produce()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.counts.failures++
      body = encodeFailure({ failureReason: error.message })
    }
    send(response, 200, BENCODE, body)
  }

  #announce(rawQuery: string, socket: Socket): Uint8Array {
    const request = parseAnnounceQuery(rawQuery)
    this.counts.announces++
    const address = addressOf(socket)
    const answer = this.#tracker.announce(request, address, ANSWER_LIMITS)
    if (isTrackerFailure(answer)) {
      this.counts.failures++
      return encodeFailure(answer)
    }
    return encodeAnnounceReply({ ...answer, externalIp: formatIp(address) }, { compact: request.compact ?? true })
  }

  #scrape(rawQuery: string): Uint8Array {
    const infoHashes = parseScrapeQuery(rawQuery)
    this.counts.scrapes++
    return encodeScrapeReply(this.#tracker.scrape(infoHashes))
  }

  #home(request: IncomingMessage, response: ServerResponse): void {
    const wantsHtml = request.headers.accept?.includes('text/html') === true
    // The page runs nothing, loads nothing and is shown in no frame.
    response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    send(response, 200, wantsHtml ? HTML : PLAIN, this.#pages.home(wantsHtml ? 'html' : 'text'))
  }
}

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

/** Where a connection comes from. It may be gone already, with its address: then the answer reaches nobody. */
function addressOf(socket: Socket): Uint8Array {
  const [address] = (socket.remoteAddress ?? '').split('%') // without the zone of a link-local one
  const bytes = parseIp(address ?? '')
  if (bytes === undefined) throw new ProtocolError('TRACKER_QUERY', 'Cannot answer a connection that is already closed')
  return bytes
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
