import type { FileChange, FileEntry, FileListQuery, FilePage, PublishedFile, TagCount } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { HubSystem } from '../system.ts'
import { AvailabilityGauge } from './availability.ts'
import { AvailabilityNews } from './availability-news.ts'
import type { CatalogueDatabase, EventListener, Presence, PublishingHost, Reader, RulesSource, SwarmCounts } from './catalogue-needs.ts'
import { entryDescription, entryName, entryTags, invalid, nameKey } from './entry-name.ts'
import { EntrySearch } from './entry-search.ts'
import { type EntryFilter, type EntryRecord, EntryStore } from './entry-store.ts'
import { entryFor, isOwner, wholeEntry } from './entry-view.ts'
import { EntryWriter, type NewEntry } from './entry-writer.ts'
import { ListedTorrents } from './listed-torrents.ts'
import { PageCursors } from './page-cursor.ts'
import { requireRoom } from './publish-rules.ts'
import type { TorrentFiles } from './torrent-files.ts'
import type { TorrentReader } from './torrent-reader.ts'
import { TorrentShelf } from './torrent-shelf.ts'
import type { TorrentSummary } from './torrent-worker.ts'

export interface CatalogueNeeds {
  readonly database: CatalogueDatabase
  readonly files: TorrentFiles
  readonly torrents: TorrentReader
  readonly swarms: SwarmCounts
  readonly presence: Presence
  readonly rules: RulesSource
  readonly system: HubSystem
  /** The hub's own, 32 bytes: cursors are sealed with what is derived from it. */
  readonly secret: Uint8Array
  readonly onEvent: EventListener
}

/** What somebody publishes, however it came. */
export interface PublishWish {
  /** The .torrent file, base64. */
  readonly torrent: string
  readonly name?: string
  readonly description?: string
  readonly tags?: readonly string[]
}

const MAX_LOCAL_PATH_CHARACTERS = 4_096
const MAX_TAGS_TOLD = 200
/** Of a sweep. */
const MAX_LOOKED_AT = 200
const DAY_MS = 24 * 60 * 60 * 1_000

/**
 * Who shares what under which name. An entry is "this host shares this torrent under this name", or an upload that whoever
 * announces shares; equal content is one torrent, however many entries name it. The hub has the .torrent files and never
 * the content.
 */
export class Catalogue {
  /** What the tracker of a `listed` hub may be asked for. */
  readonly listed: ListedTorrents = new ListedTorrents()
  readonly shelf: TorrentShelf
  readonly news: AvailabilityNews
  readonly #needs: CatalogueNeeds
  readonly #store: EntryStore
  readonly #search: EntrySearch
  readonly #gauge: AvailabilityGauge
  /** Of the 256 folders of torrent files, the one that is swept next. */
  #nextFolder = 0
  /** The entry at which the search for abandoned ones goes on. */
  #lastLookedAt = 0

  private constructor(needs: CatalogueNeeds) {
    this.#needs = needs
    this.#store = new EntryStore(needs.database.db)
    this.#gauge = new AvailabilityGauge(needs.swarms, needs.presence, needs.system)
    const shared = { ...needs, store: this.#store, gauge: this.#gauge, cursors: new PageCursors(needs.secret) }
    this.#search = new EntrySearch(shared)
    this.news = new AvailabilityNews({ ...shared, listed: this.listed })
    this.shelf = new TorrentShelf({ ...shared, whole: (record) => this.#whole(record) })
  }

  static async open(needs: CatalogueNeeds): Promise<Catalogue> {
    const catalogue = new Catalogue(needs)
    for (const torrent of await catalogue.#store.infoHashes()) catalogue.listed.add(torrent.info_hash, torrent.info_hash_v2)
    needs.torrents.warmUp()
    return catalogue
  }

  // --- publishing -------------------------------------------------------------------------------------------------

  /**
   * A connected peer shares a path of its own.
   * @throws {ProblemError} `VALIDATION`, `TORRENT_INVALID`, `TOO_LARGE`, `TAKEN`, `ALREADY_SHARED`, `QUOTA`, `BUSY`, `STORAGE`
   */
  async publish(
    host: PublishingHost,
    wish: PublishWish & { readonly name: string; readonly localPath?: string },
  ): Promise<{ entryId: string; infoHash: string }> {
    const localPath = wish.localPath === undefined ? undefined : pathOf(wish.localPath)
    const { record } = await this.#insert(wish, { hostId: host.id, ownerId: host.caller.accountId, localPath })
    return { entryId: record.id, infoHash: record.info_hash }
  }

  /** A peer shares something no longer. @throws {ProblemError} `NOT_FOUND` */
  async withdraw(host: PublishingHost, name: string): Promise<void> {
    await this.#remove(async (store) => {
      const [record] = await store.page({ hostId: host.id, nameKey: nameKey(name) }, { order: 'newest', limit: 1 })
      if (record !== undefined) return record
      throw new ProblemError('NOT_FOUND', `This peer shares nothing named ${JSON.stringify(cleanText(name, 200))}`)
    })
  }

  async pieceCountOf(infoHash: string): Promise<number | undefined> {
    return await this.shelf.pieceCountOf(infoHash)
  }

  /** What the hub still lists of a peer that comes back. */
  async publishedBy(hostId: string): Promise<{ name: string; infoHash: string }[]> {
    return await this.#store.publishedBy(hostId)
  }

  /**
   * Somebody gives the hub a .torrent, without saying who has the content.
   * @throws {ProblemError} as `publish`
   */
  async upload(reader: Reader, wish: PublishWish): Promise<PublishedFile> {
    const owner = { hostId: undefined, ownerId: reader.accountId, localPath: undefined }
    const { record, summary } = await this.#insert(wish, owner)
    const { isMembersOnly } = await this.#needs.rules.rules()
    const warnings = [...summary.warnings]
    if (isMembersOnly && !summary.isPrivate) {
      warnings.push(
        'The torrent is not private: clients may tell others of it by DHT and peer exchange. Make it with the private flag to keep it here',
      )
    }
    return { ...entryFor(reader, this.#whole(record)), warnings }
  }

  /** @throws {ProblemError} `NOT_FOUND`, `FORBIDDEN`, `VALIDATION`, `TAKEN` */
  async change(reader: Reader, id: string, change: FileChange): Promise<FileEntry> {
    const name = change.name === undefined ? undefined : entryName(change.name)
    const tags = change.tags === undefined ? undefined : entryTags(change.tags)
    const at = this.#needs.system.wallClock()
    const record = await this.#needs.database.transaction(async (trx) => {
      const store = new EntryStore(trx)
      const before = await requireManaged(store, reader, id)
      const texts = {
        name: name ?? before.name,
        nameKey: nameKey(name ?? before.name),
        description: change.description === undefined ? (before.description ?? undefined) : entryDescription(change.description),
        tags: tags ?? before.tags,
      }
      const sameNames = await store.page({ nameKey: texts.nameKey, hostId: before.host_id }, { order: 'oldest', limit: 2 })
      if (sameNames.some(({ number }) => number !== before.number)) {
        throw new ProblemError('TAKEN', `The name ${JSON.stringify(texts.name)} is in use there. Choose another`)
      }
      const writer = new EntryWriter(trx)
      await writer.change(before, texts, at)
      await recordModeration(writer, { reader, record: before, action: 'file.change', at })
      return (await store.byId(id))!
    })
    const entry = this.#whole(record)
    this.#needs.onEvent({ type: 'file-changed', file: entry })
    return entryFor(reader, entry)
  }

  /** @throws {ProblemError} `NOT_FOUND`, `FORBIDDEN` */
  async remove(reader: Reader, id: string): Promise<void> {
    const at = this.#needs.system.wallClock()
    await this.#remove(async (store, writer) => {
      const record = await requireManaged(store, reader, id)
      await recordModeration(writer, { reader, record, action: 'file.withdraw', at })
      return record
    })
  }

  /**
   * A share of the housekeeping, bounded; to be called every minute or so. Entries whose host has been away for too long
   * and that nobody holds are withdrawn, and files that no entry names are removed.
   */
  async sweep(): Promise<void> {
    const { forgetAfterDays } = await this.#needs.rules.rules()
    if (forgetAfterDays > 0) await this.#forgetAbandoned(this.#needs.system.wallClock() - forgetAfterDays * DAY_MS)
    await this.#forgetTorrents()
    const folder = this.#nextFolder
    this.#nextFolder = (folder + 1) % 256
    await this.#needs.files.sweep(folder, (names) => this.#store.namedTorrents(names))
  }

  // --- looking ----------------------------------------------------------------------------------------------------

  /** @throws {ProblemError} `VALIDATION`; `NOT_FOUND` with close names when an exact name is asked for that nothing has */
  async list(query: FileListQuery, reader: Reader): Promise<FilePage> {
    const page = await this.#search.list(query, reader)
    if (query.name !== undefined && page.items.length === 0 && query.cursor === undefined) {
      await this.#search.requireNamed(cleanText(query.name, 200), (await this.#needs.rules.rules()).hubName)
    }
    return page
  }

  async slice(
    filter: EntryFilter,
    range: { skip: number; limit: number; most: number },
    reader: Reader,
  ): Promise<{ items: FileEntry[]; total: number }> {
    return await this.#search.slice(filter, range, reader)
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async entry(id: string, reader: Reader): Promise<FileEntry> {
    return entryFor(reader, this.#whole(await this.#require(id)))
  }

  /** How many entries each of these hosts has; those that have none are left out. */
  async countsByHost(hostIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return await this.#store.countsByHost(hostIds)
  }

  async tags(): Promise<TagCount[]> {
    return await this.#store.tagCounts(MAX_TAGS_TOLD)
  }

  async totals(): Promise<{ files: number; torrents: number; bytes: number }> {
    return await this.#store.totals()
  }

  /**
   * The one content that has this name.
   * @throws {ProblemError} `NOT_FOUND` with close names; `AMBIGUOUS` with the entries to choose from
   */
  async infoHashOf(name: string, reader: Reader): Promise<string> {
    const records = await this.#search.requireNamed(cleanText(name, 200), (await this.#needs.rules.rules()).hubName)
    const hashes = new Set(records.map((record) => record.info_hash))
    if (hashes.size > 1) {
      const detail = `${hashes.size} different files are named ${JSON.stringify(records[0]!.name)}. Choose one by its info hash or its host`
      throw new ProblemError('AMBIGUOUS', detail, { choices: records.map((record) => entryFor(reader, this.#whole(record))) })
    }
    return records[0]!.info_hash
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  /** Reads the torrent, keeps its bytes, then writes all rows or none: bytes without a row are swept later. */
  async #insert(
    wish: PublishWish,
    owner: { hostId: string | undefined; ownerId: string | undefined; localPath: string | undefined },
  ): Promise<{ record: EntryRecord; summary: TorrentSummary }> {
    const bytes = bytesOf(wish.torrent)
    const texts = { description: entryDescription(wish.description ?? ''), tags: entryTags(wish.tags ?? []) }
    const givenName = wish.name === undefined ? undefined : entryName(wish.name)
    const summary = await this.#needs.torrents.summaryOf(bytes)
    const name = givenName ?? entryName(summary.name)
    const rules = await this.#needs.rules.rules()
    const record = await this.#needs.files.keepWhile(bytes, (sha256) =>
      this.#needs.database.transaction(async (trx) => {
        const id = Buffer.from(this.#needs.system.randomBytes(12)).toString('base64url')
        const at = this.#needs.system.wallClock()
        const entry: NewEntry = { id, name, nameKey: nameKey(name), ...owner, ...texts, torrent: summary, sha256, at }
        await requireRoom(trx, entry, rules.maxFilesPerMember)
        await new EntryWriter(trx).insert(entry)
        return (await new EntryStore(trx).byId(id))!
      }),
    )
    this.listed.add(record.info_hash, record.torrent.info_hash_v2)
    this.#needs.onEvent({ type: 'file-published', file: this.#whole(record) })
    return { record, summary }
  }

  async #remove(find: (store: EntryStore, writer: EntryWriter) => Promise<EntryRecord>): Promise<void> {
    const { record, isTorrentGone } = await this.#needs.database.transaction(async (trx) => {
      const writer = new EntryWriter(trx)
      const found = await find(new EntryStore(trx), writer)
      return { record: found, isTorrentGone: await writer.remove(found) }
    })
    if (isTorrentGone) this.listed.delete(record.info_hash, record.torrent.info_hash_v2)
    this.#needs.onEvent({ type: 'file-withdrawn', id: record.id, name: record.name })
  }

  /** Those whose last entry went with its host. */
  async #forgetTorrents(): Promise<void> {
    const found = new Map((await this.#store.torrentsWithoutEntries(MAX_LOOKED_AT)).map((torrent) => [torrent.info_hash, torrent]))
    if (found.size === 0) return
    const gone = await this.#needs.database.transaction((trx) => new EntryWriter(trx).forgetTorrents([...found.keys()]))
    for (const infoHash of gone) this.listed.delete(infoHash, found.get(infoHash)?.info_hash_v2 ?? null)
  }

  async #forgetAbandoned(moment: number): Promise<void> {
    const records = await this.#store.ofHostsUnseenSince(moment, { afterNumber: this.#lastLookedAt, limit: MAX_LOOKED_AT })
    this.#lastLookedAt = records.length < MAX_LOOKED_AT ? 0 : records.at(-1)!.number
    for (const record of records) {
      if (this.#needs.presence.isOnline(record.host_id!)) continue
      const { seeds, leechers, holders } = this.#whole(record).availability
      if (seeds + leechers + holders > 0) continue
      // Unless somebody was quicker, or its host has come back meanwhile.
      await this.#remove(async (store) => {
        const [still] = await store.ofHostsUnseenSince(moment, { afterNumber: record.number - 1, limit: 1 })
        if (still?.number === record.number) return still
        throw new ProblemError('CONFLICT', 'The entry is not abandoned any more')
      }).catch((error: unknown) => {
        if (!(error instanceof ProblemError && error.code === 'CONFLICT')) throw error
      })
    }
  }

  #whole(record: EntryRecord): FileEntry {
    return wholeEntry(record, this.#gauge, this.#needs.presence)
  }

  async #require(id: string): Promise<EntryRecord> {
    const record = await this.#store.byId(id)
    if (record === undefined) throw noEntry(id)
    return record
  }
}

async function requireManaged(store: EntryStore, reader: Reader, id: string): Promise<EntryRecord> {
  const record = await store.byId(id)
  if (record === undefined) throw noEntry(id)
  if (isOwner(reader, record.owner_id) || reader.may('files:moderate')) return record
  const whose = record.owner_id === null ? 'belongs to no account' : 'is somebody else’s'
  throw new ProblemError('FORBIDDEN', `${JSON.stringify(record.name)} ${whose}: its host, or a moderator, can change it`)
}

/** What people do to the entries of others is written down. */
async function recordModeration(
  writer: EntryWriter,
  { reader, record, action, at }: { reader: Reader; record: EntryRecord; action: string; at: number },
): Promise<void> {
  if (isOwner(reader, record.owner_id)) return
  const detail = `${record.name} of ${record.owner_name ?? record.host_name ?? 'nobody'}`
  await writer.record({ actorId: reader.accountId, actorName: reader.name, action, subject: record.id, detail, at })
}

function noEntry(id: string): ProblemError {
  return new ProblemError('NOT_FOUND', `No file has the id ${JSON.stringify(cleanText(id, 64))}. It may have been withdrawn`)
}

/** Node skips what is no base64, and would read something else than what was meant: then bytes are missing. */
function bytesOf(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64')
  const digits = base64.length - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)
  if (bytes.length === 0 || bytes.length !== Math.floor((digits * 3) / 4)) {
    throw invalid('torrent', 'The torrent is not in base64, or empty. Send the bytes of the .torrent file in base64, or as a form')
  }
  return bytes
}

/** A path means something to its host only; here it is text that somebody may be shown. */
function pathOf(given: string): string {
  const path = cleanText(given, MAX_LOCAL_PATH_CHARACTERS)
  if (path === '') throw invalid('localPath', 'The path is empty, or shows nothing')
  return path
}
