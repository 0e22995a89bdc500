import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { HubEvent } from '@shoal/api/hub-api'
import { permissionsOf, type Role, type Scope } from '@shoal/api/permissions'
import { Catalogue } from '../src/catalogue/catalogue.ts'
import type { PresentHost, PublishingHost } from '../src/catalogue/catalogue-needs.ts'
import { nameKey } from '../src/catalogue/entry-name.ts'
import { EntryWriter } from '../src/catalogue/entry-writer.ts'
import { TorrentFiles } from '../src/catalogue/torrent-files.ts'
import { TorrentReader } from '../src/catalogue/torrent-reader.ts'
import { type HubDatabase, openDatabase } from '../src/database/database.ts'
import type { Caller } from '../src/http/route.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from '../src/system.ts'
import { madeTorrent, type TorrentWish } from './made-torrent.ts'

/** A catalogue among fakes: hosts that say what a test wants, a clock that it moves, a database in memory. */
export class CatalogueWorld {
  readonly database: HubDatabase
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

  private constructor(folder: string, database: HubDatabase) {
    this.database = database
    this.system = {
      ...REAL_HUB_SYSTEM,
      now: () => performance.now() + this.#laterMs,
      wallClock: () => Date.now() + this.#laterMs,
    }
    this.files = new TorrentFiles(folder, this.system)
  }

  static async open(t: TestContext): Promise<CatalogueWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-catalogue-'))
    const world = new CatalogueWorld(folder, await openDatabase({ file: ':memory:' }))
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

  /** Many entries at once, of torrents that nobody has seen; the host must be there. */
  async fill(count: number, nameOf: (at: number) => string): Promise<void> {
    const host = { hostId: 'h1', ownerId: undefined, localPath: undefined, description: undefined, tags: [] }
    await this.database.transaction(async (trx) => {
      const writer = new EntryWriter(trx)
      for (let at = 0; at < count; at++) {
        const name = nameOf(at)
        const infoHash = at.toString(16).padStart(40, '0')
        const torrent = {
          infoHash,
          infoHashV2: undefined,
          name,
          size: at,
          pieceLength: 1,
          pieceCount: at,
          fileCount: 1,
          isPrivate: false,
          warnings: [],
        }
        await writer.insert({
          id: `filled-${at}`,
          name,
          nameKey: nameKey(name),
          ...host,
          torrent,
          sha256: '-',
          at: this.system.wallClock(),
        })
      }
    })
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
