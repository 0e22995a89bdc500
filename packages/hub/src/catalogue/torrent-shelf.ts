import type { FileEntry, PieceHolders, TorrentFacts, TorrentFilePage } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { toInfoHash, toInfoHashV2 } from '@shoal/protocol/info-hash'
import { formatMagnet } from '@shoal/protocol/metainfo/magnet'
import type { AvailabilityGauge } from './availability.ts'
import type { Reader } from './catalogue-needs.ts'
import type { EntryRecord, EntryStore, TorrentRecord } from './entry-store.ts'
import { entryFor, holdersFor } from './entry-view.ts'
import type { PageCursors } from './page-cursor.ts'
import type { TorrentFiles } from './torrent-files.ts'
import type { TorrentReader } from './torrent-reader.ts'

export interface TorrentDownload {
  readonly bytes: Uint8Array
  readonly fileName: string
  /** Of the stored bytes, hex: what is made of them depends on who downloads, too. */
  readonly sha256: string
}

interface ShelfNeeds {
  readonly store: EntryStore
  readonly gauge: AvailabilityGauge
  readonly cursors: PageCursors
  readonly files: TorrentFiles
  readonly torrents: TorrentReader
  readonly whole: (record: EntryRecord) => FileEntry
}

const MAX_TORRENT_ENTRIES = 100
const MAX_FILES_A_PAGE = 1_000

/** What there is to have and to know of one content, whoever shares it. */
export class TorrentShelf {
  readonly #needs: ShelfNeeds
  constructor(needs: ShelfNeeds) {
    this.#needs = needs
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async facts(infoHash: string, reader: Reader): Promise<TorrentFacts> {
    const torrent = await this.#require(infoHash)
    const records = await this.#needs.store.page({ infoHash: torrent.info_hash }, { order: 'newest', limit: MAX_TORRENT_ENTRIES })
    return {
      infoHash: torrent.info_hash,
      ...(torrent.info_hash_v2 !== null && { infoHashV2: torrent.info_hash_v2 }),
      name: torrent.name,
      size: torrent.size,
      pieceLength: torrent.piece_length,
      pieceCount: torrent.piece_count,
      fileCount: torrent.file_count,
      isPrivate: torrent.is_private !== 0,
      availability: this.#needs.gauge.availabilityOf(measured(torrent)),
      entries: records.map((record) => entryFor(reader, this.#needs.whole(record))),
    }
  }

  /** Undefined for a torrent that is not here. */
  async pieceCountOf(infoHash: string): Promise<number | undefined> {
    return (await this.#needs.store.torrent(infoHash))?.piece_count
  }

  /** Who has which pieces. @throws {ProblemError} `NOT_FOUND` */
  async holders(infoHash: string, reader: Reader): Promise<PieceHolders> {
    const torrent = await this.#require(infoHash)
    const held = this.#needs.gauge.holdersOf(measured(torrent))
    return holdersFor(reader, { infoHash: torrent.info_hash, name: torrent.name, pieceCount: torrent.piece_count, ...held })
  }

  /** The .torrent, with these trackers instead of its own. @throws {ProblemError} `NOT_FOUND`, `STORAGE` */
  async download(infoHash: string, announceUrls: readonly string[]): Promise<TorrentDownload> {
    const torrent = await this.#require(infoHash)
    const bytes = await this.#needs.files.read(torrent.sha256)
    return {
      bytes: await this.#needs.torrents.tailored(bytes, announceUrls),
      fileName: `${torrent.name}.torrent`,
      sha256: torrent.sha256,
    }
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  async magnet(infoHash: string, announceUrls: readonly string[]): Promise<string> {
    const { info_hash, info_hash_v2, name, size } = await this.#require(infoHash)
    const v2 = info_hash_v2 === null ? undefined : toInfoHashV2(info_hash_v2)
    const isV2Only = info_hash_v2?.startsWith(info_hash) === true
    return formatMagnet({
      ...(!isV2Only && { infoHashV1: toInfoHash(info_hash) }),
      ...(v2 !== undefined && { infoHashV2: v2 }),
      name,
      exactLength: size,
      trackers: announceUrls,
      webSeeds: [],
      peers: [],
    })
  }

  /** What is inside. @throws {ProblemError} `NOT_FOUND`, `STORAGE`, `BUSY`; `VALIDATION` for a foreign cursor */
  async filesIn(infoHash: string, { cursor, limit = MAX_FILES_A_PAGE }: { cursor?: string; limit?: number }): Promise<TorrentFilePage> {
    const torrent = await this.#require(infoHash)
    const question = `files ${torrent.sha256}`
    const skip = cursor === undefined ? 0 : Number(this.#needs.cursors.open(question, cursor)[0])
    const bytes = await this.#needs.files.read(torrent.sha256)
    const { total, items } = await this.#needs.torrents.filesOf({ sha256: torrent.sha256, bytes }, skip, limit)
    const end = skip + items.length
    return { items: [...items], total, ...(end < total && { nextCursor: this.#needs.cursors.seal(question, [end]) }) }
  }

  async #require(infoHash: string): Promise<TorrentRecord> {
    const torrent = await this.#needs.store.torrent(infoHash)
    if (torrent === undefined)
      throw new ProblemError('NOT_FOUND', `No torrent with the info hash ${infoHash} is here. It may have been withdrawn`)
    return torrent
  }
}

function measured(torrent: TorrentRecord): { infoHash: string; pieceCount: number } {
  return { infoHash: torrent.info_hash, pieceCount: torrent.piece_count }
}
