import type { PasswordChange, SignIn as SignInBody } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow } from '../database/schema.ts'
import type { AnnounceKeys } from './announce-keys.ts'
import type { ApiTokens } from './api-tokens.ts'
import type { Attempts } from './attempts.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import type { CallOrigin } from './caller.ts'
import { expectAnotherOwner } from './members.ts'
import type { PasswordHasher, PasswordVerdict } from './password-hasher.ts'
import { nameKey } from './person-name.ts'
import type { Entrant } from './registrar.ts'
import type { Sessions } from './sessions.ts'

export interface SignInOptions {
  readonly database: HubDatabase
  readonly audit: AuditLog
  readonly attempts: Attempts
  readonly passwords: PasswordHasher
  readonly sessions: Sessions
  readonly tokens: ApiTokens
  readonly announceKeys: AnnounceKeys
  readonly onRightsChanged: (accountId: string) => void
}

/** Somebody with an account, at work on it. A caller with an account fits. */
export type AccountUser = Actor & CallOrigin & { readonly accountId: string; readonly sessionId: string | undefined }

/** Everything for which a password is asked. */
export class SignIn {
  readonly #options: SignInOptions

  constructor(options: SignInOptions) {
    this.#options = options
  }

  /**
   * A wrong name and a wrong password cost the same work and get the same answer (SAFETY A2). That somebody is banned is said only to who
   * knows their password.
   *
   * @throws {ProblemError} `CREDENTIALS`, `FORBIDDEN`, `RATE_LIMITED`, `BUSY`
   */
  async signIn({ name, password }: Pick<SignInBody, 'name' | 'password'>, from: CallOrigin): Promise<Entrant> {
    const { database, audit, sessions } = this.#options
    const account = await this.#proven(nameKey(name), password, from.ip)
    if (account.banned_at !== null) {
      const reason = account.ban_reason === null ? '' : `: ${account.ban_reason}`
      throw new ProblemError('FORBIDDEN', `You are banned from this hub${reason}. Ask whoever runs it`)
    }
    const session = await database.transaction(async (trx) => {
      const begun = await sessions.begin(trx, account.id, from.agent)
      await audit.write(trx, { accountId: account.id, name: account.name }, { action: 'account.sign-in', subject: account.name })
      return begun
    })
    return { account, session }
  }

  /** All other sessions end: whoever knew the old password is out. @throws {ProblemError} as signing in does, and `CONFLICT` */
  async changePassword(user: AccountUser, { current, password }: PasswordChange): Promise<void> {
    const { database, audit, passwords } = this.#options
    const account = await this.#proven(nameKey(user.name), current, user.ip)
    const password_hash = await passwords.hash(password)
    await database.transaction(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('accounts')
        .set({ password_hash })
        .where('id', '=', account.id)
        .where('password_hash', '=', account.password_hash)
        .executeTakeFirst()
      if (numUpdatedRows !== 1n)
        throw new ProblemError('CONFLICT', 'Your password was changed elsewhere at this moment: nothing was changed here')
      await trx
        .deleteFrom('sessions')
        .where('account_id', '=', account.id)
        .where('id', '!=', user.sessionId ?? '')
        .execute()
      await audit.write(trx, user, { action: 'account.password', subject: user.name })
    })
    this.#options.onRightsChanged(user.accountId)
  }

  /** Every session and every token ends. Announce keys stay: they are in the torrents of people's clients, and can be revoked one by one. */
  async signOutEverywhere(user: Actor & { readonly accountId: string }): Promise<void> {
    const { database, audit, sessions, tokens } = this.#options
    await database.transaction(async (trx) => {
      await sessions.endAll(trx, user.accountId)
      await tokens.endAll(trx, user.accountId)
      await audit.write(trx, user, { action: 'account.sign-out-everywhere', subject: user.name })
    })
    this.#options.onRightsChanged(user.accountId)
  }

  /** For good. What the account has published stays, without an owner. @throws {ProblemError} `CREDENTIALS`, `CONFLICT` */
  async deleteAccount(user: AccountUser, password: string): Promise<void> {
    const { database, audit, announceKeys, onRightsChanged } = this.#options
    await this.#proven(nameKey(user.name), password, user.ip)
    await database.transaction(async (trx) => {
      await expectAnotherOwnerIfOwner(trx, user.accountId)
      await trx.deleteFrom('accounts').where('id', '=', user.accountId).execute()
      await audit.write(trx, user, { action: 'account.delete', subject: user.name })
    })
    announceKeys.shutOut(user.accountId)
    onRightsChanged(user.accountId)
  }

  /** The account of that name, if the password is right. */
  async #proven(key: string, password: string, ip: string): Promise<AccountRow> {
    const { database, attempts, passwords } = this.#options
    const attempt = await attempts.signIn(key, ip)
    const account = await database.db.selectFrom('accounts').selectAll().where('name_key', '=', key).executeTakeFirst()
    let verdict: PasswordVerdict
    try {
      verdict = await passwords.verify(password, account?.password_hash)
    } catch (error) {
      // nothing was tried
      await attempt.giveBack()
      throw error
    }
    if (account === undefined || !verdict.isRight) {
      throw new ProblemError('CREDENTIALS', 'Name or password are wrong. Of the password every character counts, also spaces and capitals')
    }
    await attempt.giveBack()
    return verdict.isStale ? await this.#rehash(account, password) : account
  }

  async #rehash(account: AccountRow, password: string): Promise<AccountRow> {
    const password_hash = await this.#options.passwords.hash(password)
    const { numUpdatedRows } = await this.#options.database.db
      .updateTable('accounts')
      .set({ password_hash })
      .where('id', '=', account.id)
      // the password may have been changed meanwhile
      .where('password_hash', '=', account.password_hash)
      .executeTakeFirst()
    return numUpdatedRows === 1n ? { ...account, password_hash } : account
  }
}

async function expectAnotherOwnerIfOwner(trx: Parameters<typeof expectAnotherOwner>[0], accountId: string): Promise<void> {
  const account = await trx.selectFrom('accounts').select('role').where('id', '=', accountId).executeTakeFirst()
  if (account?.role === 'owner') await expectAnotherOwner(trx, accountId)
}
