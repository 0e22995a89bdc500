import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import type { HubEvent } from '@shoal/api/hub-api'
import { permissionsOf, type Role, type Scope } from '@shoal/api/permissions'
import { Kysely, SqliteDialect } from 'kysely'
import { Catalogue } from '../src/catalogue/catalogue.ts'
import type { CatalogueDatabase, PresentHost, PublishingHost } from '../src/catalogue/catalogue-needs.ts'
import { TorrentFiles } from '../src/catalogue/torrent-files.ts'
import { TorrentReader } from '../src/catalogue/torrent-reader.ts'
import type { Schema } from '../src/database/schema.ts'
import type { Caller } from '../src/http/route.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from '../src/system.ts'
import { madeTorrent, type TorrentWish } from './made-torrent.ts'

/** A catalogue among fakes: hosts that say what a test wants, a clock that it moves, a database in memory. */
export class CatalogueWorld {
  readonly database: CatalogueDatabase & { close(): Promise<void> } = memoryDatabase()
  readonly events: HubEvent[] = []
  readonly counts = new Map<string, { seeds: number; leechers: number }>()
  readonly online = new Set<string>()
  readonly maps = new Map<string, { host: PresentHost; map: string }[]>()
  readonly rules = { hubName: 'class.example', maxFilesPerMember: 1_000, forgetAfterDays: 30, isMembersOnly: false }
  readonly system: HubSystem
  readonly files: TorrentFiles
  readonly torrents = new TorrentReader()
  #laterMs = 0
  #catalogue: Catalogue | undefined

  constructor(folder: string) {
    this.system = {
      ...REAL_HUB_SYSTEM,
      now: () => performance.now() + this.#laterMs,
      wallClock: () => Date.now() + this.#laterMs,
    }
    this.files = new TorrentFiles(folder, this.system)
  }

  static async open(t: TestContext): Promise<CatalogueWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-catalogue-'))
    const world = new CatalogueWorld(folder)
    t.after(async () => {
      await world.torrents.close()
      await world.database.close()
      await rm(folder, { recursive: true })
    })
    world.#catalogue = await world.reopened()
    return world
  }

  get catalogue(): Catalogue {
    return this.#catalogue!
  }

  /** As after a restart. */
  async reopened(): Promise<Catalogue> {
    return await Catalogue.open({
      database: this.database,
      files: this.files,
      torrents: this.torrents,
      swarms: { countsOf: (infoHash) => this.counts.get(infoHash) ?? { seeds: 0, leechers: 0 } },
      presence: { isOnline: (hostId) => this.online.has(hostId), holdersOf: (infoHash) => this.maps.get(infoHash) ?? [] },
      rules: { rules: () => this.rules },
      system: this.system,
      secret: new Uint8Array(32).fill(9),
      onEvent: (event) => this.events.push(event),
    })
  }

  pass(ms: number): void {
    this.#laterMs += ms
  }

  async account(id: string, role: Role = 'member'): Promise<void> {
    const row = {
      id,
      name: id,
      name_key: id,
      role,
      password_hash: '-',
      created_at: 0,
      last_seen_at: null,
      banned_at: null,
      ban_reason: null,
    }
    await this.database.db.insertInto('accounts').values(row).execute()
  }

  /** A host that is connected now. */
  async host(id: string, accountId?: string): Promise<PresentHost & PublishingHost> {
    const present = { id, name: `peer-${id}`, ip: '10.0.0.7', port: 6881 }
    const now = this.system.wallClock()
    const row = { ...present, key_hash: id, account_id: accountId ?? null, version: 'test', first_seen_at: now, last_seen_at: now }
    await this.database.db.insertInto('hosts').values(row).execute()
    this.online.add(id)
    return { ...present, caller: { accountId } }
  }

  async publish(host: PublishingHost, name: string, wish: TorrentWish = {}): Promise<string> {
    const torrent = base64(madeTorrent({ name, ...wish }).bytes)
    return (await this.catalogue.publish(host, { name, torrent, localPath: `/files/${name}` })).entryId
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

export function caller(role: Role | 'none', accountId?: string, scopes?: readonly Scope[]): Caller {
  const permissions = role === 'none' ? new Set<never>() : permissionsOf(role, scopes)
  const may = (permission: Parameters<Caller['may']>[0]) => (permissions as ReadonlySet<string>).has(permission)
  return {
    accountId,
    name: accountId ?? 'visitor',
    role,
    permissions,
    sessionId: undefined,
    proof: 'none',
    ip: '127.0.0.1',
    agent: 'test',
    may,
  }
}

function memoryDatabase(): CatalogueDatabase & { close(): Promise<void> } {
  const sqlite = new DatabaseSync(':memory:')
  sqlite.exec('pragma foreign_keys = on')
  sqlite.exec(readFileSync(new URL('../src/database/migrations/0001-initial.sql', import.meta.url), 'utf8'))
  const dialect = new SqliteDialect({
    database: {
      close: () => sqlite.close(),
      prepare: (text) => {
        const statement = sqlite.prepare(text)
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...(parameters as string[])),
          run: (parameters) => statement.run(...(parameters as string[])),
          iterate: (parameters) => statement.iterate(...(parameters as string[])),
        }
      },
    },
  })
  const db = new Kysely<Schema>({ dialect })
  return { db, transaction: (work) => db.transaction().execute(work), close: () => db.destroy() }
}
