import { createHmac } from 'node:crypto'
import type { AnnounceKeyInfo } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { Kysely, Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { AnnounceKeyRow, Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import { newId } from './credential.ts'
import type { LastUse } from './last-use.ts'

/** Whose key it is that stands in an announce URL. */
export interface AnnounceMember {
  readonly accountId: string
  readonly keyId: string
}

export interface AnnounceKeysOptions {
  readonly database: HubDatabase
  readonly system: HubSystem
  /** The hub's own. */
  readonly secret: Uint8Array
  readonly audit: AuditLog
  readonly lastUse: LastUse
  /** Where the tracker is reached, for somebody who reaches the hub at `origin`: `http://…`, `udp://…`, without a path. */
  readonly trackersAt: (origin: string) => readonly string[]
}

export const MAX_ANNOUNCE_KEYS = 20

/**
 * The keys by which members announce: `/a/<key>/announce`.
 *
 * A key is an HMAC of its id under the hub's secret: it can be shown again, and a stolen database does not have it (SAFETY T8). All
 * valid ones are in memory, because the tracker decides at once; keys of banned people are not. A look-up in the table compares hashes
 * that are seeded anew at each start, so its time tells nothing of the 160 bits.
 */
export class AnnounceKeys {
  readonly #options: AnnounceKeysOptions
  readonly #members = new Map<string, AnnounceMember>()
  readonly #keysOfAccount = new Map<string, Set<string>>()

  private constructor(options: AnnounceKeysOptions) {
    this.#options = options
  }

  static async load(options: AnnounceKeysOptions): Promise<AnnounceKeys> {
    const keys = new AnnounceKeys(options)
    const rows = await options.database.db
      .selectFrom('announce_keys')
      .innerJoin('accounts', 'accounts.id', 'announce_keys.account_id')
      .select(['announce_keys.id', 'announce_keys.account_id'])
      .where('announce_keys.revoked_at', 'is', null)
      .where('accounts.banned_at', 'is', null)
      .execute()
    for (const row of rows) keys.admit(row.account_id, row.id)
    return keys
  }

  /** Whose key this is, at once. What is unknown, revoked or of somebody banned is undefined, all alike. */
  memberOf(key: string): AnnounceMember | undefined {
    const member = this.#members.get(key)
    if (member !== undefined) {
      this.#options.lastUse.mark('announce_keys', member.keyId)
      this.#options.lastUse.mark('accounts', member.accountId)
    }
    return member
  }

  /** What the tracker asks: every member may share every torrent, and whether the hub serves it is somebody else's question. */
  isGood(announceKey: string): boolean {
    return this.memberOf(announceKey) !== undefined
  }

  /** The announce URLs with the key of that id in them: secrets of its owner. */
  urls(keyId: string, origin: string): string[] {
    const key = this.#keyOf(keyId)
    return this.#options.trackersAt(origin).map((tracker) => `${tracker}/a/${key}/announce`)
  }

  /** The same with the account's oldest key; empty if it has revoked all of them. */
  async urlsOf(accountId: string, origin: string): Promise<string[]> {
    const [oldest] = await this.#valid(accountId)
    return oldest === undefined ? [] : this.urls(oldest.id, origin)
  }

  async list(accountId: string, origin: string): Promise<AnnounceKeyInfo[]> {
    return (await this.#valid(accountId)).map((row) => ({
      id: row.id,
      label: row.label,
      createdAt: row.created_at,
      lastUsedAt: this.#options.lastUse.latest('announce_keys', row.id, row.last_used_at),
      announceUrls: this.urls(row.id, origin),
    }))
  }

  /** @throws {ProblemError} `QUOTA` */
  async create(actor: Actor & { readonly accountId: string }, label: string, origin: string): Promise<AnnounceKeyInfo> {
    const id = await this.#options.database.transaction(async (trx) => {
      await expectLetIn(trx, actor.accountId)
      const { count } = await trx
        .selectFrom('announce_keys')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('account_id', '=', actor.accountId)
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow()
      if (count >= MAX_ANNOUNCE_KEYS) {
        throw new ProblemError('QUOTA', `You have ${MAX_ANNOUNCE_KEYS} announce keys, which is the limit: revoke one that you do not need`)
      }
      await this.#options.audit.write(trx, actor, { action: 'announce-key.create', subject: label })
      return await this.insert(trx, actor.accountId, label)
    })
    this.admit(actor.accountId, id)
    const { system } = this.#options
    return { id, label, createdAt: system.wallClock(), lastUsedAt: null, announceUrls: this.urls(id, origin) }
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async revoke(actor: Actor & { readonly accountId: string }, id: string): Promise<void> {
    await this.#options.database.transaction(async (trx) => {
      const row = await trx
        .updateTable('announce_keys')
        .set({ revoked_at: this.#options.system.wallClock() })
        .where('id', '=', id)
        .where('account_id', '=', actor.accountId)
        .where('revoked_at', 'is', null)
        .returning('label')
        .executeTakeFirst()
      if (row === undefined) throw new ProblemError('NOT_FOUND', 'You have no announce key of that id. It may be revoked already')
      await this.#options.audit.write(trx, actor, { action: 'announce-key.revoke', subject: row.label })
    })
    const key = this.#keyOf(id)
    this.#members.delete(key)
    this.#keysOfAccount.get(actor.accountId)?.delete(key)
  }

  /** As part of a transaction; the key counts once it is admitted, after the transaction. */
  async insert(trx: Transaction<Schema>, accountId: string, label: string): Promise<string> {
    const id = newId(this.#options.system, 'k')
    const created_at = this.#options.system.wallClock()
    const row = { id, account_id: accountId, label, created_at, revoked_at: null, last_used_at: null }
    await trx.insertInto('announce_keys').values(row).execute()
    return id
  }

  admit(accountId: string, keyId: string): void {
    const key = this.#keyOf(keyId)
    this.#members.set(key, { accountId, keyId })
    const keys = this.#keysOfAccount.get(accountId)
    if (keys === undefined) this.#keysOfAccount.set(accountId, new Set([key]))
    else keys.add(key)
  }

  /** Of all keys that an account has not revoked. */
  async idsOf(trx: Transaction<Schema>, accountId: string): Promise<string[]> {
    return (await this.#valid(accountId, trx)).map((row) => row.id)
  }

  /** Somebody was banned or has gone: their keys end now. */
  shutOut(accountId: string): void {
    for (const key of this.#keysOfAccount.get(accountId) ?? []) this.#members.delete(key)
    this.#keysOfAccount.delete(accountId)
  }

  async sweep(): Promise<void> {
    const { database, system } = this.#options
    await database.db
      .deleteFrom('announce_keys')
      .where('revoked_at', '<', system.wallClock() - REVOKED_KEPT_MS)
      .execute()
  }

  async #valid(
    accountId: string,
    db: Kysely<Schema> = this.#options.database.db,
  ): Promise<Omit<AnnounceKeyRow, 'account_id' | 'revoked_at'>[]> {
    return await db
      .selectFrom('announce_keys')
      .select(['id', 'label', 'created_at', 'last_used_at'])
      .where('account_id', '=', accountId)
      .where('revoked_at', 'is', null)
      .orderBy('created_at')
      .orderBy('id')
      .execute()
  }

  #keyOf(keyId: string): string {
    return createHmac('sha256', this.#options.secret).update(`announce key ${keyId}`).digest('hex').slice(0, KEY_DIGITS)
  }
}

/** Who was banned a moment ago gets nothing new. */
async function expectLetIn(trx: Transaction<Schema>, accountId: string): Promise<void> {
  const account = await trx.selectFrom('accounts').select('banned_at').where('id', '=', accountId).executeTakeFirst()
  if (account?.banned_at === null) return
  throw new ProblemError('NOT_SIGNED_IN', 'Your account has ended or is banned: ask whoever runs this hub')
}

/** 160 bits. */
const KEY_DIGITS = 40
const REVOKED_KEPT_MS = 90 * 24 * 60 * 60_000
