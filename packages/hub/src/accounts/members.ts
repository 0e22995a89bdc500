import type { Member, MemberChange } from '@shoal/api/hub-api'
import { outranks, type Permission, type Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { invalidField } from '@shoal/door/invalid-field'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow, Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { AnnounceKeys } from './announce-keys.ts'
import type { ApiTokens } from './api-tokens.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import { roleOf } from './caller.ts'
import type { Invites } from './invites.ts'
import type { LastUse } from './last-use.ts'
import type { Sessions } from './sessions.ts'

/** Who changes a member. A caller fits. */
export interface Moderator extends Actor {
  readonly role: Role | 'none'
  may(permission: Permission): boolean
}

export interface MemberPage {
  readonly items: Member[]
  /** Absent on the last page. */
  readonly nextAfter?: string
}

export interface MembersOptions {
  readonly database: HubDatabase
  readonly system: HubSystem
  readonly audit: AuditLog
  readonly sessions: Sessions
  readonly tokens: ApiTokens
  readonly invites: Invites
  readonly announceKeys: AnnounceKeys
  readonly lastUse: LastUse
  /** Whether a peer of the account is connected. */
  readonly isOnline: (accountId: string) => boolean
  /** Whoever keeps a connection of the account open looks at its rights again. */
  readonly onRightsChanged: (accountId: string) => void
}

const MAX_REASON_CHARACTERS = 200

/** The people of a hub, as those see and change them who may. */
export class Members {
  readonly #options: MembersOptions

  constructor(options: MembersOptions) {
    this.#options = options
  }

  /** By name. @param after what `nextAfter` of the page before said */
  async page(limit: number, after: string = ''): Promise<MemberPage> {
    const rows = await this.#rows()
      .where('accounts.name_key', '>', after)
      .orderBy('accounts.name_key')
      .limit(limit + 1)
      .execute()
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    const items = shown.map((row) => this.#memberOf(row))
    return rows.length > limit && last !== undefined ? { items, nextAfter: last.name_key } : { items }
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async get(id: string): Promise<Member> {
    const row = await this.#rows().where('accounts.id', '=', id).executeTakeFirst()
    if (row === undefined) throw unknownMember()
    return this.#memberOf(row)
  }

  /** Those who are not banned. */
  async count(): Promise<number> {
    const { count } = await this.#options.database.db
      .selectFrom('accounts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('banned_at', 'is', null)
      .executeTakeFirstOrThrow()
    return count
  }

  /**
   * Another role, a ban, or its end. What a ban takes away (sessions, tokens, invites) stays gone; announce keys come back with its end, for
   * they are in the torrents of people's clients.
   *
   * @throws {ProblemError} `NOT_FOUND`, `FORBIDDEN`, `CONFLICT`: the last owner would go
   */
  async change(moderator: Moderator, id: string, change: MemberChange): Promise<Member> {
    const { database, announceKeys, onRightsChanged } = this.#options
    const keysBack = await database.transaction(async (trx) => {
      const account = await trx.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst()
      if (account === undefined) throw unknownMember()
      await this.#giveRole(trx, moderator, account, change.role)
      return await this.#setBan(trx, moderator, account, change)
    })
    if (keysBack === 'none') announceKeys.shutOut(id)
    else for (const keyId of keysBack) announceKeys.admit(id, keyId)
    onRightsChanged(id)
    return await this.get(id)
  }

  async #giveRole(trx: Transaction<Schema>, moderator: Moderator, account: AccountRow, role: Role | undefined): Promise<void> {
    if (role === undefined || role === account.role) return
    if (!moderator.may('members:role')) throw new ProblemError('FORBIDDEN', 'You cannot give roles: ask an admin or the owner')
    expectBelow(moderator, account)
    if (moderator.role === 'none' || !outranks(moderator.role, role)) {
      throw new ProblemError('FORBIDDEN', `You cannot make somebody ${role}: you give roles below your own`)
    }
    if (account.role === 'owner') await expectAnotherOwner(trx, account.id)
    await trx.updateTable('accounts').set({ role }).where('id', '=', account.id).execute()
    await this.#options.audit.write(trx, moderator, { action: 'member.role', subject: account.name, detail: `${account.role} → ${role}` })
  }

  /** @returns the announce keys that count from now on */
  async #setBan(
    trx: Transaction<Schema>,
    moderator: Moderator,
    account: AccountRow,
    change: MemberChange,
  ): Promise<readonly string[] | 'none'> {
    const { audit, sessions, tokens, invites, announceKeys, system } = this.#options
    const wasBanned = account.banned_at !== null
    const isBanned = change.isBanned ?? wasBanned
    if (isBanned === wasBanned && change.banReason === undefined) return isBanned ? 'none' : []
    if (!isBanned && change.banReason !== undefined) {
      throw invalidField('banReason', 'A reason is for a ban: send isBanned, too')
    }
    if (!moderator.may('members:ban')) throw new ProblemError('FORBIDDEN', 'You cannot ban anybody: ask a moderator')
    if (moderator.accountId === account.id) throw new ProblemError('FORBIDDEN', 'You cannot ban yourself')
    expectBelow(moderator, account)
    if (!isBanned) {
      await trx.updateTable('accounts').set({ banned_at: null, ban_reason: null }).where('id', '=', account.id).execute()
      await audit.write(trx, moderator, { action: 'member.unban', subject: account.name })
      return await announceKeys.idsOf(trx, account.id)
    }
    if (account.role === 'owner' && !wasBanned) await expectAnotherOwner(trx, account.id)
    const reason = change.banReason === undefined ? account.ban_reason : cleanText(change.banReason, MAX_REASON_CHARACTERS)
    const banned_at = account.banned_at ?? system.wallClock()
    await trx.updateTable('accounts').set({ banned_at, ban_reason: reason }).where('id', '=', account.id).execute()
    await sessions.endAll(trx, account.id)
    await tokens.endAll(trx, account.id)
    await invites.endAll(trx, account.id)
    await audit.write(trx, moderator, { action: 'member.ban', subject: account.name, ...(reason === null ? {} : { detail: reason }) })
    return 'none'
  }

  #rows() {
    return this.#options.database.db
      .selectFrom('accounts')
      .select(['accounts.id', 'name', 'name_key', 'role', 'created_at', 'last_seen_at', 'banned_at', 'ban_reason'])
      .select((select) =>
        select
          .selectFrom('entries')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .whereRef('entries.owner_id', '=', 'accounts.id')
          .as('files'),
      )
  }

  #memberOf(row: Omit<AccountRow, 'password_hash'> & { readonly files: number | null }): Member {
    return {
      id: row.id,
      name: row.name,
      role: roleOf(row.role),
      createdAt: row.created_at,
      lastSeenAt: this.#options.lastUse.latest('accounts', row.id, row.last_seen_at),
      isBanned: row.banned_at !== null,
      ...(row.ban_reason === null ? {} : { banReason: row.ban_reason }),
      files: row.files ?? 0,
      isOnline: this.#options.isOnline(row.id),
    }
  }
}

/**
 * A hub always has an owner who can sign in.
 *
 * @throws {ProblemError} `CONFLICT`
 */
export async function expectAnotherOwner(trx: Transaction<Schema>, accountId: string): Promise<void> {
  const other = await trx
    .selectFrom('accounts')
    .select('id')
    .where('role', '=', 'owner')
    .where('banned_at', 'is', null)
    .where('id', '!=', accountId)
    .limit(1)
    .executeTakeFirst()
  if (other !== undefined) return
  throw new ProblemError('CONFLICT', 'This is the last owner, and a hub needs one: make somebody else owner first')
}

function expectBelow(moderator: Moderator, account: AccountRow): void {
  const role = roleOf(account.role)
  if (moderator.role !== 'none' && outranks(moderator.role, role)) return
  throw new ProblemError('FORBIDDEN', `You cannot change ${account.name}, who is ${role}: only members of a role below yours`)
}

function unknownMember(): ProblemError {
  return new ProblemError('NOT_FOUND', 'There is no member of that id. They may have deleted their account')
}
