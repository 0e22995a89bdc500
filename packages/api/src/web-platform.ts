/**
 * What the client needs of where it runs, in its own words: Node and browsers both have it, and a test brings its own.
 * This room has the types of neither.
 */
export interface WebPlatform {
  fetch(url: string, request: WebRequest): Promise<WebResponse>
  abortController(): WebAbortController
  /** @returns a function that takes the call back. */
  after(ms: number, callback: () => void): () => void
  /** 16 bytes that nobody can guess, as a UUID. */
  randomUuid(): string
  textDecoder(): WebTextDecoder
}

export interface WebRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: WebAbortSignal
  readonly redirect: 'manual'
}

export interface WebResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): WebReader } | null
}

export interface WebReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

/** An `AbortSignal` is one. */
export interface WebAbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface WebAbortController {
  readonly signal: WebAbortSignal
  abort(reason?: unknown): void
}

export interface WebTextDecoder {
  decode(bytes?: Uint8Array, options?: { readonly stream?: boolean }): string
}

/** The platform's own names; that they are there is what makes it one. */
interface Globals {
  readonly fetch: WebPlatform['fetch']
  readonly AbortController: new () => WebAbortController
  readonly TextDecoder: new (label: string, options: { readonly fatal: boolean }) => WebTextDecoder
  readonly crypto: { randomUUID(): string }
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}
const globals = globalThis as unknown as Globals

/** Node, or the browser. */
export const THIS_PLATFORM: WebPlatform = {
  fetch: (url, request) => globals.fetch(url, request),
  abortController: () => new globals.AbortController(),
  after: (ms, callback) => {
    const timer = globals.setTimeout(callback, ms)
    return () => globals.clearTimeout(timer)
  },
  randomUuid: () => globals.crypto.randomUUID(),
  textDecoder: () => new globals.TextDecoder('utf-8', { fatal: true }),
}
