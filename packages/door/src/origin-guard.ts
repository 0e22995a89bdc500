import type { IncomingMessage } from 'node:http'
import { ProblemError } from '@shoal/api/problem'
import { parseIp } from '@shoal/protocol/ip-address'
import type { DoorWords } from './door-words.ts'
import { headerOf, type Reach } from './reach.ts'

/**
 * What keeps pages of other sites away (SAFETY D1, D2): a page can make a browser send requests, and by
 * rebinding its name even read the answers, but it can neither choose `Host` nor leave out `Origin`.
 */
export class OriginGuard {
  /** Lower case, without port. */
  readonly #names: ReadonlySet<string>
  readonly #checksAlways: boolean
  readonly #name: string

  /** @param publicHost with its port, as a URL has it */
  constructor(publicHost: string | undefined, allowedHosts: readonly string[], { name }: Pick<DoorWords, 'name'>) {
    this.#name = name
    this.#names = new Set([...(publicHost === undefined ? [] : [publicHost]), ...allowedHosts].map((host) => nameOf(host)))
    this.#checksAlways = allowedHosts.length > 0
  }

  /** On loopback `Host` is an IP address, `localhost` or a name that the configuration has; elsewhere only where it lists names. */
  checkHost(request: IncomingMessage, isOnLoopback: boolean): void {
    const host = request.headers.host
    if (host === undefined || !(isOnLoopback || this.#checksAlways)) return
    const name = nameOf(host)
    if (name === 'localhost' || parseIp(name) !== undefined || this.#names.has(name)) return
    throw new ProblemError(
      'FOREIGN_ORIGIN',
      `Cannot answer as ${JSON.stringify(host.slice(0, 100))}: that is not a name of this ${this.#name}. Use its address, or add the name to the ${this.#name}'s configuration`,
    )
  }

  /** A write needs proof that no other site's page makes the browser do it, unless it brings its own token. */
  checkWrite(request: IncomingMessage, reach: Reach): void {
    if (request.headers.authorization !== undefined) return
    const site = headerOf(request, 'sec-fetch-site')
    const origin = headerOf(request, 'origin')
    if (site === 'same-origin' || site === 'none') return
    if (site === undefined && origin !== undefined && this.#isOwnOrigin(origin, request.headers.host, reach)) return
    // No browser, which would tell: there is nobody whose cookie could be misused, or it says so by bringing none.
    if (site === undefined && origin === undefined && request.headers.cookie === undefined) return
    throw new ProblemError(
      'FOREIGN_ORIGIN',
      `Cannot do this for a page of another site. Use the pages of the ${this.#name}, or send a token`,
    )
  }

  /**
   * What somebody without an account may change, a page could change by rebinding its name to this address in a local
   * network, too. So there the name must be one that no stranger can own, or that the configuration has.
   */
  checkVisitorWrite(request: IncomingMessage): void {
    const name = nameOf(request.headers.host ?? '')
    if (this.#names.has(name) || parseIp(name) !== undefined || LOCAL_NAME.test(name)) return
    throw new ProblemError(
      'FOREIGN_ORIGIN',
      `Cannot change anything for somebody without an account under the name ${JSON.stringify(name.slice(0, 100))}: use the ${this.#name}'s address, or add the name to its configuration`,
    )
  }

  #isOwnOrigin(origin: string, host: string | undefined, reach: Reach): boolean {
    if (!URL.canParse(origin)) return false
    const { protocol, host: from } = new URL(origin)
    return from === new URL(reach.origin).host || (from === host && protocol === (reach.isHttps ? 'https:' : 'http:'))
  }
}

/** Names without a dot, and those that are set aside for local networks: nobody can register them. */
const LOCAL_NAME = /^(?:[^.]*|.*\.(?:local|localhost|lan|internal|home\.arpa))$/

/** `[::1]:6880` -> `::1` */
function nameOf(host: string): string {
  const [, bracketed, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim().toLowerCase()) ?? []
  return (bracketed ?? name ?? '').replace(/\.$/, '')
}
