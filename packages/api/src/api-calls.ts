import Type, { type Static, type TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { bytesOf, decodedText, parseJson, problemIn } from './answer.ts'
import { ClientError, SERVER_WORDS, type ServerKind, unreachable, wasCutOff } from './client-error.ts'
import type { WebAbortSignal, WebPlatform } from './web-platform.ts'

export interface ApiCallsOptions {
  /** Who is called: for the words of what goes wrong. */
  readonly kind: ServerKind
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
  /** Which host of a hub asks; see `HubClientOptions`. */
  readonly hostId?: string | undefined
  /** For one call, from its beginning to the last byte of the answer. */
  readonly timeoutMs: number
  readonly platform: WebPlatform
}

type Query = Readonly<Record<string, string | number | undefined>>

export interface Call<R extends TSchema> {
  readonly query?: Query
  readonly body?: unknown
  /** Absent: whatever comes with a good status is good, and nothing of it is needed. */
  readonly reply?: R
  readonly accept?: string
  readonly signal?: WebAbortSignal | undefined
  /** Absent: as the options say. `Infinity` for what takes as long as it takes; the signal ends it. */
  readonly timeoutMs?: number
}

/** No answer is larger: a page of 100 entries with all their texts is less than one MiB, 2,000 torrents are two. */
const MAX_ANSWER_BYTES = 16 << 20
/** 100,000 items of the largest pages. */
const MAX_PAGES = 1_000

/** Any list: `nextCursor` is absent on the last page. */
export function page<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })
}

/**
 * Calls of a server that speaks as ours do: JSON with a schema, refusals as problems, a bearer token.
 *
 * A write is sent with a key of its own: if the connection breaks before the answer it is sent once more, and the server
 * does it once.
 */
export class ApiCalls {
  readonly #options: ApiCallsOptions

  constructor(options: ApiCallsOptions) {
    this.#options = options
  }

  /** @throws {ProblemError} what is refused; {ClientError} where there was no usable answer; the signal's reason */
  async call<R extends TSchema>(method: string, path: string, call: Call<R>): Promise<Static<R>> {
    const bytes = await this.#answer(method, path, call)
    if (call.reply === undefined) return undefined as Static<R>
    const answer = parseJson(decodedText(bytes, this.#options.platform))
    if (Check(call.reply, answer)) return answer as Static<R>
    const { article, name } = this.#words
    throw this.#unusable(
      `Cannot use what ${this.#options.url} answers to ${method} ${path}: it does not have the form of ${article}'s answer. Is it ${name}, and of this version?`,
    )
  }

  /** What is no JSON. */
  bytes(path: string, call: Call<TSchema>): Promise<Uint8Array> {
    return this.#answer('GET', path, call)
  }

  /** All pages of a list; a list that never ends is cut. */
  async every<T extends TSchema>(path: string, reply: T & TSchema, signal?: WebAbortSignal, query: Query = {}): Promise<Items<T>> {
    const items: unknown[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const got = (await this.call('GET', path, { query: { ...query, cursor }, reply, signal })) as {
        items: unknown[]
        nextCursor?: string
      }
      items.push(...got.items)
      cursor = got.nextCursor
      if (cursor === undefined) break
    }
    return items as Items<T>
  }

  /** The body of an answer that went well. */
  async #answer(method: string, path: string, call: Call<TSchema>): Promise<Uint8Array> {
    const { url, token, hostId, platform } = this.#options
    const headers: Record<string, string> = { accept: call.accept ?? 'application/json' }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (hostId !== undefined) headers['x-shoal-host'] = hostId
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    if (method !== 'GET') headers['idempotency-key'] = platform.randomUuid()
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) }
    const send = (): Promise<{ status: number; type: string; bytes: Uint8Array }> =>
      this.#exchange(url + path + queryOf(call.query), { method, headers, ...body }, call)
    // A server may close a kept-alive connection in the moment in which it is used again; the key makes a second try harmless.
    const { status, type, bytes } = await send().catch((error: unknown) => {
      if (wasCutOff(error)) return send()
      throw error
    })
    if (status >= 200 && status < 300) return bytes
    const problem = problemIn(decodedText(bytes, platform), type)
    if (problem !== undefined) throw problem
    throw this.#unusable(
      status >= 300 && status < 400
        ? `Cannot call ${url}: it sends callers elsewhere (status ${status}). Use the address that it leads to`
        : `Cannot use what ${url} answers to ${method} ${path}: status ${status}, without the words of ${this.#words.article}. Is it ${this.#words.name}?`,
    )
  }

  async #exchange(
    address: string,
    request: { method: string; headers: Record<string, string>; body?: string },
    { signal, timeoutMs = this.#options.timeoutMs }: Call<TSchema>,
  ): Promise<{ status: number; type: string; bytes: Uint8Array }> {
    const { kind, url, platform } = this.#options
    const controller = platform.abortController()
    const cancel = (): void => controller.abort(signal?.reason)
    if (signal?.aborted) cancel()
    signal?.addEventListener('abort', cancel)
    let isLate = false
    const stopWaiting = Number.isFinite(timeoutMs)
      ? platform.after(timeoutMs, () => {
          isLate = true
          controller.abort()
        })
      : () => {}
    try {
      const response = await platform.fetch(address, { ...request, signal: controller.signal, redirect: 'manual' })
      const bytes = await bytesOf(response, MAX_ANSWER_BYTES)
      return { status: response.status, type: response.headers.get('content-type') ?? '', bytes }
    } catch (cause) {
      if (signal?.aborted) throw signal.reason
      if (cause instanceof ClientError) throw cause
      if (!isLate) throw unreachable(url, cause, kind)
      const message = `No answer from ${url} within ${timeoutMs / 1000} s. ${this.#words.whenSilent}`
      throw new ClientError(this.#words.silent, message, { cause })
    } finally {
      stopWaiting()
      signal?.removeEventListener('abort', cancel)
    }
  }

  get #words(): (typeof SERVER_WORDS)[ServerKind] {
    return SERVER_WORDS[this.#options.kind]
  }

  #unusable(message: string): ClientError {
    return new ClientError(this.#words.answer, message)
  }
}

type Items<T extends TSchema> = Static<T> extends { items: infer I } ? I : never

function queryOf(query: Query | undefined): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
  if (given.length === 0) return ''
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`
}
