import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Static, TSchema } from 'typebox'

/**
 * What a route is: data that says who may call it with what, and a function that answers. The server checks everything
 * that is declared before the function runs; documents, tests of access and the OpenAPI description walk the same data.
 *
 * `C` is who calls, as the handlers want to know it; it also says which permissions there are.
 */
export interface Route<
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
  R extends TSchema = TSchema,
  C extends Caller = Caller,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/v1/files/:id` */
  readonly url: string
  readonly summary: string
  /** What the caller must be allowed to; `public` is everybody, whoever they are. */
  readonly needs: PermissionOf<C> | 'public'
  readonly params?: P
  readonly query?: Q
  /** Absent: a body is refused. */
  readonly body?: B
  /** Bytes of a body at most; 64 KiB unless said. */
  readonly bodyLimit?: number
  /** Body as a multipart form, too: fields become the body's properties, the file `torrent` becomes base64 text. */
  readonly takesForms?: true
  /** Absent: the answer is not JSON (a `RawReply`), or nothing (204). */
  readonly reply?: R
  /** Status when it went well: 200, or 204 without a reply. */
  readonly status?: 200 | 201 | 202 | 204
  /** Writes only: repeats of a call with the same `Idempotency-Key` get the first answer again. On unless said. */
  readonly isIdempotent?: boolean
  /** Which bucket of the rate limits it draws from; `read` for GET and `write` for the rest unless said. */
  readonly limit?: 'read' | 'write' | 'sign-in' | 'register' | 'ping' | 'upload'
  handle(call: Call<Static<P>, Static<Q>, Static<B>, C>): Promise<Static<R> | RawReply | undefined> | Static<R> | RawReply | undefined
}

type PermissionOf<C> = C extends Caller<infer P> ? P : never

/** An answer that is not JSON. */
export class RawReply {
  readonly type: string
  readonly body: string | Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  constructor(type: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}, status: number = 200) {
    this.type = type
    this.body = body
    this.headers = headers
    this.status = status
  }
}

export interface Call<P = unknown, Q = unknown, B = unknown, C extends Caller = Caller> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly caller: C
  /** As the caller reached this server, configured or else from the socket, never from `Host`: `https://class.example`. Without a slash at the end. */
  readonly origin: string
  /** A header of the request; the name in lower case. */
  readonly header: (name: string) => string | undefined
  /** To be sent with the answer, whatever kind it is: `Set-Cookie` and the like. */
  readonly setHeader: (name: string, value: string) => void
  /** For what the declarations cannot say, such as an event stream. Whoever takes it answers. */
  readonly takeOver: () => TakenCall<C>
}

export interface TakenCall<C extends Caller = Caller> {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Who calls as of now: an answer that goes on for hours asks now and then. Rejects when the account is banned or signed out. */
  callerNow(): Promise<C>
}

/** Who calls. Somebody without an account has a role nevertheless, where visitors are welcome. */
export interface Caller<P extends string = string, R extends string = string> {
  readonly accountId: string | undefined
  readonly name: string
  readonly role: R | 'none'
  readonly permissions: ReadonlySet<P>
  /** The session that the call came with, if it was one. */
  readonly sessionId: string | undefined
  /** What the caller showed: a cookie is sent by any page that makes a browser call us, a bearer token only by whoever knows it. */
  readonly proof: 'none' | 'cookie' | 'bearer'
  /** The address of the caller (behind trusted proxies: the one that they tell). For limits; only cut ones are stored. */
  readonly ip: string
  readonly agent: string
  may(permission: P): boolean
}
