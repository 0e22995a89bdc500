import { isAbsolute, resolve } from 'node:path'
import type { AddedTorrent, AddTorrent } from '@shoal/api/daemon-api'
import { encodePieceMap } from '@shoal/api/piece-map'
import { ProblemError } from '@shoal/api/problem'
import { Bitfield } from '@shoal/protocol/bitfield'
import type { Info } from '@shoal/protocol/metainfo/info'
import { isTrackerUrl, MAX_TRACKERS } from '@shoal/protocol/metainfo/tracker-list'
import { pathsOnDisk } from '../foreground/original-names.ts'
import type { HeldTorrent } from './held-torrent.ts'
import type { MetainfoFiles } from './metainfo-files.ts'
import { factsOf, wantedOf } from './torrent-facts.ts'
import { type Download, readLink, readMetainfo, readPeer, type TorrentSource } from './torrent-link.ts'
import { newRecord, type TorrentRecord } from './torrent-record.ts'
import type { PlacedTorrent } from './torrent-shelf.ts'
import type { Torrents } from './torrents.ts'

export interface TorrentAdderOptions {
  readonly torrents: Torrents
  readonly metainfoFiles: Pick<MetainfoFiles, 'keep' | 'read'>
  readonly download: Download
  readonly defaultDir: () => string
}

type Wanted = Pick<TorrentRecord, 'dir'> & Partial<TorrentRecord>

/** Takes torrents in: reads what was given, keeps it, and merges what is here already. */
export class TorrentAdder {
  readonly #torrents: Torrents
  readonly #metainfoFiles: Pick<MetainfoFiles, 'keep' | 'read'>
  readonly #download: Download
  readonly #defaultDir: () => string

  constructor(options: TorrentAdderOptions) {
    this.#torrents = options.torrents
    this.#metainfoFiles = options.metainfoFiles
    this.#download = options.download
    this.#defaultDir = options.defaultDir
  }

  /** @throws {ProblemError} `VALIDATION`, `TORRENT_INVALID`, `NOT_FOUND`, `TOO_LARGE`, `STORAGE` */
  async add(what: AddTorrent, signal?: AbortSignal): Promise<AddedTorrent> {
    const source = await this.#read(what, signal)
    const dir = absolute(what.dir ?? this.#defaultDir())
    const peers = (what.peers ?? []).map(readPeer)
    const trackers = readTiers([what.trackers ?? []]).flat()
    const here = this.#torrents.find(source.id)
    if (here !== undefined) return await this.#merge(here, source, trackers, peers)
    const others = newTrackers(tiersOf(source), trackers)
    const looksForNames = source.kind === 'metainfo' && (what.isUploadOnly === true || what.skipCheck === true)
    const wanted: Wanted = {
      dir,
      peers,
      labels: what.labels ?? [],
      isPaused: what.isPaused ?? false,
      isSequential: what.isSequential ?? false,
      skipCheck: what.skipCheck ?? false,
      isUploadOnly: what.isUploadOnly ?? false,
      ...(looksForNames ? { pathsOnDisk: (await pathsOnDisk(dir, source.metainfo.info.files)).map((path) => [...path]) } : {}),
      ...(others.length === 0 ? {} : { trackers: [...tiersOf(source), others] }),
    }
    return await this.#take(source, wanted, what.files, trackers)
  }

  /** What a room of this daemon adds. @throws {ProblemError} `TAKEN`, `TORRENT_INVALID`, `STORAGE` */
  async place(what: PlacedTorrent): Promise<HeldTorrent> {
    const source = readMetainfo(what.metainfo)
    const own = newTrackers(tiersOf(source), what.trackers ?? [])
    const { torrent, isNew } = await this.#take(
      source,
      {
        dir: absolute(what.dir),
        peers: [...(what.peers ?? [])],
        labels: [...(what.labels ?? [])],
        skipCheck: what.skipCheck ?? false,
        isUploadOnly: what.isUploadOnly ?? false,
        isPaused: what.isPaused ?? false,
        ...(what.pathsOnDisk === undefined ? {} : { pathsOnDisk: what.pathsOnDisk.map((path) => [...path]) }),
        ...(what.onlyGivenPeers === true ? { trackers: [] } : own.length > 0 ? { trackers: [...tiersOf(source), own] } : {}),
      },
      undefined,
      undefined,
    )
    if (!isNew) {
      throw new ProblemError('TAKEN', `'${torrent.name}' is already here, in ${torrent.dir}`, { choices: [torrent.id] })
    }
    return this.#torrents.require(source.id)
  }

  async #read(what: AddTorrent, signal: AbortSignal | undefined): Promise<TorrentSource> {
    const { metainfo, link } = what
    if ((metainfo === undefined) === (link === undefined)) {
      throw new ProblemError('VALIDATION', 'Give either the bytes of a .torrent file (metainfo) or a link, and not both')
    }
    if (link !== undefined) return await readLink(link, this.#download, signal)
    return readMetainfo(new Uint8Array(Buffer.from(metainfo!, 'base64')))
  }

  /** `merged`: trackers to give to one that came meanwhile; undefined leaves that one alone. */
  async #take(
    source: TorrentSource,
    wanted: Wanted,
    files: readonly number[] | undefined,
    merged: readonly string[] | undefined,
  ): Promise<AddedTorrent> {
    const selected = files ?? (source.kind === 'magnet' ? source.magnet.selectedFiles : undefined)
    if (source.kind === 'metainfo') checkFiles(selected, source.metainfo.info.files.length)
    const kept = source.kind === 'metainfo' ? await this.#metainfoFiles.keep(source.bytes) : undefined
    // It may have come while its file was written.
    const here = this.#torrents.find(source.id)
    if (here !== undefined) {
      if (merged === undefined) return { torrent: here.item, isNew: false, notes: [] }
      return await this.#merge(here, source, merged, wanted.peers ?? [])
    }
    const { system, lastOrder } = this.#torrents
    const common = { ...wanted, id: source.id, addedAt: system.wallClock(), order: lastOrder + 1 }
    const record =
      source.kind === 'metainfo'
        ? newRecord({
            ...common,
            ...factsOf(source.metainfo.info),
            ...wantedOf(source.metainfo.info, selected),
            ...(wanted.skipCheck === true ? believed(source.metainfo.info) : {}),
            ...(kept === undefined ? {} : { metainfo: kept }),
          })
        : newRecord({
            ...common,
            name: source.magnet.name ?? source.id,
            magnet: source.text,
            ...(selected === undefined ? {} : { files: [...selected] }),
          })
    const held = await this.#torrents.add(record)
    const notes = source.kind === 'metainfo' ? [...source.metainfo.warnings, ...source.metainfo.info.warnings] : []
    for (const note of notes) held.say('note', note)
    return { torrent: held.item, isNew: true, notes }
  }

  async #merge(held: HeldTorrent, source: TorrentSource, extra: readonly string[], peers: TorrentRecord['peers']): Promise<AddedTorrent> {
    const notes = [`'${held.record.title ?? held.record.name}' is already here`]
    const isFilled = held.record.metainfo === undefined && source.kind === 'metainfo'
    if (isFilled) {
      const metainfo = await this.#metainfoFiles.keep(source.bytes)
      void held.change({ metainfo, ...factsOf(source.metainfo.info), ...wantedOf(source.metainfo.info, held.record.files) })
      notes.push('Its metadata was missing and has come with this')
    }
    const known = await this.tiers(held)
    const fresh = newTrackers(known, held.record.isPrivate ? extra : [...tiersOf(source).flat(), ...extra])
    if (held.record.isPrivate && newTrackers(known, tiersOf(source).flat()).length > 0)
      notes.push('It is private: its own trackers stay as they are')
    const fits = fresh.slice(0, Math.max(0, MAX_TRACKERS - known.flat().length))
    if (fits.length > 0) {
      held.steer({ trackers: [...known, fits] })
      notes.push(fits.length === 1 ? 'It has one tracker more' : `It has ${fits.length} trackers more`)
    }
    if (isFilled && held.engine !== undefined) await this.#torrents.whileStopped(held, () => Promise.resolve())
    const newPeers = peers.filter((peer) => !held.record.peers.some(({ host, port }) => host === peer.host && port === peer.port))
    if (newPeers.length > 0) {
      void held.change({ peers: [...held.record.peers, ...newPeers].slice(-100) })
      held.engine?.addPeers(newPeers)
      notes.push(newPeers.length === 1 ? 'One peer more is tried' : `${newPeers.length} peers more are tried`)
    }
    return { torrent: held.item, isNew: false, notes }
  }

  /** The trackers that count for a torrent. */
  async tiers(held: HeldTorrent): Promise<string[][]> {
    const { trackers, magnet } = held.record
    if (trackers !== undefined) return trackers
    const metainfo = await held.readMetainfo()
    if (metainfo !== undefined) return metainfo.trackers.map((tier) => [...tier])
    return magnet === undefined ? [] : tiersOf(await readLink(magnet, this.#download, undefined))
  }
}

/** @throws {ProblemError} `VALIDATION` */
export function readTiers(tiers: readonly (readonly string[])[]): string[][] {
  if (tiers.flat().length > MAX_TRACKERS) throw new ProblemError('VALIDATION', `A torrent may have ${MAX_TRACKERS} trackers, no more`)
  return tiers.map((tier) => tier.map(readTracker)).filter((tier) => tier.length > 0)
}

/** @throws {ProblemError} `VALIDATION` */
function readTracker(url: string): string {
  if (isTrackerUrl(url)) return url
  throw new ProblemError('VALIDATION', `Cannot use '${url.slice(0, 100)}' as a tracker: give an http, https or udp address`)
}

function newTrackers(known: readonly (readonly string[])[], offered: readonly string[]): string[] {
  const here = new Set(known.flat())
  return [...new Set(offered)].filter((url) => !here.has(url))
}

function tiersOf(source: TorrentSource): string[][] {
  if (source.kind === 'metainfo') return source.metainfo.trackers.map((tier) => [...tier])
  return source.magnet.trackers.map((url) => [url])
}

/** Somebody says that all of it is there. */
function believed(info: Info): Pick<TorrentRecord, 'haveBytes' | 'pieces'> {
  return { haveBytes: factsOf(info).size, pieces: encodePieceMap(Bitfield.full(info.pieceCount)) }
}

function checkFiles(files: readonly number[] | undefined, count: number): void {
  const wrong = files?.find((index) => index >= count)
  if (wrong !== undefined) throw new ProblemError('VALIDATION', `There is no file ${wrong}: the torrent has ${count}, counted from 0`)
}

/** @throws {ProblemError} `VALIDATION` */
export function absolute(dir: string): string {
  if (!isAbsolute(dir)) throw new ProblemError('VALIDATION', `Cannot use the folder '${dir}': the daemon needs an absolute path`)
  return resolve(dir)
}
