import type { CreatedInvite, InviteInfo, NewInvite } from '@shoal/api/hub-api'
import { outranks, permissionsOf, type Role } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Kysely, Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { InviteRow, Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import { OPERATOR_NAME, roleOf } from './caller.ts'
import { hashOfSecret, newId, newSecret } from './credential.ts'

const HOUR_MS = 60 * 60_000
const INVITE_HOURS = 168
const MAX_INVITES = 100
const MAX_NOTE_CHARACTERS = 100
/** 144 bits: long enough for a secret, short enough for a chat message. */
const CODE_BYTES = 18

/** What an invite gives to whoever registers with it. */
export interface Invitation {
  readonly id: string
  readonly role: Role
}

export type Inviter = Actor & { readonly role: Role | 'none' }

/** Codes with which people may register: for one or several, for a while, with a role below that of whoever invites. */
export class Invites {
  readonly #database: HubDatabase
  readonly #system: HubSystem
  readonly #audit: AuditLog

  constructor(database: HubDatabase, system: HubSystem, audit: AuditLog) {
    this.#database = database
    this.#system = system
    this.#audit = audit
  }

  /**
   * @param origin where people reach the hub: the link is made for it.
   * @throws {ProblemError} `FORBIDDEN`: a role that is not below one's own. `QUOTA`
   */
  async create(inviter: Inviter, wanted: NewInvite, origin: string): Promise<CreatedInvite> {
    const role = wanted.role ?? 'member'
    if (inviter.role === 'none' || !outranks(inviter.role, role)) {
      throw new ProblemError('FORBIDDEN', `You cannot invite somebody as ${role}: invites give a role below your own`)
    }
    const now = this.#system.wallClock()
    const code = newSecret(this.#system, CODE_BYTES)
    const row: InviteRow = {
      id: newId(this.#system, 'i'),
      code_hash: hashOfSecret(code),
      role,
      uses_left: wanted.uses ?? 1,
      created_by: inviter.accountId ?? null,
      created_at: now,
      expires_at: now + (wanted.expiresInHours ?? INVITE_HOURS) * HOUR_MS,
      note: wanted.note === undefined ? null : cleanText(wanted.note, MAX_NOTE_CHARACTERS),
    }
    await this.#database.transaction(async (trx) => {
      const { count } = await trx
        .selectFrom('invites')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('created_by', 'is', row.created_by)
        .where('uses_left', '>', 0)
        .where('expires_at', '>', now)
        .executeTakeFirstOrThrow()
      if (count >= MAX_INVITES) {
        throw new ProblemError('QUOTA', `You have ${MAX_INVITES} invites that nobody has used, which is the limit: take one back`)
      }
      await trx.insertInto('invites').values(row).execute()
      const detail = `as ${role}, for ${row.uses_left}`
      await this.#audit.write(trx, inviter, { action: 'invite.create', subject: row.note ?? row.id, detail })
    })
    return { ...infoOf(row, inviter.name), code, link: `${origin}/join#${code}` }
  }

  /** Those that can still be used, the newest first. */
  async list(): Promise<InviteInfo[]> {
    const rows = await this.#database.db
      .selectFrom('invites')
      .leftJoin('accounts', 'accounts.id', 'invites.created_by')
      .selectAll('invites')
      .select('accounts.name')
      .where('uses_left', '>', 0)
      .where('expires_at', '>', this.#system.wallClock())
      .orderBy('invites.created_at', 'desc')
      .execute()
    return rows.map((row) => infoOf(row, row.name ?? OPERATOR_NAME))
  }

  /**
   * One's own, or one of somebody of a lower role.
   *
   * @throws {ProblemError} `NOT_FOUND`, `FORBIDDEN`
   */
  async revoke(actor: Inviter, id: string): Promise<void> {
    await this.#database.transaction(async (trx) => {
      const row = await trx
        .selectFrom('invites')
        .leftJoin('accounts', 'accounts.id', 'invites.created_by')
        .select(['invites.created_by', 'invites.note', 'accounts.role'])
        .where('invites.id', '=', id)
        .executeTakeFirst()
      if (row === undefined) throw new ProblemError('NOT_FOUND', 'There is no invite of that id. It may be taken back or used up already')
      const creatorRole = row.role === null ? 'owner' : roleOf(row.role)
      const isOwn = actor.accountId !== undefined && actor.accountId === row.created_by
      if (!isOwn && (actor.role === 'none' || !outranks(actor.role, creatorRole))) {
        throw new ProblemError('FORBIDDEN', 'You cannot take back this invite: it is of somebody who is not below you')
      }
      await trx.deleteFrom('invites').where('id', '=', id).execute()
      await this.#audit.write(trx, actor, { action: 'invite.revoke', subject: row.note ?? id })
    })
  }

  /**
   * Whether somebody may register with this code now: asked before the dear work of hashing their password.
   *
   * @throws {ProblemError} `INVITE_INVALID`
   */
  async expectGood(code: string): Promise<void> {
    await this.#find(this.#database.db, code)
  }

  /**
   * Uses the invite once, as part of the registration: of several at the same time only as many succeed as it has uses.
   *
   * @throws {ProblemError} `INVITE_INVALID`
   */
  async use(trx: Transaction<Schema>, code: string): Promise<Invitation> {
    const invitation = await this.#find(trx, code)
    const { numUpdatedRows } = await trx
      .updateTable('invites')
      .set((update) => ({ uses_left: update('uses_left', '-', 1) }))
      .where('id', '=', invitation.id)
      .where('uses_left', '>', 0)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw invalid()
    return invitation
  }

  /** Somebody was banned: nobody comes in by them. */
  async endAll(trx: Transaction<Schema>, accountId: string): Promise<void> {
    await trx.deleteFrom('invites').where('created_by', '=', accountId).execute()
  }

  async sweep(): Promise<void> {
    const now = this.#system.wallClock()
    await this.#database.db
      .deleteFrom('invites')
      .where((where) => where.or([where('expires_at', '<=', now), where('uses_left', '<=', 0)]))
      .execute()
  }

  async #find(db: Kysely<Schema>, code: string): Promise<Invitation> {
    const row = await db
      .selectFrom('invites')
      .leftJoin('accounts', 'accounts.id', 'invites.created_by')
      .select(['invites.id', 'invites.role', 'invites.created_by', 'accounts.role as creator_role'])
      .where('code_hash', '=', hashOfSecret(code))
      .where('uses_left', '>', 0)
      .where('expires_at', '>', this.#system.wallClock())
      .executeTakeFirst()
    if (row === undefined) throw invalid()
    const role = roleOf(row.role)
    // whoever has lost the right to invite meanwhile has invited nobody
    const creatorRole = row.creator_role === null ? 'owner' : roleOf(row.creator_role)
    if (!permissionsOf(creatorRole).has('members:invite') || !outranks(creatorRole, role)) throw invalid()
    return { id: row.id, role }
  }
}

function infoOf(row: InviteRow, createdBy: string): InviteInfo {
  return {
    id: row.id,
    role: roleOf(row.role),
    usesLeft: row.uses_left,
    createdBy,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.note === null ? {} : { note: row.note }),
  }
}

function invalid(): ProblemError {
  return new ProblemError(
    'INVITE_INVALID',
    'This invite cannot be used: it is unknown, used up or expired. Ask whoever invited you for a new one',
  )
}
