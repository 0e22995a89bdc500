import type { HubDatabase } from '../database/database.ts'
import type { IdempotentCallStore, KeptAnswer } from './idempotent-calls.ts'

/** The table `idempotent_calls`. */
export class KeptAnswers implements IdempotentCallStore {
  readonly #database: HubDatabase

  constructor(database: HubDatabase) {
    this.#database = database
  }

  async find(id: string): Promise<(KeptAnswer & { readonly requestHash: string }) | undefined> {
    const row = await this.#database.db.selectFrom('idempotent_calls').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : { status: row.status, body: row.body, requestHash: row.request_hash }
  }

  async keep(id: string, requestHash: string, { status, body }: KeptAnswer, at: number): Promise<void> {
    await this.#database.db
      .insertInto('idempotent_calls')
      .values({ id, request_hash: requestHash, status, body, created_at: at })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }

  async forgetBefore(at: number): Promise<void> {
    await this.#database.db.deleteFrom('idempotent_calls').where('created_at', '<', at).execute()
  }
}
