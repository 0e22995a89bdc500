import type { ServerResponse } from 'node:http'
import { InfoHashHex } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import Type from 'typebox'
import type { HubSystem } from '../system.ts'
import { type EventFeed, type Reader, TOPICS, type Topic, textFor } from './event-feed.ts'
import { type Caller, type HubRoute, route, type TakenCall } from './route.ts'

/** Whoever must know that somebody looks at a torrent: the control channel. */
export interface Watching {
  watch(infoHash: string): void
  unwatch(infoHash: string): void
}

export interface EventStreamLimits {
  readonly streams: number
  readonly streamsPerAddress: number
  /** What a reader may leave unread. */
  readonly unsentBytes: number
}

export const DEFAULT_STREAM_LIMITS: EventStreamLimits = Object.freeze({ streams: 5_000, streamsPerAddress: 200, unsentBytes: 1 << 20 })
const HEARTBEAT_MS = 15_000
/** How often the account behind a stream is looked at again. */
const RECHECK_EVERY = 4
const MAX_WATCHES = 20

interface Stream {
  readonly response: ServerResponse
  readonly taken: TakenCall
  readonly ip: string
  /** Undefined: a visitor's. */
  readonly accountId: string | undefined
  reader: Reader
  readonly end: () => void
}

/** The readers of `GET /v1/events`. */
export class EventStreams {
  readonly #feed: EventFeed
  readonly #watching: Watching
  readonly #limits: EventStreamLimits
  readonly #system: HubSystem
  readonly #streams = new Set<Stream>()
  #timer: NodeJS.Timeout | undefined
  #heartbeats = 0

  constructor(feed: EventFeed, watching: Watching, system: HubSystem, limits: Partial<EventStreamLimits> = {}) {
    this.#feed = feed
    this.#watching = watching
    this.#system = system
    this.#limits = { ...DEFAULT_STREAM_LIMITS, ...limits }
  }

  get size(): number {
    return this.#streams.size
  }

  /** Beats by itself from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.onHeartbeat(), HEARTBEAT_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { response } of this.#streams) response.end()
  }

  /** So that nobody between closes a silent stream, and neither side waits for the other for ever. */
  onHeartbeat(): void {
    this.#heartbeats++
    for (const stream of this.#streams) this.#write(stream, `: ${Math.floor(this.#system.wallClock())}\n\n`)
    if (this.#heartbeats % RECHECK_EVERY === 0) void this.#recheckAll([...this.#streams])
  }

  /** The rights of an account have changed, or with undefined those of visitors. */
  recheck(accountId: string | undefined): void {
    void this.#recheckAll([...this.#streams].filter((stream) => stream.accountId === accountId))
  }

  readonly route: HubRoute = route({
    method: 'GET',
    url: '/v1/events',
    summary: 'News as they happen, as Server-Sent Events: `event` is the type, `data` a HubEvent, `id` its number',
    needs: 'files:read',
    query: Type.Object(
      {
        /** Words with commas between: files, peers, availability, settings. Absent: all of them. */
        topics: Type.Optional(Type.String({ maxLength: 100, pattern: `^(?:${TOPICS.join('|')})(?:,(?:${TOPICS.join('|')}))*$` })),
        /** Torrents of which the pieces are told, too. */
        watch: Type.Optional(Type.Array(InfoHashHex, { maxItems: MAX_WATCHES })),
        /** As the header Last-Event-ID, for a client that cannot send it. */
        since: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      { additionalProperties: false },
    ),
    handle: (call) => {
      const { topics, watch = [], since } = call.query
      const last = call.header('last-event-id')
      if (last !== undefined && !/^\d{1,16}$/.test(last))
        throw new ProblemError('VALIDATION', 'Cannot go on from this Last-Event-ID: it is a number')
      this.#requireRoom(call.caller.ip)
      const chosen = topics === undefined ? TOPICS : (topics.split(',') as Topic[])
      const reader = { topics: new Set<Topic>(chosen), watches: new Set(watch), seesPeers: call.caller.may('peers:read') }
      this.#open(call.takeOver(), call.caller, reader, last === undefined ? since : Number(last))
      return undefined
    },
  })

  #requireRoom(ip: string): void {
    const ofAddress = [...this.#streams].filter((stream) => stream.ip === ip).length
    if (this.#streams.size < this.#limits.streams && ofAddress < this.#limits.streamsPerAddress) return
    throw new ProblemError('BUSY', 'Too many event streams are open on this hub, or from this address. Close one, or try again later', {
      retryAfterSeconds: 30,
    })
  }

  #open(taken: TakenCall, { ip, accountId }: Caller, reader: Reader, since: number | undefined): void {
    const { request, response } = taken
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    request.socket.setTimeout(0)
    request.socket.setNoDelay(true)
    const stopListening = this.#feed.listen((event) => {
      const text = textFor(event, stream.reader)
      if (text !== undefined) this.#write(stream, text)
    })
    const stream: Stream = {
      response,
      taken,
      ip,
      accountId,
      reader,
      end: () => {
        if (!this.#streams.delete(stream)) return
        stopListening()
        for (const infoHash of reader.watches) this.#watching.unwatch(infoHash)
      },
    }
    this.#streams.add(stream)
    response.on('close', stream.end)
    response.on('error', stream.end)
    for (const infoHash of reader.watches) this.#watching.watch(infoHash)
    const missed = since === undefined ? [] : this.#feed.since(since)
    const told = missed?.map((event) => textFor(event, reader) ?? '').join('') ?? `event: reset\ndata: {"type":"reset"}\n\n`
    // The number that it starts from, so that a reader which gets nothing and comes back misses nothing either.
    this.#write(stream, `retry: 2000\n${told}id: ${this.#feed.seq}\n\n`)
  }

  #write({ response, end }: Stream, text: string): void {
    response.write(text)
    if (response.writableLength <= this.#limits.unsentBytes) return
    // It comes back, with the number of what it has read.
    response.destroy()
    end()
  }

  /** One after the other, so that a thousand readers are no crowd before the database. */
  async #recheckAll(streams: readonly Stream[]): Promise<void> {
    for (const stream of streams) if (this.#streams.has(stream)) await recheck(stream)
  }
}

async function recheck(stream: Stream): Promise<void> {
  try {
    const caller = await stream.taken.callerNow()
    if (!caller.may('files:read')) stream.response.end()
    stream.reader = { ...stream.reader, seesPeers: caller.may('peers:read') }
  } catch (error) {
    // A database that is busy says nothing of the account.
    if (!(error instanceof ProblemError) || error.status < 500) stream.response.end()
  }
}
