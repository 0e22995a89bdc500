import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { parseJson, problemIn, textOf } from './answer.ts'
import { ClientError, hubUrl, SERVER_WORDS, type ServerKind, unreachable } from './client-error.ts'
import { HubEvent } from './hub-api.ts'
import { ProblemError } from './problem.ts'
import { SentEventReader } from './server-sent-events.ts'
import { THIS_PLATFORM, type WebAbortSignal, type WebPlatform, type WebResponse } from './web-platform.ts'

/**
 * News of a hub or of a peer's daemon, for as long as somebody wants them: opens the stream, and opens it again when it breaks.
 *
 *     connecting ── answer ──► open ── end, error, silence ──► waiting ── time ──► connecting
 *         └──────── error ───────────────────────────────────────►┘
 *
 * After a break it asks for what came since the last event (`Last-Event-ID`). What the hub cannot fill in it says by a
 * `reset`: whoever hears that asks for everything anew. Waiting doubles up to half a minute, with a share of chance in it,
 * so that a hub that comes back does not meet everybody at once.
 */
export interface EventFeedOptions<S extends TSchema = typeof HubEvent> {
  readonly url: string
  /** What the news are; absent: a hub's. */
  readonly schema?: S
  /** Whose they are: for the words of what goes wrong. */
  readonly kind?: ServerKind
  readonly token?: string
  /** Info hash of a torrent that somebody looks at: its piece maps come, too. */
  readonly watch?: string
  readonly platform?: WebPlatform
  /** In [0, 1). */
  readonly chance: () => number
}

export interface EventFeedOwner<S extends TSchema = typeof HubEvent> {
  onEvent(event: Static<S>): void
  onOpen?(): void
  /** The stream broke; it is opened again after `waitMs`. */
  onBreak?(reason: Error, waitMs: number): void
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000
/** A hub sends something every 15 s. */
const SILENCE_MS = 45_000
const MAX_REFUSAL_BYTES = 64 << 10

export class EventFeed<S extends TSchema = typeof HubEvent> {
  readonly #options: EventFeedOptions<S>
  readonly #kind: ServerKind
  readonly #schema: TSchema
  readonly #url: string
  readonly #platform: WebPlatform
  readonly #owner: EventFeedOwner<S>
  readonly #reader: SentEventReader
  #failures = 0

  /** @throws {ClientError} `HUB_URL` */
  constructor(options: EventFeedOptions<S>, owner: EventFeedOwner<S>) {
    this.#options = options
    this.#kind = options.kind ?? 'hub'
    this.#schema = options.schema ?? HubEvent
    this.#url = hubUrl(options.url)
    this.#platform = options.platform ?? THIS_PLATFORM
    this.#owner = owner
    this.#reader = new SentEventReader(({ type, data }) => this.#onData(type, data))
  }

  /**
   * Resolves when the signal aborts.
   *
   * @throws {ProblemError} when the hub refuses for good: asking again would change nothing
   */
  async run(signal: WebAbortSignal): Promise<void> {
    while (!signal.aborted) {
      const reason = await this.#readOnce(signal).catch((error: unknown) => error)
      if (signal.aborted) return
      if (reason instanceof ProblemError && reason.status < 500 && reason.code !== 'RATE_LIMITED') throw reason
      const error = reason instanceof Error ? reason : new Error(`Cannot happen: thrown ${String(reason)}`)
      const waitMs = this.#waitMs(error)
      this.#owner.onBreak?.(error, waitMs)
      await this.#wait(waitMs, signal)
    }
  }

  /** @returns why it ended */
  async #readOnce(signal: WebAbortSignal): Promise<Error> {
    const { token, watch } = this.#options
    const controller = this.#platform.abortController()
    const cancel = (): void => controller.abort(signal.reason)
    signal.addEventListener('abort', cancel)
    let stopWatch = this.#platform.after(SILENCE_MS, () => controller.abort())
    const heard = (): void => {
      stopWatch()
      stopWatch = this.#platform.after(SILENCE_MS, () => controller.abort())
    }
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' }
      if (token !== undefined) headers.authorization = `Bearer ${token}`
      if (this.#reader.lastId !== '') headers['last-event-id'] = this.#reader.lastId
      const url = `${this.#url}/v1/events${watch === undefined ? '' : `?watch=${watch}`}`
      const response = await this.#platform.fetch(url, { method: 'GET', headers, signal: controller.signal, redirect: 'manual' })
      await this.#expectStream(response)
      this.#failures = 0
      this.#owner.onOpen?.()
      await this.#read(response, heard)
      return new ClientError(SERVER_WORDS[this.#kind].unreachable, `The ${this.#kind} at ${this.#url} closed the stream of news`)
    } catch (cause) {
      if (cause instanceof ProblemError || cause instanceof ClientError) throw cause
      throw controller.signal.aborted
        ? new ClientError(SERVER_WORDS[this.#kind].silent, `Nothing was heard from ${this.#url} for ${SILENCE_MS / 1000} s`, { cause })
        : unreachable(this.#url, cause, this.#kind)
    } finally {
      stopWatch()
      signal.removeEventListener('abort', cancel)
      controller.abort()
    }
  }

  async #expectStream(response: WebResponse): Promise<void> {
    const type = response.headers.get('content-type') ?? ''
    if (response.status === 200 && type.startsWith('text/event-stream')) return
    const problem = problemIn(await textOf(response, this.#platform, MAX_REFUSAL_BYTES), type)
    const { answer, name } = SERVER_WORDS[this.#kind]
    throw problem ?? new ClientError(answer, `Cannot follow ${this.#url}: status ${response.status}, and no stream. Is it ${name}?`)
  }

  async #read(response: WebResponse, heard: () => void): Promise<void> {
    this.#reader.restart()
    const decoder = this.#platform.textDecoder()
    const reader = response.body?.getReader()
    for (let chunk = await reader?.read(); chunk !== undefined && !chunk.done; chunk = await reader?.read()) {
      heard()
      if (chunk.value !== undefined) this.#reader.push(decoder.decode(chunk.value, { stream: true }))
    }
  }

  /** What this version does not know is not for it. */
  #onData(type: string, data: string): void {
    const parsed = parseJson(data)
    if (typeof parsed !== 'object' || parsed === null) return
    const event: unknown = { type, ...parsed }
    if (Check(this.#schema, event)) this.#owner.onEvent(event as Static<S>)
  }

  #waitMs(reason: Error): number {
    const asked = reason instanceof ProblemError ? (reason.extras.retryAfterSeconds ?? 0) * 1000 : (this.#reader.retryMs ?? 0)
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures++, 10))
    return Math.max(asked, Math.round(doubled * (0.5 + this.#options.chance() / 2)))
  }

  #wait(ms: number, signal: WebAbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        stop()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const stop = this.#platform.after(ms, end)
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
    })
  }
}
