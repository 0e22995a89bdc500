import type { Account, Settings } from '@shoal/api/hub-api'
import { permissionsOf } from '@shoal/api/permissions'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import { AnnounceKeys } from './announce-keys.ts'
import { ApiTokens } from './api-tokens.ts'
import { Attempts } from './attempts.ts'
import { AuditLog } from './audit-log.ts'
import { Authenticator, type RequestFacts } from './authenticator.ts'
import { type HubCaller, roleOf } from './caller.ts'
import type { NewCredential } from './credential.ts'
import { HubSettings } from './hub-settings.ts'
import { Invites } from './invites.ts'
import { LastUse } from './last-use.ts'
import { Members } from './members.ts'
import { PasswordHasher } from './password-hasher.ts'
import { Registrar } from './registrar.ts'
import { Sessions } from './sessions.ts'
import { SignIn } from './sign-in.ts'

export interface AccountsOptions {
  readonly database: HubDatabase
  readonly system: HubSystem
  /** The hub's own: see secret-file. */
  readonly secret: Uint8Array
  /** Of this run of the hub; without one there is no operator. */
  readonly operator?: NewCredential
  /** What nobody has changed while the hub ran. */
  readonly defaults: Settings
  /** Visitors must be of this very machine, whatever the settings let them do; off unless said. */
  readonly letsInOnlyItsMachine?: boolean
  readonly passwords?: PasswordHasher
  /** Where the tracker is reached by somebody who reaches the hub at `origin`; there itself unless said. */
  readonly trackersAt?: (origin: string) => readonly string[]
  /** Whether a peer of the account is connected; nobody is unless said. */
  readonly isOnline?: (accountId: string) => boolean
}

/**
 * Who is somebody on this hub, and what they may.
 *
 *     Registrar ── Invites      makes accounts           Members   roles and bans
 *     SignIn ── PasswordHasher  asks for passwords       Sessions, ApiTokens, AnnounceKeys   what people show instead
 *     Authenticator             who calls?               Attempts  how often one may be wrong   AuditLog  what was done
 *
 * Whoever makes it calls `sweep` about once a minute, and `close` at the end.
 */
export class Accounts {
  readonly settings: HubSettings
  readonly audit: AuditLog
  readonly announceKeys: AnnounceKeys
  readonly sessions: Sessions
  readonly tokens: ApiTokens
  readonly invites: Invites
  readonly members: Members
  readonly registrar: Registrar
  readonly signIn: SignIn
  readonly #authenticator: Authenticator
  readonly #attempts: Attempts
  readonly #lastUse: LastUse
  readonly #database: HubDatabase
  readonly #listeners: Set<(accountId: string) => void>

  private constructor(rooms: Rooms) {
    this.settings = rooms.settings
    this.audit = rooms.audit
    this.announceKeys = rooms.announceKeys
    this.sessions = rooms.sessions
    this.tokens = rooms.tokens
    this.invites = rooms.invites
    this.members = rooms.members
    this.registrar = rooms.registrar
    this.signIn = rooms.signIn
    this.#authenticator = rooms.authenticator
    this.#attempts = rooms.attempts
    this.#lastUse = rooms.lastUse
    this.#database = rooms.database
    this.#listeners = rooms.listeners
  }

  static async open(options: AccountsOptions): Promise<Accounts> {
    const { database, system, secret, defaults } = options
    const { passwords = new PasswordHasher(system), trackersAt = (origin: string) => [origin], isOnline = () => false } = options
    const listeners = new Set<(accountId: string) => void>()
    const onRightsChanged = (accountId: string): void => {
      for (const listener of listeners) listener(accountId)
    }
    const lastUse = new LastUse(system)
    const audit = new AuditLog(database, system)
    const settings = await HubSettings.load(database, audit, defaults)
    const attempts = await Attempts.load(database, system, secret)
    const announceKeys = await AnnounceKeys.load({ database, system, secret, audit, lastUse, trackersAt })
    const sessions = new Sessions({ database, system, audit, lastUse, onRightsChanged })
    const tokens = new ApiTokens({ database, system, audit, lastUse, onRightsChanged })
    const invites = new Invites(database, system, audit)
    const shared = { database, system, audit, sessions, tokens, invites, announceKeys, lastUse, settings, attempts, passwords }
    const members = new Members({ ...shared, isOnline, onRightsChanged })
    const registrar = await Registrar.load(shared)
    const signIn = new SignIn({ ...shared, onRightsChanged })
    const authenticator = new Authenticator({
      sessions,
      tokens,
      settings,
      operator: options.operator,
      letsInOnlyItsMachine: options.letsInOnlyItsMachine ?? false,
    })
    return new Accounts({ ...shared, members, registrar, signIn, authenticator, listeners })
  }

  /** @throws {ProblemError} `NOT_SIGNED_IN` */
  callerOf(facts: RequestFacts): Promise<HubCaller> {
    return this.#authenticator.callerOf(facts)
  }

  /** An account as its owner sees it. */
  async describe(account: Pick<AccountRow, 'id' | 'name' | 'role' | 'created_at'>, origin: string): Promise<Account> {
    const role = roleOf(account.role)
    return {
      id: account.id,
      name: account.name,
      role,
      createdAt: account.created_at,
      permissions: [...permissionsOf(role)],
      announceUrls: await this.announceKeys.urlsOf(account.id, origin),
    }
  }

  /** @returns undefined when it was deleted a moment ago */
  async find(accountId: string, origin: string): Promise<Account | undefined> {
    const row = await this.#database.db
      .selectFrom('accounts')
      .select(['id', 'name', 'role', 'created_at'])
      .where('id', '=', accountId)
      .executeTakeFirst()
    return row === undefined ? undefined : await this.describe(row, origin)
  }

  /**
   * Hears of every account that may do more, less, or nothing any more: a ban, another role, an end of sessions. Whoever keeps a connection
   * open for it closes it, or asks again who that is.
   *
   * @returns a function that ends it
   */
  onRightsChanged(listener: (accountId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes when things were last used, and forgets what has ended. @throws {ProblemError} `BUSY`, `STORAGE`: then the next one does it */
  async sweep(): Promise<void> {
    await this.#lastUse.flush(this.#database)
    await this.sessions.sweep()
    await this.tokens.sweep()
    await this.invites.sweep()
    await this.announceKeys.sweep()
    await this.audit.sweep()
    await this.#attempts.sweep()
  }

  async close(): Promise<void> {
    await this.#lastUse.flush(this.#database)
  }
}

interface Rooms {
  readonly database: HubDatabase
  readonly settings: HubSettings
  readonly audit: AuditLog
  readonly attempts: Attempts
  readonly lastUse: LastUse
  readonly announceKeys: AnnounceKeys
  readonly sessions: Sessions
  readonly tokens: ApiTokens
  readonly invites: Invites
  readonly members: Members
  readonly registrar: Registrar
  readonly signIn: SignIn
  readonly authenticator: Authenticator
  readonly listeners: Set<(accountId: string) => void>
}
