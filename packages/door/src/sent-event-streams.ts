import type { ServerResponse } from 'node:http'
import { ProblemError } from '@shoal/api/problem'
import type { NumberedEvent } from './event-feed.ts'
import type { Call, Caller, TakenCall } from './route.ts'
import type { DoorSystem } from './system.ts'

export interface StreamLimits {
  readonly streams: number
  readonly streamsPerAddress: number
  /** What a reader may leave unread. */
  readonly unsentBytes: number
}

export const DEFAULT_STREAM_LIMITS: StreamLimits = Object.freeze({ streams: 5_000, streamsPerAddress: 200, unsentBytes: 1 << 20 })
const HEARTBEAT_MS = 15_000
/** How often the account behind a stream is looked at again. */
const RECHECK_EVERY = 4

/** What streams are made of: a feed. */
export interface StreamSource<N> {
  readonly seq: number
  since(seq: number): N[] | undefined
  listen(listener: (event: N) => void): () => void
}

/** Whose streams these are; `R` is what a reader wants, and may see. */
export interface StreamOwner<N, R, C extends Caller> {
  /** The text of an event for a reader; undefined when it is none of its business. */
  textFor(event: N, reader: R): string | undefined
  /** What a reader may see now that its caller is this one; undefined: nothing any more. */
  readerFor(reader: R, caller: C): R | undefined
  onOpen?(reader: R): void
  onClose?(reader: R): void
}

interface Stream<R, C extends Caller> {
  readonly response: ServerResponse
  readonly taken: TakenCall<C>
  readonly ip: string
  /** Undefined: a visitor's. */
  readonly accountId: string | undefined
  reader: R
  readonly end: () => void
}

/** The readers of a feed, as Server-Sent Events: what they missed first, then what happens. */
export class SentEventStreams<N extends NumberedEvent, R, C extends Caller> {
  readonly #source: StreamSource<N>
  readonly #owner: StreamOwner<N, R, C>
  readonly #limits: StreamLimits
  readonly #system: Pick<DoorSystem, 'wallClock'>
  readonly #streams = new Set<Stream<R, C>>()
  #timer: NodeJS.Timeout | undefined
  #heartbeats = 0

  constructor(
    source: StreamSource<N>,
    owner: StreamOwner<N, R, C>,
    system: Pick<DoorSystem, 'wallClock'>,
    limits: Partial<StreamLimits> = {},
  ) {
    this.#source = source
    this.#owner = owner
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

  /**
   * Answers a call with a stream that goes on until the reader goes.
   *
   * @param since as the query says, for a client that cannot send the header `Last-Event-ID`
   * @throws {ProblemError} `BUSY`, `VALIDATION`
   */
  open(call: Call<unknown, unknown, unknown, C>, reader: R, since: number | undefined): void {
    const { caller } = call
    const last = call.header('last-event-id')
    if (last !== undefined && !/^\d{1,16}$/.test(last))
      throw new ProblemError('VALIDATION', 'Cannot go on from this Last-Event-ID: it is a number')
    this.#requireRoom(caller.ip)
    this.#begin(call.takeOver(), caller, reader, last === undefined ? since : Number(last))
  }

  #requireRoom(ip: string): void {
    const ofAddress = [...this.#streams].filter((stream) => stream.ip === ip).length
    if (this.#streams.size < this.#limits.streams && ofAddress < this.#limits.streamsPerAddress) return
    throw new ProblemError('BUSY', 'Too many event streams are open here, or from this address. Close one, or try again later', {
      retryAfterSeconds: 30,
    })
  }

  #begin(taken: TakenCall<C>, { ip, accountId }: C, reader: R, since: number | undefined): void {
    const { request, response } = taken
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    request.socket.setTimeout(0)
    request.socket.setNoDelay(true)
    const stopListening = this.#source.listen((event) => {
      const text = this.#owner.textFor(event, stream.reader)
      if (text !== undefined) this.#write(stream, text)
    })
    const stream: Stream<R, C> = {
      response,
      taken,
      ip,
      accountId,
      reader,
      end: () => {
        if (!this.#streams.delete(stream)) return
        stopListening()
        this.#owner.onClose?.(reader)
      },
    }
    this.#streams.add(stream)
    response.on('close', stream.end)
    response.on('error', stream.end)
    this.#owner.onOpen?.(reader)
    const missed = since === undefined ? [] : this.#source.since(since)
    const told = missed?.map((event) => this.#owner.textFor(event, reader) ?? '').join('') ?? `event: reset\ndata: {"type":"reset"}\n\n`
    // The number that it starts from, so that a reader which gets nothing and comes back misses nothing either.
    this.#write(stream, `retry: 2000\n${told}id: ${this.#source.seq}\n\n`)
  }

  #write({ response, end }: Stream<R, C>, text: string): void {
    response.write(text)
    if (response.writableLength <= this.#limits.unsentBytes) return
    // It comes back, with the number of what it has read.
    response.destroy()
    end()
  }

  /** One after the other, so that a thousand readers are no crowd before the database. */
  async #recheckAll(streams: readonly Stream<R, C>[]): Promise<void> {
    for (const stream of streams) if (this.#streams.has(stream)) await this.#recheckOne(stream)
  }

  async #recheckOne(stream: Stream<R, C>): Promise<void> {
    try {
      const reader = this.#owner.readerFor(stream.reader, await stream.taken.callerNow())
      if (reader === undefined) stream.response.end()
      else stream.reader = reader
    } catch (error) {
      // A database that is busy says nothing of the account.
      if (!(error instanceof ProblemError) || error.status < 500) stream.response.end()
    }
  }
}
