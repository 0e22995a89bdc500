import type { CreatedToken, NewToken, TokenInfo } from '@shoal/api/hub-api'
import { SCOPES, type Scope } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { Transaction } from 'kysely'
import type { HubDatabase } from '../database/database.ts'
import type { AccountRow, Schema, TokenRow } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'
import type { Actor, AuditLog } from './audit-log.ts'
import { type Credential, hashOfSecret, isSecretOf, newCredential } from './credential.ts'
import type { LastUse } from './last-use.ts'
import type { SessionsOptions } from './sessions.ts'

const DAY_MS = 24 * 60 * 60_000
const TOKEN_DAYS = 90
const MAX_TOKENS = 50

/** Tokens for programs: they do what their scopes say, and never more than their account may. */
export class ApiTokens {
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

  /** @throws {ProblemError} `QUOTA` */
  async create(actor: Actor & { readonly accountId: string }, wanted: NewToken): Promise<CreatedToken> {
    const now = this.#system.wallClock()
    const { id, text, secretHash } = newCredential(this.#system, 'token')
    const row: TokenRow = {
      id,
      account_id: actor.accountId,
      secret_hash: secretHash,
      label: cleanText(wanted.label, MAX_LABEL_CHARACTERS),
      scopes: wanted.scopes.join(' '),
      created_at: now,
      expires_at: now + (wanted.expiresInDays ?? TOKEN_DAYS) * DAY_MS,
      last_used_at: null,
    }
    await this.#database.transaction(async (trx) => {
      const { count } = await trx
        .selectFrom('tokens')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('account_id', '=', actor.accountId)
        .where('expires_at', '>', now)
        .executeTakeFirstOrThrow()
      if (count >= MAX_TOKENS)
        throw new ProblemError('QUOTA', `You have ${MAX_TOKENS} tokens, which is the limit: revoke one that you do not need`)
      await trx.insertInto('tokens').values(row).execute()
      await this.#audit.write(trx, actor, { action: 'token.create', subject: row.label, detail: row.scopes })
    })
    return { ...infoOf(row, null), token: text }
  }

  /** The account and the scopes of a token that is good at this moment; its use is noted. */
  async accountOf(credential: Credential): Promise<{ account: AccountRow; scopes: Scope[] } | undefined> {
    const row = await this.#database.db
      .selectFrom('tokens')
      .innerJoin('accounts', 'accounts.id', 'tokens.account_id')
      .selectAll('accounts')
      .select(['tokens.secret_hash', 'tokens.expires_at', 'tokens.scopes'])
      .where('tokens.id', '=', credential.id)
      .executeTakeFirst()
    const isRight = isSecretOf(credential.secret, row?.secret_hash ?? NOBODYS_HASH)
    if (row === undefined || !isRight || row.banned_at !== null) return undefined
    if (this.#system.wallClock() >= row.expires_at) {
      await this.#database.db.deleteFrom('tokens').where('id', '=', credential.id).execute()
      return undefined
    }
    this.#lastUse.mark('tokens', credential.id)
    this.#lastUse.mark('accounts', row.id)
    return { account: row, scopes: scopesOf(row.scopes) }
  }

  async list(accountId: string): Promise<TokenInfo[]> {
    const rows = await this.#database.db
      .selectFrom('tokens')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('expires_at', '>', this.#system.wallClock())
      .orderBy('created_at', 'desc')
      .execute()
    return rows.map((row) => infoOf(row, this.#lastUse.latest('tokens', row.id, row.last_used_at)))
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async revoke(actor: Actor & { readonly accountId: string }, id: string): Promise<void> {
    await this.#database.transaction(async (trx) => {
      const row = await trx
        .deleteFrom('tokens')
        .where('id', '=', id)
        .where('account_id', '=', actor.accountId)
        .returning('label')
        .executeTakeFirst()
      if (row === undefined) throw new ProblemError('NOT_FOUND', 'You have no token of that id. It may be revoked or expired already')
      await this.#audit.write(trx, actor, { action: 'token.revoke', subject: row.label })
    })
    this.#onRightsChanged(actor.accountId)
  }

  async endAll(trx: Transaction<Schema>, accountId: string): Promise<void> {
    await trx.deleteFrom('tokens').where('account_id', '=', accountId).execute()
  }

  async sweep(): Promise<void> {
    await this.#database.db.deleteFrom('tokens').where('expires_at', '<=', this.#system.wallClock()).execute()
  }
}

export const MAX_LABEL_CHARACTERS = 60
const NOBODYS_HASH = hashOfSecret('')

function infoOf(row: TokenRow, lastUsedAt: number | null): TokenInfo {
  return {
    id: row.id,
    label: row.label,
    scopes: scopesOf(row.scopes),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt,
  }
}

function scopesOf(text: string): Scope[] {
  return text.split(' ').filter((word): word is Scope => Object.hasOwn(SCOPES, word))
}
