import type { HubDatabase } from '../database/database.ts'
import type { HubSystem } from '../system.ts'

type Stamped = 'accounts' | 'sessions' | 'tokens' | 'announce_keys'

/**
 * When accounts, sessions, tokens and announce keys were last used. Noted in memory at each use, written by {@link LastUse.flush} about
 * once a minute: a crash forgets the last minute of it, and an announce never waits for the disk.
 */
export class LastUse {
  readonly #system: HubSystem
  readonly #pending: Record<Stamped, Map<string, number>> = {
    accounts: new Map(),
    sessions: new Map(),
    tokens: new Map(),
    announce_keys: new Map(),
  }

  constructor(system: HubSystem) {
    this.#system = system
  }

  mark(table: Stamped, id: string): void {
    this.#pending[table].set(id, this.#system.wallClock())
  }

  /** The use that is not written yet, or else `written`. */
  latest<T extends number | null>(table: Stamped, id: string, written: T): number | T {
    return this.#pending[table].get(id) ?? written
  }

  async flush(database: HubDatabase): Promise<void> {
    for (const table of Object.keys(this.#pending) as Stamped[]) {
      const stamps = [...this.#pending[table]]
      for (let at = 0; at < stamps.length; at += STAMPS_AT_ONCE) await this.#write(database, table, stamps.slice(at, at + STAMPS_AT_ONCE))
    }
  }

  async #write(database: HubDatabase, table: Stamped, stamps: readonly (readonly [string, number])[]): Promise<void> {
    await database.transaction(async (trx) => {
      for (const [id, at] of stamps) {
        if (table === 'accounts') await trx.updateTable('accounts').set({ last_seen_at: at }).where('id', '=', id).execute()
        else await trx.updateTable(table).set({ last_used_at: at }).where('id', '=', id).execute()
      }
    })
    // what was used again meanwhile is written next time
    for (const [id, at] of stamps) if (this.#pending[table].get(id) === at) this.#pending[table].delete(id)
  }
}

/** So that others come in between. */
const STAMPS_AT_ONCE = 200
