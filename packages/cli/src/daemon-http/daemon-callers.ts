import { createHash, timingSafeEqual } from 'node:crypto'
import { ProblemError } from '@shoal/api/problem'
import type { Authenticator, CallerFacts } from '@shoal/door/authenticator'
import type { Caller } from '@shoal/door/route'

/** The person whose daemon it is may everything; whoever else can reach the port, nothing. */
export type DaemonPermission = 'peer:use'
export type DaemonCaller = Caller<DaemonPermission, 'owner'>

const ALL: ReadonlySet<DaemonPermission> = new Set(['peer:use'])
const NOTHING: ReadonlySet<DaemonPermission> = new Set()

/** Knows one token. */
export class DaemonCallers implements Authenticator {
  readonly #digest: Buffer

  constructor(token: string) {
    this.#digest = digestOf(token)
  }

  async callerOf({ authorization, ip, agent }: CallerFacts): Promise<DaemonCaller> {
    if (authorization === undefined) return callerWith(NOTHING, { ip, agent })
    const shown = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
    if (timingSafeEqual(digestOf(shown), this.#digest)) return callerWith(ALL, { ip, agent })
    throw new ProblemError(
      'NOT_SIGNED_IN',
      "This is not the daemon's token: it stands in the file named token in the daemon's folder (shoal daemon status says where)",
    )
  }
}

function callerWith(permissions: ReadonlySet<DaemonPermission>, { ip, agent }: { ip: string; agent: string }): DaemonCaller {
  const isOwner = permissions.size > 0
  return {
    accountId: isOwner ? 'owner' : undefined,
    name: isOwner ? 'owner' : 'stranger',
    role: isOwner ? 'owner' : 'none',
    permissions,
    sessionId: undefined,
    proof: isOwner ? 'bearer' : 'none',
    ip,
    agent,
    may: (permission) => permissions.has(permission),
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
