import type { IncomingMessage } from 'node:http'
import { headerOf, type Reach } from './reach.ts'
import type { Caller } from './route.ts'

/** What a request says of who sends it. */
export interface CallerFacts {
  /** The header, as it came. */
  readonly authorization: string | undefined
  /** The header, as it came. */
  readonly cookie: string | undefined
  readonly ip: string
  readonly agent: string
  /** From this very machine, and nobody forwarded it. */
  readonly isLoopback: boolean
  /** It is reached over TLS: then only cookies count that were set over TLS. */
  readonly isSecure: boolean
}

/** Knows accounts; the web door asks it once a request. */
export interface Authenticator {
  /** Somebody without token and cookie is a visitor. Rejects with `NOT_SIGNED_IN` for a token that is unknown, ended or taken back. */
  callerOf(facts: CallerFacts): Promise<Caller>
}

export function callerFacts(request: IncomingMessage, reach: Reach): CallerFacts {
  return {
    authorization: headerOf(request, 'authorization'),
    cookie: headerOf(request, 'cookie'),
    ip: reach.ip,
    agent: (headerOf(request, 'user-agent') ?? '').slice(0, 200),
    isLoopback: reach.isLocal,
    isSecure: reach.origin.startsWith('https:'),
  }
}
