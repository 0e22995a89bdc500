import { type Kysely, sql } from 'kysely'
import type { Schema } from '../database/schema.ts'
import type { Position } from './page-cursor.ts'
import type { SearchExpression } from './search-text.ts'

/** An entry with its torrent, host and owner, as the tables have them. */
export interface EntryRecord {
  readonly number: number
  readonly id: string
  readonly name: string
  readonly name_key: string
  readonly info_hash: string
  readonly host_id: string | null
  readonly owner_id: string | null
  readonly local_path: string | null
  readonly description: string | null
  readonly published_at: number
  readonly torrent: TorrentRecord
  readonly host_name: string | null
  readonly host_ip: string | null
  readonly host_port: number | null
  readonly owner_name: string | null
  readonly tags: readonly string[]
}

export interface TorrentRecord {
  readonly info_hash: string
  readonly info_hash_v2: string | null
  readonly sha256: string
  readonly name: string
  readonly size: number
  readonly piece_length: number
  readonly piece_count: number
  readonly file_count: number
  readonly is_private: number
}

/** What is asked for; all of it must hold. */
export interface EntryFilter {
  readonly question?: SearchExpression
  readonly nameKey?: string
  /** null: of no host. */
  readonly hostId?: string | null
  readonly ownerId?: string
  readonly infoHash?: string
  readonly tag?: string
  /** One of these tags, or (`untagged`) none of those. */
  readonly tags?: { readonly any: readonly string[]; readonly orNoneOf: readonly string[] }
}

/** Orders that the database knows; rank is worked out elsewhere. */
export type EntryOrder = 'newest' | 'oldest' | 'name' | 'largest' | 'smallest'

const ORDERS = {
  newest: { column: 'entries.published_at', direction: 'desc' },
  oldest: { column: 'entries.published_at', direction: 'asc' },
  name: { column: 'entries.name_key', direction: 'asc' },
  largest: { column: 'torrents.size', direction: 'desc' },
  smallest: { column: 'torrents.size', direction: 'asc' },
} as const satisfies Record<EntryOrder, { column: string; direction: 'asc' | 'desc' }>

/** Before all others. Sizes begin with a bound of their own, or SQLite would not think of their index. */
const FIRST: Partial<Record<EntryOrder, Position>> = { largest: [Number.MAX_SAFE_INTEGER, 0], smallest: [-1, 0] }

const TORRENT_COLUMNS = [
  'torrents.info_hash_v2',
  'torrents.sha256',
  'torrents.name as torrent_name',
  'torrents.size',
  'torrents.piece_length',
  'torrents.piece_count',
  'torrents.file_count',
  'torrents.is_private',
] as const

/** The questions that the catalogue asks the database. */
export class EntryStore {
  readonly #db: Kysely<Schema>
  /** @param db the database, or a transaction */
  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** The entries behind `after`, at most `limit`. */
  async page(
    filter: EntryFilter,
    { order, after, skip = 0, limit }: { order: EntryOrder; after?: Position; skip?: number; limit: number },
  ): Promise<EntryRecord[]> {
    const { column, direction } = ORDERS[order]
    let query = this.#filtered(filter)
    const from = after ?? FIRST[order]
    if (from !== undefined) {
      const beyond = sql.raw(direction === 'asc' ? '>' : '<')
      query = query.where(sql<boolean>`(${sql.ref(column)}, entries.number) ${beyond} (${from[0]}, ${from[1]})`)
    }
    const rows = await query
      .select('entries.number')
      .orderBy(column, direction)
      .orderBy('entries.number', direction)
      .limit(limit)
      .offset(skip)
      .execute()
    return this.byNumbers(rows.map((row) => row.number))
  }

  static positionOf(entry: EntryRecord, order: EntryOrder): Position {
    const key = {
      newest: entry.published_at,
      oldest: entry.published_at,
      name: entry.name_key,
      largest: entry.torrent.size,
      smallest: entry.torrent.size,
    }
    return [key[order], entry.number]
  }

  /** The newest that fit: what is ranked further. */
  async candidates(filter: EntryFilter, limit: number): Promise<{ number: number; info_hash: string }[]> {
    return await this.#filtered(filter)
      .select(['entries.number', 'entries.info_hash'])
      .orderBy('entries.number', 'desc')
      .limit(limit)
      .execute()
  }

  async namesOf(numbers: readonly number[]): Promise<{ number: number; name: string }[]> {
    if (numbers.length === 0) return []
    return await this.#db.selectFrom('entries').select(['number', 'name']).where('number', 'in', numbers).execute()
  }

  /** How many there are, but counting no further than `most`. */
  async count(filter: EntryFilter, most: number): Promise<number> {
    const found = this.#filtered(filter).select('entries.number').limit(most).as('found')
    const row = await this.#db
      .selectFrom(found)
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return row.count
  }

  /** In the order of `numbers`; what is gone meanwhile is left out. */
  async byNumbers(numbers: readonly number[]): Promise<EntryRecord[]> {
    if (numbers.length === 0) return []
    const rows = await this.#whole().where('entries.number', 'in', numbers).execute()
    const tags = await this.#db.selectFrom('tags').selectAll().where('entry_number', 'in', numbers).orderBy('tag').execute()
    const found = new Map(rows.map((row) => [row.number, row]))
    const tagsOf = Map.groupBy(tags, (tag) => tag.entry_number)
    return numbers.flatMap((number) => {
      const row = found.get(number)
      if (row === undefined) return []
      const { info_hash_v2, sha256, torrent_name, size, piece_length, piece_count, file_count, is_private, ...entry } = row
      const torrent = {
        info_hash: row.info_hash,
        info_hash_v2,
        sha256,
        name: torrent_name,
        size,
        piece_length,
        piece_count,
        file_count,
        is_private,
      }
      return [{ ...entry, torrent, tags: (tagsOf.get(number) ?? []).map(({ tag }) => tag) }]
    })
  }

  async byId(id: string): Promise<EntryRecord | undefined> {
    const row = await this.#db.selectFrom('entries').select('number').where('id', '=', id).executeTakeFirst()
    return row && (await this.byNumbers([row.number]))[0]
  }

  async torrent(infoHash: string): Promise<TorrentRecord | undefined> {
    return await this.#db.selectFrom('torrents').selectAll().where('info_hash', '=', infoHash).executeTakeFirst()
  }

  async pieceCounts(infoHashes: readonly string[]): Promise<{ info_hash: string; piece_count: number }[]> {
    return await this.#db.selectFrom('torrents').select(['info_hash', 'piece_count']).where('info_hash', 'in', infoHashes).execute()
  }

  async infoHashes(): Promise<{ info_hash: string; info_hash_v2: string | null }[]> {
    return await this.#db.selectFrom('torrents').select(['info_hash', 'info_hash_v2']).execute()
  }

  async publishedBy(hostId: string): Promise<{ name: string; infoHash: string }[]> {
    const rows = await this.#db
      .selectFrom('entries')
      .select(['name', 'info_hash'])
      .where('host_id', '=', hostId)
      .orderBy('number')
      .execute()
    return rows.map(({ name, info_hash }) => ({ name, infoHash: info_hash }))
  }

  /** How many entries each of these hosts has; those that have none are left out. */
  async countsByHost(hostIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.#db
      .selectFrom('entries')
      .select(({ fn }) => ['host_id', fn.countAll<number>().as('files')])
      .where('host_id', 'in', hostIds)
      .groupBy('host_id')
      .execute()
    return new Map(rows.map(({ host_id, files }) => [host_id!, files]))
  }

  async tagCounts(limit: number): Promise<{ tag: string; files: number }[]> {
    const rows = await this.#db
      .selectFrom('tags')
      .select(({ fn }) => ['tag', fn.countAll<number>().as('files')])
      .groupBy('tag')
      .orderBy('files', 'desc')
      .orderBy('tag')
      .limit(limit)
      .execute()
    return rows.map(({ tag, files }) => ({ tag, files }))
  }

  /** Names that share letters with what somebody typed, those that share most first. */
  async namesLike(likeness: string, limit: number): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('entries')
      .select('name')
      .where(sql<boolean>`number in (select rowid from entry_trigrams where entry_trigrams match ${likeness} order by rank limit ${limit})`)
      .execute()
    return rows.map(({ name }) => name)
  }

  async newestNames(limit: number): Promise<string[]> {
    const rows = await this.#db.selectFrom('entries').select('name').orderBy('number', 'desc').limit(limit).execute()
    return rows.map(({ name }) => name)
  }

  /** Torrents whose last entry went with its host. */
  async torrentsWithoutEntries(limit: number): Promise<{ info_hash: string; info_hash_v2: string | null }[]> {
    return await this.#db
      .selectFrom('torrents')
      .select(['info_hash', 'info_hash_v2'])
      .where((is) => is.not(is.exists(is.selectFrom('entries').select('number').whereRef('entries.info_hash', '=', 'torrents.info_hash'))))
      .limit(limit)
      .execute()
  }

  async namedTorrents(sha256s: readonly string[]): Promise<ReadonlySet<string>> {
    if (sha256s.length === 0) return new Set()
    const rows = await this.#db.selectFrom('torrents').select('sha256').where('sha256', 'in', sha256s).execute()
    return new Set(rows.map(({ sha256 }) => sha256))
  }

  /** Entries of hosts that were last here before `moment`, the oldest first. */
  async ofHostsUnseenSince(moment: number, { afterNumber, limit }: { afterNumber: number; limit: number }): Promise<EntryRecord[]> {
    const rows = await this.#db
      .selectFrom('entries')
      .innerJoin('hosts', 'hosts.id', 'entries.host_id')
      .select('entries.number')
      .where('hosts.last_seen_at', '<', moment)
      .where('entries.number', '>', afterNumber)
      .orderBy('entries.number')
      .limit(limit)
      .execute()
    return this.byNumbers(rows.map(({ number }) => number))
  }

  async totals(): Promise<{ files: number; torrents: number; bytes: number }> {
    const { files } = await this.#db
      .selectFrom('entries')
      .select(({ fn }) => fn.countAll<number>().as('files'))
      .executeTakeFirstOrThrow()
    const sums = await this.#db
      .selectFrom('torrents')
      .select(({ fn }) => [fn.countAll<number>().as('torrents'), fn.sum<number | null>('size').as('bytes')])
      .executeTakeFirstOrThrow()
    return { files, torrents: sums.torrents, bytes: sums.bytes ?? 0 }
  }

  #whole() {
    return this.#db
      .selectFrom('entries')
      .innerJoin('torrents', 'torrents.info_hash', 'entries.info_hash')
      .leftJoin('hosts', 'hosts.id', 'entries.host_id')
      .leftJoin('accounts', 'accounts.id', 'entries.owner_id')
      .select([
        'entries.number',
        'entries.id',
        'entries.name',
        'entries.name_key',
        'entries.info_hash',
        'entries.host_id',
        'entries.owner_id',
        'entries.local_path',
        'entries.description',
        'entries.published_at',
        ...TORRENT_COLUMNS,
        'hosts.name as host_name',
        'hosts.ip as host_ip',
        'hosts.port as host_port',
        'accounts.name as owner_name',
      ])
  }

  #filtered(filter: EntryFilter) {
    const { question, nameKey, hostId, ownerId, infoHash, tag, tags } = filter
    return this.#db
      .selectFrom('entries')
      .innerJoin('torrents', 'torrents.info_hash', 'entries.info_hash')
      .$if(nameKey !== undefined, (query) => query.where('entries.name_key', '=', nameKey!))
      .$if(hostId !== undefined, (query) => query.where('entries.host_id', hostId === null ? 'is' : '=', hostId ?? null))
      .$if(ownerId !== undefined, (query) => query.where('entries.owner_id', '=', ownerId!))
      .$if(infoHash !== undefined, (query) => query.where('entries.info_hash', '=', infoHash!))
      .$if(tag !== undefined, (query) => query.where(sql<boolean>`entries.number in (select entry_number from tags where tag = ${tag})`))
      .$if(tags !== undefined, (query) => query.where(taggedWith(tags!)))
      .$if(question !== undefined, (query) => query.where(found(question!)))
  }
}

/** In the index of words, or inside of them. */
function found({ words, letters }: SearchExpression) {
  const inWords = sql`select rowid from entry_words where entry_words match ${words}`
  if (letters === undefined) return sql<boolean>`entries.number in (${inWords})`
  return sql<boolean>`entries.number in (${inWords} union select rowid from entry_trigrams where entry_trigrams match ${letters})`
}

function taggedWith({ any, orNoneOf }: NonNullable<EntryFilter['tags']>) {
  const within = (tags: readonly string[]) => sql`entries.number in (select entry_number from tags where tag in (${sql.join(tags)}))`
  const choices = [...(any.length > 0 ? [within(any)] : []), ...(orNoneOf.length > 0 ? [sql`not ${within(orNoneOf)}`] : [])]
  return choices.length === 0 ? sql<boolean>`false` : sql<boolean>`(${sql.join(choices, sql` or `)})`
}
