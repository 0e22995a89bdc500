import type { Settings, SettingsChange } from '@shoal/api/hub-api'
import type { HubDatabase } from '../database/database.ts'
import type { Actor, AuditLog } from './audit-log.ts'

/** The settings that people change while the hub runs. What nobody has changed is as the configuration says. */
export class HubSettings {
  readonly #database: HubDatabase
  readonly #audit: AuditLog
  readonly #listeners = new Set<(settings: Settings) => void>()
  #current: Settings

  private constructor(database: HubDatabase, audit: AuditLog, current: Settings) {
    this.#database = database
    this.#audit = audit
    this.#current = current
  }

  static async load(database: HubDatabase, audit: AuditLog, defaults: Settings): Promise<HubSettings> {
    const rows = await database.db.selectFrom('settings').selectAll().execute()
    const stored = new Map(rows.map((row) => [row.key, row.value]))
    const changed: [string, unknown][] = []
    for (const [key, value] of Object.entries(defaults)) {
      const text = stored.get(key)
      if (text === undefined) continue
      const read: unknown = JSON.parse(text)
      // of another version perhaps: then the configuration counts
      if (typeof read === typeof value) changed.push([key, read])
    }
    return new HubSettings(database, audit, { ...defaults, ...Object.fromEntries(changed) })
  }

  get current(): Settings {
    return this.#current
  }

  async change(actor: Actor, change: SettingsChange): Promise<Settings> {
    const entries = Object.entries(change).filter(([key, value]) => value !== this.#current[key as keyof Settings])
    await this.#database.transaction(async (trx) => {
      for (const [key, value] of entries) {
        const row = { key, value: JSON.stringify(value) }
        await trx
          .insertInto('settings')
          .values(row)
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: row.value }))
          .execute()
        const detail = `${JSON.stringify(this.#current[key as keyof Settings])} → ${row.value}`
        await this.#audit.write(trx, actor, { action: 'hub.settings', subject: key, detail })
      }
    })
    this.#current = { ...this.#current, ...Object.fromEntries(entries) }
    if (entries.length > 0) for (const listener of this.#listeners) listener(this.#current)
    return this.#current
  }

  /** @returns a function that ends it. */
  onChange(listener: (settings: Settings) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
