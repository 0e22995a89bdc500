import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Permission, permissionsOf, ROLES, type Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import type { Authenticator, CallerFacts } from '@shoal/door/authenticator'
import type { IdempotentCallStore, KeptAnswer } from '@shoal/door/idempotent-calls'
import { WebDoor, type WebDoorOptions } from '@shoal/door/web-door'
import { HUB_WORDS } from '../src/http/hub-words.ts'
import type { Caller, HubRoute } from '../src/http/route.ts'
import { REAL_HUB_SYSTEM } from '../src/system.ts'

/** Knows a token for each role (`Bearer member`, cookie `session=member`); visitors have the role that it is told. */
export class FakeAccounts implements Authenticator {
  visitors: Role | 'none' = 'member'
  readonly ended = new Set<string>()

  async callerOf(facts: CallerFacts): Promise<Caller> {
    const token = /^Bearer (.+)$/.exec(facts.authorization ?? '')?.[1] ?? /session=(\w+)/.exec(facts.cookie ?? '')?.[1]
    if (token === undefined) return callerAs(this.visitors, undefined, facts)
    const role = ROLES.find((each) => token.startsWith(each))
    if (role === undefined || this.ended.has(token))
      throw new ProblemError('NOT_SIGNED_IN', 'This token is unknown or has ended: sign in again')
    return callerAs(role, `account-of-${token}`, facts)
  }
}

function callerAs(role: Role | 'none', accountId: string | undefined, { ip, agent, authorization }: CallerFacts): Caller {
  const proof = accountId === undefined ? 'none' : authorization === undefined ? 'cookie' : 'bearer'
  const permissions = role === 'none' ? new Set<Permission>() : permissionsOf(role)
  return {
    accountId,
    name: role,
    role,
    permissions,
    sessionId: undefined,
    proof,
    ip,
    agent,
    may: (permission) => permissions.has(permission),
  }
}

export class FakeCallStore implements IdempotentCallStore {
  readonly rows = new Map<string, KeptAnswer & { requestHash: string; at: number }>()

  async find(id: string): Promise<(KeptAnswer & { requestHash: string }) | undefined> {
    return this.rows.get(id)
  }
  async keep(id: string, requestHash: string, answer: KeptAnswer, at: number): Promise<void> {
    this.rows.set(id, { ...answer, requestHash, at })
  }
  async forgetBefore(at: number): Promise<void> {
    for (const [id, row] of this.rows) if (row.at < at) this.rows.delete(id)
  }
}

export interface OpenDoor extends AsyncDisposable {
  readonly door: WebDoor
  readonly server: Server
  readonly accounts: FakeAccounts
  readonly calls: FakeCallStore
  readonly bugs: unknown[]
  readonly port: number
  readonly url: string
}

/** A web door on a server of its own, on a port of its own. */
export async function openDoor(routes: readonly HubRoute[], changes: Partial<WebDoorOptions> = {}): Promise<OpenDoor> {
  const accounts = new FakeAccounts()
  const calls = new FakeCallStore()
  const bugs: unknown[] = []
  const door = await WebDoor.open({
    words: HUB_WORDS,
    kept: ['files:read'],
    routes,
    authenticator: accounts,
    idempotentCalls: calls,
    system: REAL_HUB_SYSTEM,
    checksReplies: true,
    onBug: (error) => bugs.push(error),
    ...changes,
  })
  const server = createServer({ requestTimeout: 2_000, headersTimeout: 1_000, connectionsCheckingInterval: 200 }, door.handle)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    door,
    server,
    accounts,
    calls,
    bugs,
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
      await door.close()
    },
  }
}
