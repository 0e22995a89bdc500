import { createHash } from 'node:crypto'
import type { Settings } from '@shoal/api/hub-api'
import type { Role } from '@shoal/api/permissions'
import { Accounts, type AccountsOptions } from '../src/accounts/accounts.ts'
import type { RequestFacts } from '../src/accounts/authenticator.ts'
import type { HubCaller } from '../src/accounts/caller.ts'
import { type NewCredential, newCredential } from '../src/accounts/credential.ts'
import { PasswordHasher } from '../src/accounts/password-hasher.ts'
import { type HubDatabase, openDatabase } from '../src/database/database.ts'
import type { HubSystem } from '../src/system.ts'

export const MINUTE = 60_000
export const DAY = 24 * 60 * MINUTE
export const ORIGIN = 'https://class.example'
export const PASSWORD = 'a sentence that nobody guesses'

export const DEFAULT_SETTINGS: Settings = {
  name: 'class',
  visitors: 'none',
  registration: 'open',
  torrents: 'any',
  maxFilesPerMember: 100,
  forgetAfterDays: 30,
}

/** A clock that stands still until it is moved, and bytes that are the same in every run. */
export class TestSystem implements HubSystem {
  time = 1_800_000_000_000
  #drawn = 0
  now = (): number => this.time
  wallClock = (): number => this.time
  randomBytes = (length: number): Uint8Array => {
    const seed = createHash('sha256')
      .update(`test ${this.#drawn++}`)
      .digest()
    return Uint8Array.from({ length }, (_, at) => seed[at % seed.length]!)
  }
  randomBelow = (): number => 0
}

/** A hub's accounts with an owner and one person of every role, all with the same password. */
export class AccountsWorld {
  readonly system: TestSystem
  readonly database: HubDatabase
  readonly accounts: Accounts
  readonly passwords: PasswordHasher
  readonly operator: NewCredential
  readonly tokens = new Map<string, string>()

  private constructor(made: Pick<AccountsWorld, 'system' | 'database' | 'accounts' | 'passwords' | 'operator'>) {
    this.system = made.system
    this.database = made.database
    this.accounts = made.accounts
    this.passwords = made.passwords
    this.operator = made.operator
  }

  /** Without anybody in it. */
  static async empty(settings: Partial<Settings> = {}, options: Partial<AccountsOptions> = {}): Promise<AccountsWorld> {
    const system = new TestSystem()
    const database = await openDatabase({ file: ':memory:' })
    return await AccountsWorld.on(database, system, settings, options)
  }

  /** A hub that was started (again) on this database. */
  static async on(
    database: HubDatabase,
    system: TestSystem,
    settings: Partial<Settings> = {},
    options: Partial<AccountsOptions> = {},
  ): Promise<AccountsWorld> {
    const passwords = new PasswordHasher(system, { cost: { memoryKiB: 8, passes: 1, lanes: 1 }, atOnce: 2, maxWaiting: 1_000 })
    const operator = newCredential(system, 'operator')
    const secret = new Uint8Array(32).fill(7)
    const defaults = { ...DEFAULT_SETTINGS, ...settings }
    const accounts = await Accounts.open({ database, system, secret, operator, defaults, passwords, ...options })
    return new AccountsWorld({ system, database, accounts, passwords, operator })
  }

  static async peopled(settings: Partial<Settings> = {}, options: Partial<AccountsOptions> = {}): Promise<AccountsWorld> {
    const world = await AccountsWorld.empty(settings, options)
    const code = await world.accounts.registrar.setupCode(HUB)
    const owner = await world.accounts.registrar.setUp({ code, name: 'olga', password: PASSWORD }, from())
    world.tokens.set('olga', owner.session.token)
    for (const [role, name] of Object.entries(NAMES)) if (role !== 'owner') await world.admit(name, role as Role)
    return world
  }

  /** Somebody new of that role. @returns the account's id */
  async admit(name: string, role: Role = 'member'): Promise<string> {
    const as = await this.as('olga')
    const invited = role === 'owner' ? 'admin' : role
    const { code } = await this.accounts.invites.create(as, { role: invited }, ORIGIN)
    const { account, session } = await this.accounts.registrar.register({ name, password: PASSWORD, invite: code }, from())
    this.tokens.set(name, session.token)
    if (role === 'owner') await this.accounts.members.change(as, account.id, { role })
    return account.id
  }

  as(name: string): Promise<HubCaller> {
    return this.by(this.tokens.get(name) ?? 'nobody')
  }

  asOperator(): Promise<HubCaller> {
    return this.by(this.operator.text)
  }

  by(token: string): Promise<HubCaller> {
    return this.accounts.callerOf(facts({ authorization: `Bearer ${token}` }))
  }

  async idOf(name: string): Promise<string> {
    const { id } = await this.database.db.selectFrom('accounts').select('id').where('name', '=', name).executeTakeFirstOrThrow()
    return id
  }

  /** What is in a table, as text to search in. */
  async dump(table: 'audit' | 'attempts' | 'accounts' | 'sessions' | 'tokens' | 'announce_keys' | 'invites' | 'settings'): Promise<string> {
    return JSON.stringify(await this.database.db.selectFrom(table).selectAll().execute())
  }

  async actions(): Promise<string[]> {
    const rows = await this.database.db.selectFrom('audit').selectAll().orderBy('id').execute()
    return rows.map((row) => `${row.actor_name} ${row.action} ${row.subject}${row.detail === null ? '' : ` (${row.detail})`}`)
  }
}

export const HUB = { accountId: undefined, name: 'hub' }

/** One person of every role. */
export const NAMES: Readonly<Record<Role, string>> = { owner: 'olga', admin: 'adam', moderator: 'mona', member: 'minh', guest: 'gao' }

export function from(ip: string = '192.0.2.1'): { ip: string; agent: string } {
  return { ip, agent: 'test' }
}

export function facts(given: Partial<RequestFacts> = {}): RequestFacts {
  return { authorization: undefined, cookie: undefined, isLoopback: true, isSecure: false, ...from('127.0.0.1'), ...given }
}
