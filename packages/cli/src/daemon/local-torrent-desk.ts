import { statfs } from 'node:fs/promises'
import type {
  AddedTorrent,
  AddTorrent,
  Creation,
  DaemonFacts,
  DaemonSettings,
  DaemonSettingsChange,
  HistoryPoint,
  LogLine,
  MoveTorrent,
  NewCreation,
  PeerItem,
  RemoveQuery,
  TorrentAction,
  TorrentChange,
  TorrentDetail,
  TorrentFileItem,
  TorrentItem,
  Totals,
  TrackerItem,
} from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import { formatMagnet } from '@shoal/protocol/metainfo/magnet'
import type { Creations } from './creations.ts'
import type { DaemonSystem } from './daemon-system.ts'
import { fileContent } from './file-content.ts'
import type { HeldTorrent } from './held-torrent.ts'
import type { MetainfoFiles } from './metainfo-files.ts'
import type { News } from './news.ts'
import type { FileContent, TorrentDesk } from './peer-desk.ts'
import type { RateLimits } from './schedule.ts'
import type { Settings } from './settings.ts'
import type { TorrentAdder } from './torrent-adder.ts'
import { changeTorrent } from './torrent-change.ts'
import type { TorrentKeeper } from './torrent-keeper.ts'
import { fileItems, peerItem, trackerItem, withoutKey } from './torrent-view.ts'
import type { Torrents } from './torrents.ts'
import type { Traffic } from './traffic.ts'

const PIECES_EVERY_MS = 500

/** The rooms of a daemon that its desk speaks for. */
export interface TorrentDeskParts {
  readonly system: DaemonSystem
  readonly torrents: Torrents
  readonly adder: TorrentAdder
  readonly keeper: TorrentKeeper
  readonly creations: Creations
  readonly settings: Settings
  readonly traffic: Traffic
  readonly news: News
  readonly metainfoFiles: Pick<MetainfoFiles, 'read'>
  /** Why nothing is saved at the moment. */
  readonly stateTrouble: () => string | undefined
  /** After settings have changed. */
  readonly onSettings: () => void
  readonly limitsNow: () => RateLimits
  readonly facts: Pick<DaemonFacts, 'version' | 'pid' | 'startedAt' | 'home'>
}

/** The verbs of torrents, for this daemon. */
export class LocalTorrentDesk implements TorrentDesk {
  readonly #parts: TorrentDeskParts

  constructor(parts: TorrentDeskParts) {
    this.#parts = parts
  }

  async listTorrents(): Promise<readonly TorrentItem[]> {
    return [...this.#parts.torrents.all].map((held) => held.item)
  }

  async showTorrent(id: string): Promise<TorrentDetail> {
    const held = this.#require(id)
    const metainfo = await held.readMetainfo()
    const tiers = await this.#parts.adder.tiers(held)
    const { comment, createdBy, creationDate } = metainfo ?? {}
    return {
      ...held.item,
      magnet: formatMagnet({
        infoHashV1: Uint8Array.from(Buffer.from(id, 'hex')),
        name: held.record.name,
        // One that has our key is ours alone.
        trackers: tiers.flat().filter((url) => withoutKey(url) === url),
        webSeeds: metainfo?.webSeeds ?? [],
        peers: [],
        ...(held.record.size === 0 ? {} : { exactLength: held.record.size }),
      }),
      ...(comment === undefined ? {} : { comment }),
      ...(createdBy === undefined ? {} : { createdBy }),
      ...(creationDate === undefined ? {} : { createdAt: creationDate * 1000 }),
      pieceLength: metainfo?.info.pieceLength ?? 0,
      pieceCount: metainfo?.info.pieceCount ?? 0,
      pieces: held.piecesText,
      ...held.times,
    }
  }

  async listTorrentFiles(id: string): Promise<readonly TorrentFileItem[]> {
    const held = this.#require(id)
    const metainfo = await held.readMetainfo()
    if (metainfo === undefined) return []
    const { info } = metainfo
    const { priorities } = held.record
    const have = held.pieces ?? held.piecesAtRest(info.pieceCount)
    const isComplete = held.isComplete && priorities === undefined
    return fileItems({ id, files: info.files, pieceLength: info.pieceLength, have, isComplete, priorities })
  }

  async listTorrentPeers(id: string): Promise<readonly PeerItem[]> {
    return (this.#require(id).engine?.snapshot().peers ?? []).map(peerItem)
  }

  async listTrackers(id: string): Promise<readonly TrackerItem[]> {
    const held = this.#require(id)
    const { system, adder } = this.#parts
    const known = held.engine?.snapshot().trackers ?? []
    const tiers = await adder.tiers(held)
    const wallOffset = system.wallClock() - system.now()
    return tiers.flatMap((tier, index) =>
      tier.map((url) => {
        const resting = { url, status: 'waiting', message: undefined, error: undefined, seeds: undefined, leechers: undefined } as const
        return trackerItem(index, known.find((each) => each.url === url) ?? { ...resting, nextAnnounceAt: undefined }, wallOffset)
      }),
    )
  }

  async showPieces(id: string): Promise<string> {
    return this.#require(id).piecesText
  }

  watchPieces(id: string): () => void {
    const { system, news } = this.#parts
    const held = this.#require(id)
    let told = ''
    const timer = system.every(PIECES_EVERY_MS, () => {
      const pieces = held.piecesText
      if (pieces === told) return
      told = pieces
      news.emit({ type: 'pieces', id, pieces })
    })
    return () => timer.cancel()
  }

  async readLog(id: string): Promise<readonly LogLine[]> {
    return [...this.#require(id).log]
  }

  async readMetainfo(id: string): Promise<Uint8Array> {
    const { metainfo, name } = this.#require(id).record
    if (metainfo === undefined) throw new ProblemError('CONFLICT', `The metadata of '${name}' has not come yet`)
    return await this.#parts.metainfoFiles.read(metainfo)
  }

  async openContent(id: string, fileIndex: number): Promise<FileContent> {
    return fileContent(this.#require(id), fileIndex)
  }

  async addTorrent(what: AddTorrent, signal?: AbortSignal): Promise<AddedTorrent> {
    const added = await this.#parts.adder.add(what, signal)
    const trouble = this.#parts.stateTrouble()
    return trouble === undefined ? added : { ...added, notes: [...added.notes, trouble] }
  }

  async changeTorrent(id: string, change: TorrentChange): Promise<TorrentItem> {
    const held = this.#require(id)
    await changeTorrent(held, change, this.#parts.torrents)
    return held.item
  }

  async actOnTorrent(id: string, action: TorrentAction): Promise<TorrentItem> {
    const held = this.#require(id)
    const { keeper } = this.#parts
    switch (action) {
      case 'pause':
        await keeper.pause(held)
        break
      case 'resume':
        await keeper.resume(held)
        break
      case 'recheck':
        keeper.recheck(held)
        break
      case 'announce':
        keeper.announce(held)
        break
      default:
        action satisfies never
    }
    return held.item
  }

  async moveTorrent(id: string, where: MoveTorrent): Promise<TorrentItem> {
    const held = this.#require(id)
    await this.#parts.keeper.move(held, where.dir)
    return held.item
  }

  async removeTorrent(id: string, how: RemoveQuery): Promise<Totals> {
    return await this.#parts.keeper.remove(this.#require(id), how.data ?? 'keep')
  }

  async startCreation(what: NewCreation): Promise<Creation> {
    return this.#parts.creations.start(what)
  }

  async listCreations(): Promise<readonly Creation[]> {
    return this.#parts.creations.list
  }

  async showCreation(id: string): Promise<Creation> {
    return this.#parts.creations.show(id)
  }

  async cancelCreation(id: string): Promise<Creation> {
    return this.#parts.creations.cancel(id)
  }

  async readSettings(): Promise<DaemonSettings> {
    return this.#parts.settings.current
  }

  async changeSettings(change: DaemonSettingsChange): Promise<DaemonSettings> {
    const settings = await this.#parts.settings.change(change)
    this.#parts.onSettings()
    this.#parts.news.emit({ type: 'settings-changed' })
    return settings
  }

  async showFacts(): Promise<DaemonFacts> {
    const { torrents, traffic, settings, facts, limitsNow } = this.#parts
    let downloadRate = 0
    let uploadRate = 0
    for (const { engine } of torrents.all) {
      if (engine === undefined) continue
      const summary = engine.summary()
      downloadRate += summary.downloadRate
      uploadRate += summary.uploadRate
    }
    return {
      ...facts,
      peerPort: torrents.session.listenPort,
      torrents: torrents.size,
      connections: torrents.session.connectionCount,
      downloadRate: Math.round(downloadRate),
      uploadRate: Math.round(uploadRate),
      ...traffic.totals,
      freeBytes: await freeBytes(settings.current.downloadDir),
      ...limitsNow(),
    }
  }

  async readHistory(span: 'day' | 'year'): Promise<readonly HistoryPoint[]> {
    return this.#parts.traffic.read(span, this.#parts.system.wallClock())
  }

  #require(id: string): HeldTorrent {
    return this.#parts.torrents.require(id)
  }
}

async function freeBytes(dir: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize
  } catch {
    return null // it is made when the first torrent comes
  }
}
