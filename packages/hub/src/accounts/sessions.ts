import type { SessionInfo } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow, Schema, SessionRow } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import { type Credential, hashOfSecret, isSecretOf, newCredential } from './credential.ts'
import type { LastUse } from './last-use.ts'

const DAY_MS = 24 * 60 * 60_000
/** A session that nobody uses ends, */
const SESSION_IDLE_DAYS = 14
/** and so does the busiest. SAFETY A4. */
const SESSION_MAX_DAYS = 90
export const SESSION_MAX_MS: number = SESSION_MAX_DAYS * DAY_MS
const SESSION_IDLE_MS = SESSION_IDLE_DAYS * DAY_MS
const MAX_SESSIONS = 100
const MAX_AGENT_CHARACTERS = 200

/** A session at its birth. */
export interface NewSession {
  readonly id: string
  /** Shown once. */
  readonly token: string
  readonly expiresAt: number
}

export interface SessionsOptions {
  readonly database: HubDatabase
  readonly system: HubSystem
  readonly audit: AuditLog
  readonly lastUse: LastUse
  /** Whoever keeps a connection of the account open looks at its rights again. */
  readonly onRightsChanged: (accountId: string) => void
}

/** Who is signed in where. */
export class Sessions {
  readonly #database: HubDatabase
  readonly #system: HubSystem
  readonly #audit: AuditLog
  readonly #lastUse: LastUse
  readonly #onRightsChanged: (accountId: string) => void

  constructor({ database, system, audit, lastUse, onRightsChanged }: SessionsOptions) {
    this.#database = database
    this.#system = system
    this.#audit = audit
    this.#lastUse = lastUse
    this.#onRightsChanged = onRightsChanged
  }

  /** As part of the transaction that let the person in. Of an account's many sessions the one not used for longest goes. */
  async begin(trx: Transaction<Schema>, accountId: string, agent: string): Promise<NewSession> {
    const crowded = await trx
      .selectFrom('sessions')
      .select('id')
      .where('account_id', '=', accountId)
      .orderBy('last_used_at', 'desc')
      .offset(MAX_SESSIONS - 1)
      .limit(MAX_SESSIONS)
      .execute()
    for (const { id } of crowded) await trx.deleteFrom('sessions').where('id', '=', id).execute()
    const now = this.#system.wallClock()
    const { id, text, secretHash } = newCredential(this.#system, 'session')
    const row: SessionRow = {
      id,
      account_id: accountId,
      secret_hash: secretHash,
      agent: cleanText(agent, MAX_AGENT_CHARACTERS),
      created_at: now,
      last_used_at: now,
      expires_at: now + SESSION_MAX_MS,
    }
    await trx.insertInto('sessions').values(row).execute()
    return { id, token: text, expiresAt: row.expires_at }
  }

  /** The account of a session that is good at this moment; its use is noted. */
  async accountOf(credential: Credential): Promise<AccountRow | undefined> {
    const row = await this.#database.db
      .selectFrom('sessions')
      .innerJoin('accounts', 'accounts.id', 'sessions.account_id')
      .selectAll('accounts')
      .select(['sessions.secret_hash', 'sessions.last_used_at', 'sessions.expires_at'])
      .where('sessions.id', '=', credential.id)
      .executeTakeFirst()
    // the same work for an id that does not exist
    const isRight = isSecretOf(credential.secret, row?.secret_hash ?? NOBODYS_HASH)
    if (row === undefined || !isRight || row.banned_at !== null) return undefined
    if (this.#hasEnded(credential.id, row)) {
      // at once, so that a clock which is set back does not revive it
      await this.#database.db.deleteFrom('sessions').where('id', '=', credential.id).execute()
      return undefined
    }
    this.#lastUse.mark('sessions', credential.id)
    this.#lastUse.mark('accounts', row.id)
    return row
  }

  async list(accountId: string, currentId: string | undefined): Promise<SessionInfo[]> {
    const rows = await this.#database.db
      .selectFrom('sessions')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('last_used_at', 'desc')
      .execute()
    return rows
      .filter((row) => !this.#hasEnded(row.id, row))
      .map((row) => ({
        id: row.id,
        createdAt: row.created_at,
        lastUsedAt: this.#lastUse.latest('sessions', row.id, row.last_used_at),
        expiresAt: row.expires_at,
        agent: row.agent,
        isCurrent: row.id === currentId,
      }))
  }

  /** One session of one's own. @throws {ProblemError} `NOT_FOUND` */
  async end(actor: Actor & { readonly accountId: string }, id: string, action: 'account.sign-out' | 'session.end'): Promise<void> {
    await this.#database.transaction(async (trx) => {
      const row = await trx
        .deleteFrom('sessions')
        .where('id', '=', id)
        .where('account_id', '=', actor.accountId)
        .returning('agent')
        .executeTakeFirst()
      if (row === undefined) throw new ProblemError('NOT_FOUND', 'You have no session of that id. It may have ended already')
      await this.#audit.write(trx, actor, { action, subject: row.agent })
    })
    this.#onRightsChanged(actor.accountId)
  }

  async endAll(trx: Transaction<Schema>, accountId: string): Promise<void> {
    await trx.deleteFrom('sessions').where('account_id', '=', accountId).execute()
  }

  async sweep(): Promise<void> {
    const now = this.#system.wallClock()
    await this.#database.db
      .deleteFrom('sessions')
      .where((where) => where.or([where('expires_at', '<=', now), where('last_used_at', '<=', now - SESSION_IDLE_MS)]))
      .execute()
  }

  #hasEnded(id: string, row: { readonly last_used_at: number; readonly expires_at: number }): boolean {
    const now = this.#system.wallClock()
    return now >= row.expires_at || now - this.#lastUse.latest('sessions', id, row.last_used_at) >= SESSION_IDLE_MS
  }
}

const NOBODYS_HASH = hashOfSecret('')
