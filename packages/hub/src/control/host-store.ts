import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Schema } from '../database/schema.ts'
import type { HubSystem } from '../system.ts'

/** What a peer says of itself, and where it comes from. */
export interface HostFacts {
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly version: string
  readonly accountId: string | undefined
}

const FORGET_AFTER_MS = 30 * 24 * 3_600_000
/** In one sweep. */
const MAX_FORGOTTEN = 1_000

/** The Shoal peers that have been here: the table `hosts`. */
export class HostStore {
  readonly #db: Kysely<Schema>
  readonly #system: HubSystem

  constructor(db: Kysely<Schema>, system: HubSystem) {
    this.#db = db
    this.#system = system
  }

  /** @returns the id of the host that has this key: the one it was given when it first came */
  async remember(hostKey: string, facts: HostFacts): Promise<string> {
    const now = this.#system.wallClock()
    const seen = {
      name: facts.name,
      ip: facts.ip,
      port: facts.port,
      version: facts.version,
      account_id: facts.accountId ?? null,
      last_seen_at: now,
    }
    const row = await this.#db
      .insertInto('hosts')
      .values({
        id: Buffer.from(this.#system.randomBytes(9)).toString('base64url'),
        key_hash: createHash('sha256').update(hostKey).digest('hex'),
        first_seen_at: now,
        ...seen,
      })
      .onConflict((conflict) => conflict.column('key_hash').doUpdateSet(seen))
      .returning('id')
      .executeTakeFirstOrThrow()
    return row.id
  }

  async touch(ids: readonly string[]): Promise<void> {
    const now = this.#system.wallClock()
    for (let at = 0; at < ids.length; at += 500) {
      await this.#db
        .updateTable('hosts')
        .set({ last_seen_at: now })
        .where('id', 'in', ids.slice(at, at + 500))
        .execute()
    }
  }

  /** Forgets some of those that share nothing and have not been here for a month. To be called every hour or so. */
  async sweep(): Promise<void> {
    const before = this.#system.wallClock() - FORGET_AFTER_MS
    await this.#db
      .deleteFrom('hosts')
      .where('id', 'in', (from) =>
        from
          .selectFrom('hosts')
          .select('hosts.id')
          .where('last_seen_at', '<', before)
          .where((its) => its.not(its.exists(its.selectFrom('entries').select('entries.id').whereRef('entries.host_id', '=', 'hosts.id'))))
          .limit(MAX_FORGOTTEN),
      )
      .execute()
  }

  /** Whether any host has ever been at this address. */
  async wasAt(ip: string, port: number): Promise<boolean> {
    const row = await this.#db.selectFrom('hosts').select('id').where('ip', '=', ip).where('port', '=', port).limit(1).executeTakeFirst()
    return row !== undefined
  }
}
