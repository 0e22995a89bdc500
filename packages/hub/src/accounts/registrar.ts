import type { Registration, Setup } from '@shoal/api/hub-api'
import type { Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import type { Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow, Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { AnnounceKeys } from './announce-keys.ts'
import type { Attempt, Attempts } from './attempts.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import type { CallOrigin } from './caller.ts'
import { hashOfSecret, isSecretOf, newId, newSecret } from './credential.ts'
import type { HubSettings } from './hub-settings.ts'
import type { Invites } from './invites.ts'
import type { PasswordHasher } from './password-hasher.ts'
import { type PersonName, personName } from './person-name.ts'
import type { NewSession, Sessions } from './sessions.ts'

/** Somebody who has just come in. */
export interface Entrant {
  readonly account: Pick<AccountRow, 'id' | 'name' | 'role' | 'created_at'>
  readonly session: NewSession
}

export interface RegistrarOptions {
  readonly database: HubDatabase
  readonly system: HubSystem
  readonly settings: HubSettings
  readonly audit: AuditLog
  readonly attempts: Attempts
  readonly passwords: PasswordHasher
  readonly sessions: Sessions
  readonly invites: Invites
  readonly announceKeys: AnnounceKeys
}

/** Makes accounts: the first owner by the set-up code, everybody else as the settings allow. */
export class Registrar {
  readonly #options: RegistrarOptions
  #needsSetup: boolean

  private constructor(options: RegistrarOptions, needsSetup: boolean) {
    this.#options = options
    this.#needsSetup = needsSetup
  }

  static async load(options: RegistrarOptions): Promise<Registrar> {
    return new Registrar(options, !(await hasOwner(options.database.db)))
  }

  /** Nobody owns this hub yet. */
  get needsSetup(): boolean {
    return this.#needsSetup
  }

  /**
   * A code with which somebody becomes the owner; earlier ones end. For the person who started the hub, on its own terminal.
   *
   * @throws {ProblemError} `CONFLICT`: it has an owner
   */
  async setupCode(actor: Actor): Promise<string> {
    const { database, system, audit } = this.#options
    const code = newSecret(system)
    const value = JSON.stringify(hashOfSecret(code))
    await database.transaction(async (trx) => {
      if (await hasOwner(trx)) throw hasOwnerAlready()
      await trx
        .insertInto('settings')
        .values({ key: SETUP_CODE, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
      await audit.write(trx, actor, { action: 'hub.setup-link', subject: 'owner' })
    })
    return code
  }

  /** @throws {ProblemError} `VALIDATION`, `CONFLICT`, `INVITE_INVALID`, `TAKEN`, `RATE_LIMITED`, `BUSY` */
  async setUp({ code, name, password }: Setup, from: CallOrigin): Promise<Entrant> {
    const person = personName(name)
    if (!this.#needsSetup) throw hasOwnerAlready()
    const { database, attempts, passwords } = this.#options
    const attempt = await attempts.register(from.ip)
    await expectSetupCode(database.db, code)
    const passwordHash = await this.#hash(passwords, password, attempt)
    const entrant = await database.transaction(async (trx) => {
      if (await hasOwner(trx)) throw hasOwnerAlready()
      await expectSetupCode(trx, code)
      await trx.deleteFrom('settings').where('key', '=', SETUP_CODE).execute()
      return await this.#enter(trx, { person, passwordHash, role: 'owner', agent: from.agent, action: 'account.setup' })
    })
    this.#needsSetup = false
    await attempt.giveBack()
    return this.#letIn(entrant)
  }

  /**
   * The same work whether the name is taken or not.
   *
   * @throws {ProblemError} `VALIDATION`, `REGISTRATION_CLOSED`, `INVITE_NEEDED`, `INVITE_INVALID`, `TAKEN`, `RATE_LIMITED`, `BUSY`
   */
  async register({ name, password, invite }: Registration, from: CallOrigin): Promise<Entrant> {
    const { database, settings, attempts, invites, passwords } = this.#options
    const { registration } = settings.current
    if (registration === 'closed') throw new ProblemError('REGISTRATION_CLOSED', 'This hub takes no new members at present')
    if (registration === 'invite' && invite === undefined) {
      throw new ProblemError('INVITE_NEEDED', 'This hub takes new members by invitation only: ask one of its moderators for an invite')
    }
    const person = personName(name)
    const attempt = await attempts.register(from.ip)
    if (invite !== undefined) await invites.expectGood(invite)
    const passwordHash = await this.#hash(passwords, password, attempt)
    const entrant = await database.transaction(async (trx) => {
      const role = invite === undefined ? 'member' : (await invites.use(trx, invite)).role
      return await this.#enter(trx, { person, passwordHash, role, agent: from.agent, action: 'account.register' })
    })
    // a class that is invited comes in through one address
    if (invite !== undefined) await attempt.giveBack()
    return this.#letIn(entrant)
  }

  async #hash(passwords: PasswordHasher, password: string, attempt: Attempt): Promise<string> {
    try {
      return await passwords.hash(password)
    } catch (error) {
      await attempt.giveBack()
      throw error
    }
  }

  async #enter(trx: Transaction<Schema>, newcomer: Newcomer): Promise<Entrant & { keyId: string }> {
    const { system, audit, sessions, announceKeys } = this.#options
    const { person, role } = newcomer
    const account: AccountRow = {
      id: newId(system, 'a'),
      name: person.name,
      name_key: person.key,
      role,
      password_hash: newcomer.passwordHash,
      created_at: system.wallClock(),
      last_seen_at: null,
      banned_at: null,
      ban_reason: null,
    }
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('accounts')
      .values(account)
      .onConflict((conflict) => conflict.column('name_key').doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows !== 1n) {
      throw new ProblemError('TAKEN', `Somebody has the name "${person.name}" already, or one that looks like it: choose another`)
    }
    const session = await sessions.begin(trx, account.id, newcomer.agent)
    const keyId = await announceKeys.insert(trx, account.id, 'first')
    await audit.write(
      trx,
      { accountId: account.id, name: account.name },
      { action: newcomer.action, subject: account.name, detail: `as ${role}` },
    )
    return { account, session, keyId }
  }

  #letIn({ account, session, keyId }: Entrant & { keyId: string }): Entrant {
    this.#options.announceKeys.admit(account.id, keyId)
    return { account, session }
  }
}

interface Newcomer {
  readonly person: PersonName
  readonly passwordHash: string
  readonly role: Role
  readonly agent: string
  readonly action: 'account.setup' | 'account.register'
}

/** Beside the settings that people see. */
const SETUP_CODE = 'setup code hash'

async function hasOwner(db: Pick<Transaction<Schema>, 'selectFrom'>): Promise<boolean> {
  return (await db.selectFrom('accounts').select('id').where('role', '=', 'owner').limit(1).executeTakeFirst()) !== undefined
}

async function expectSetupCode(db: Pick<Transaction<Schema>, 'selectFrom'>, code: string): Promise<void> {
  const row = await db.selectFrom('settings').select('value').where('key', '=', SETUP_CODE).executeTakeFirst()
  const hash: unknown = row === undefined ? '' : JSON.parse(row.value)
  if (typeof hash === 'string' && isSecretOf(code, hash)) return
  throw new ProblemError(
    'INVITE_INVALID',
    'This set-up link is not the newest one: the hub prints a new one at each start, and "shoal hub setup-link" makes one',
  )
}

function hasOwnerAlready(): ProblemError {
  return new ProblemError('CONFLICT', 'This hub has an owner already: sign in, or ask for an invite')
}
