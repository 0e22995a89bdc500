import type { Transaction } from 'kysely'
import type { Schema } from '../database/schema.ts'
import type { EntryRecord } from './entry-store.ts'
import { indexedLetters, indexedWords } from './search-text.ts'
import type { TorrentSummary } from './torrent-worker.ts'

export interface NewEntry {
  readonly id: string
  readonly name: string
  readonly nameKey: string
  readonly hostId: string | undefined
  readonly ownerId: string | undefined
  readonly localPath: string | undefined
  readonly description: string | undefined
  readonly tags: readonly string[]
  readonly torrent: TorrentSummary
  readonly sha256: string
  readonly at: number
}

export interface EntryTexts {
  readonly name: string
  readonly nameKey: string
  readonly description: string | undefined
  readonly tags: readonly string[]
}

/** What the catalogue changes in the database, always inside of a transaction. */
export class EntryWriter {
  readonly #trx: Transaction<Schema>
  constructor(trx: Transaction<Schema>) {
    this.#trx = trx
  }

  /** With its torrent, if that is new, and its words. */
  async insert(entry: NewEntry): Promise<void> {
    const { torrent, at } = entry
    await this.#trx
      .insertInto('torrents')
      .values({
        info_hash: torrent.infoHash,
        info_hash_v2: torrent.infoHashV2 ?? null,
        sha256: entry.sha256,
        name: torrent.name,
        size: torrent.size,
        piece_length: torrent.pieceLength,
        piece_count: torrent.pieceCount,
        file_count: torrent.fileCount,
        is_private: torrent.isPrivate ? 1 : 0,
        created_at: at,
      })
      .onConflict((conflict) => conflict.column('info_hash').doNothing())
      .execute()
    const { number } = await this.#trx
      .insertInto('entries')
      .values({
        id: entry.id,
        name: entry.name,
        name_key: entry.nameKey,
        info_hash: torrent.infoHash,
        host_id: entry.hostId ?? null,
        owner_id: entry.ownerId ?? null,
        local_path: entry.localPath ?? null,
        description: entry.description ?? null,
        published_at: at,
        updated_at: at,
      })
      .returning('number')
      .executeTakeFirstOrThrow()
    await this.#describe(number, entry, torrent.name)
  }

  async change(entry: EntryRecord, texts: EntryTexts, at: number): Promise<void> {
    await this.#trx
      .updateTable('entries')
      .set({ name: texts.name, name_key: texts.nameKey, description: texts.description ?? null, updated_at: at })
      .where('number', '=', entry.number)
      .execute()
    await this.#trx.deleteFrom('tags').where('entry_number', '=', entry.number).execute()
    await this.#trx.deleteFrom('entry_words').where('rowid', '=', entry.number).execute()
    await this.#trx.deleteFrom('entry_trigrams').where('rowid', '=', entry.number).execute()
    await this.#describe(entry.number, texts, entry.torrent.name)
  }

  /** With its torrent, when nobody else has an entry of it. @returns whether the torrent went, too */
  async remove(entry: EntryRecord): Promise<boolean> {
    await this.#trx.deleteFrom('entries').where('number', '=', entry.number).execute()
    return (await this.forgetTorrents([entry.info_hash])).length > 0
  }

  /** @returns those of the torrents that no entry named */
  async forgetTorrents(infoHashes: readonly string[]): Promise<string[]> {
    const gone = await this.#trx
      .deleteFrom('torrents')
      .where('info_hash', 'in', infoHashes)
      .where((is) => is.not(is.exists(is.selectFrom('entries').select('number').whereRef('entries.info_hash', '=', 'torrents.info_hash'))))
      .returning('info_hash')
      .execute()
    return gone.map(({ info_hash }) => info_hash)
  }

  async record(act: {
    actorId: string | undefined
    actorName: string
    action: string
    subject: string
    detail: string
    at: number
  }): Promise<void> {
    await this.#trx
      .insertInto('audit')
      .values({
        at: act.at,
        actor_id: act.actorId ?? null,
        actor_name: act.actorName,
        action: act.action,
        subject: act.subject,
        detail: act.detail,
      })
      .execute()
  }

  async #describe(number: number, texts: Omit<EntryTexts, 'nameKey'>, torrentName: string): Promise<void> {
    if (texts.tags.length > 0) {
      await this.#trx
        .insertInto('tags')
        .values(texts.tags.map((tag) => ({ entry_number: number, tag })))
        .execute()
    }
    // Found by what it is called here and there, what is said of it, and its tags; in parts, only by what it is called.
    const names = torrentName === texts.name ? [texts.name] : [texts.name, torrentName]
    const words = indexedWords([...names, ...texts.tags, texts.description ?? ''])
    await this.#trx.insertInto('entry_words').values({ rowid: number, words }).execute()
    await this.#trx
      .insertInto('entry_trigrams')
      .values({ rowid: number, letters: indexedLetters([...names, ...texts.tags]) })
      .execute()
  }
}
