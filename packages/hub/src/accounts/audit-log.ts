import type { AuditEntry } from '@shoal/api/hub-api'
import type { Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'

/** Who did something. A caller fits. */
export interface Actor {
  readonly accountId: string | undefined
  readonly name: string
}

export type AuditAction =
  | 'hub.setup-link'
  | 'hub.settings'
  | 'account.setup'
  | 'account.register'
  | 'account.sign-in'
  | 'account.sign-out'
  | 'account.sign-out-everywhere'
  | 'account.password'
  | 'account.delete'
  | 'session.end'
  | 'token.create'
  | 'token.revoke'
  | 'announce-key.create'
  | 'announce-key.revoke'
  | 'invite.create'
  | 'invite.revoke'
  | 'member.role'
  | 'member.ban'
  | 'member.unban'

export interface AuditRecord {
  readonly action: AuditAction
  /** The name of an account, the label of a token: never a secret. */
  readonly subject: string
  readonly detail?: string
}

export interface AuditPage {
  readonly items: AuditEntry[]
  /** Absent when there are no older ones. */
  readonly nextBefore?: number
}

/** Who did what to whom, for the people who run the hub. Written with the act itself, or not at all. No addresses (SAFETY T7), no secrets (A9). */
export class AuditLog {
  readonly #database: HubDatabase
  readonly #system: HubSystem

  constructor(database: HubDatabase, system: HubSystem) {
    this.#database = database
    this.#system = system
  }

  /** As part of the act's transaction. */
  async write(trx: Transaction<Schema>, actor: Actor, record: AuditRecord): Promise<void> {
    await trx
      .insertInto('audit')
      .values({
        at: this.#system.wallClock(),
        actor_id: actor.accountId ?? null,
        actor_name: actor.name,
        action: record.action,
        subject: record.subject,
        detail: record.detail ?? null,
      })
      .execute()
  }

  /** The newest first. */
  async page(limit: number, before: number = Number.MAX_SAFE_INTEGER): Promise<AuditPage> {
    const rows = await this.#database.db
      .selectFrom('audit')
      .selectAll()
      .where('id', '<', before)
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    const items = rows.slice(0, limit).map((row) => ({
      id: row.id,
      at: row.at,
      actor: row.actor_name,
      action: row.action,
      subject: row.subject,
      ...(row.detail === null ? {} : { detail: row.detail }),
    }))
    const last = items.at(-1)
    return rows.length > limit && last !== undefined ? { items, nextBefore: last.id } : { items }
  }

  async sweep(): Promise<void> {
    const oldest = this.#system.wallClock() - KEPT_MS
    // the first row tells whether there is anything to do: no look at all the others every minute
    const first = await this.#database.db.selectFrom('audit').select('at').orderBy('id').limit(1).executeTakeFirst()
    if (first === undefined || first.at >= oldest) return
    await this.#database.db.deleteFrom('audit').where('at', '<', oldest).execute()
  }
}

/** A little more than a year. */
const KEPT_DAYS = 400
const KEPT_MS = KEPT_DAYS * 24 * 60 * 60_000
