import type { Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import type { AccountRow } from '../database/schema.ts'
import type { ApiTokens } from './api-tokens.ts'
import { type CallOrigin, HubCaller, OPERATOR_NAME, roleOf, VISITOR_NAME } from './caller.ts'
import { type Credential, isSecretOf, type NewCredential, parseCredential } from './credential.ts'
import type { HubSettings } from './hub-settings.ts'
import { tokenInCookie } from './session-cookie.ts'
import type { Sessions } from './sessions.ts'

/** What a request says of who sends it. */
export interface RequestFacts extends CallOrigin {
  /** The headers, as they came. */
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  /** From this very machine, and nobody forwarded it. */
  readonly isLoopback: boolean
  /** It came over TLS, perhaps as far as a trusted proxy: then only cookies count that were set over TLS. Not said: either. */
  readonly isSecure?: boolean | undefined
}

export interface AuthenticatorOptions {
  readonly sessions: Sessions
  readonly tokens: ApiTokens
  readonly settings: HubSettings
  /** Of this run of the hub. */
  readonly operator: NewCredential | undefined
  /** Visitors are let in because nobody but this machine is expected: whoever a proxy hands on, of which the hub knows nothing, is not. */
  readonly letsInOnlyItsMachine: boolean
}

/** Tells who calls: by a token, by a cookie, or a visitor. */
export class Authenticator {
  readonly #options: AuthenticatorOptions

  constructor(options: AuthenticatorOptions) {
    this.#options = options
  }

  /**
   * Whoever shows a token means to be somebody: if it is no good they hear it, and are not silently a visitor.
   *
   * @throws {ProblemError} `NOT_SIGNED_IN`, always in the same words
   */
  async callerOf(facts: RequestFacts): Promise<HubCaller> {
    if (facts.authorization !== undefined) return await this.#named(bearerToken(facts.authorization), 'bearer', facts)
    const cookie = tokenInCookie(facts.cookie, facts.isSecure)
    return cookie === undefined ? this.#visitor(facts) : await this.#named(cookie, 'cookie', facts)
  }

  #visitor({ ip, agent, isLoopback }: RequestFacts): HubCaller {
    const { settings, letsInOnlyItsMachine } = this.#options
    const role: Role | 'none' = letsInOnlyItsMachine && !isLoopback ? 'none' : settings.current.visitors
    return new HubCaller({
      accountId: undefined,
      name: VISITOR_NAME,
      role,
      scopes: ['all'],
      sessionId: undefined,
      proof: 'none',
      ip,
      agent,
    })
  }

  async #named(text: string, proof: 'bearer' | 'cookie', facts: RequestFacts): Promise<HubCaller> {
    const from = { ip: facts.ip, agent: facts.agent, proof }
    const credential = parseCredential(text)
    switch (credential?.kind) {
      case 'session': {
        const account = await this.#options.sessions.accountOf(credential)
        if (account === undefined) throw notSignedIn()
        return new HubCaller({ ...identity(account), scopes: ['all'], sessionId: credential.id, ...from })
      }
      case 'token': {
        const found = await this.#options.tokens.accountOf(credential)
        if (found === undefined) throw notSignedIn()
        return new HubCaller({ ...identity(found.account), scopes: found.scopes, sessionId: undefined, ...from })
      }
      case 'operator': {
        if (!this.#isOperator(credential, facts)) throw notSignedIn()
        return new HubCaller({ accountId: undefined, name: OPERATOR_NAME, role: 'owner', scopes: ['all'], sessionId: undefined, ...from })
      }
      default:
        throw notSignedIn()
    }
  }

  /** Its token lies in a file of this machine: who brings it from elsewhere has stolen it. */
  #isOperator(credential: Credential, { isLoopback }: RequestFacts): boolean {
    const { operator } = this.#options
    if (operator === undefined || credential.id !== operator.id) return false
    return isSecretOf(credential.secret, operator.secretHash) && isLoopback
  }
}

function identity(account: AccountRow): { accountId: string; name: string; role: Role } {
  return { accountId: account.id, name: account.name, role: roleOf(account.role) }
}

function bearerToken(authorization: string): string {
  const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
  if (token === undefined) throw notSignedIn()
  return token
}

function notSignedIn(): ProblemError {
  return new ProblemError('NOT_SIGNED_IN', 'This token is not valid, or not any more: sign in again, or make a new token')
}
