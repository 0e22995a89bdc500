import type { IdempotentCallStore, KeptAnswer } from '@shoal/door/idempotent-calls'
import type { HubDatabase } from '../database/database.ts'

/** Answers to calls with an `Idempotency-Key`: the table `idempotent_calls`. */
export class KeptAnswers implements IdempotentCallStore {
  readonly #db: HubDatabase['db']

  constructor({ db }: HubDatabase) {
    this.#db = db
  }

  async find(id: string): Promise<(KeptAnswer & { readonly requestHash: string }) | undefined> {
    const row = await this.#db.selectFrom('idempotent_calls').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : { status: row.status, body: row.body, requestHash: row.request_hash }
  }

  async keep(id: string, requestHash: string, answer: KeptAnswer, at: number): Promise<void> {
    const row = { id, request_hash: requestHash, status: answer.status, body: answer.body, created_at: Math.floor(at) }
    await this.#db
      .insertInto('idempotent_calls')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }

  async forgetBefore(at: number): Promise<void> {
    await this.#db.deleteFrom('idempotent_calls').where('created_at', '<', Math.floor(at)).execute()
  }
}
