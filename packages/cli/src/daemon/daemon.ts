import { join } from 'node:path'
import type { DaemonEvent, LogLine } from '@shoal/api/daemon-api'
import { createSession, type Session } from '@shoal/engine'
import { runOnComplete } from './completion-hook.ts'
import { Creations } from './creations.ts'
import { type DaemonSystem, REAL_DAEMON_SYSTEM } from './daemon-system.ts'
import type { HeldTorrent } from './held-torrent.ts'
import { LocalShelf } from './local-shelf.ts'
import { LocalTorrentDesk } from './local-torrent-desk.ts'
import { MetainfoFiles } from './metainfo-files.ts'
import { News } from './news.ts'
import { notify } from './notifier.ts'
import type { TorrentDesk } from './peer-desk.ts'
import { RecycleBin } from './recycle-bin.ts'
import { type LocalTime, limitsAt, localTime, type RateLimits } from './schedule.ts'
import { Settings } from './settings.ts'
import { StateStore } from './state-store.ts'
import { TorrentAdder } from './torrent-adder.ts'
import { downloadTorrent } from './torrent-download.ts'
import { TorrentKeeper } from './torrent-keeper.ts'
import type { Download } from './torrent-link.ts'
import { RECORD_DEFAULTS, TorrentRecord } from './torrent-record.ts'
import type { TorrentShelf } from './torrent-shelf.ts'
import { Torrents } from './torrents.ts'
import { Traffic } from './traffic.ts'
import { WatchFolders } from './watch-folders.ts'

const FIRST_PORT = 6881
const LAST_PORT = 6999
/** Limits, goals and watched folders are looked at so often. */
const LOOK_MS = 5_000
/** What was counted is written down so often. */
const KEEP_MS = 60_000
/** What moves is told so often while somebody listens. */
const TELL_MS = 1_000

export interface DaemonOptions {
  /** Where it keeps its state: `peer` in Shoal's home folder. */
  readonly folder: string
  /** Where downloads go unless the settings say otherwise. */
  readonly downloadDir: string
  readonly version: string
  /** The first free one of Shoal's range unless given. */
  readonly port?: number
  /** Hears every line of the log; `id` is the torrent that it is about. */
  readonly onLog?: (line: LogLine, id: string | undefined) => void
  /** For tests: another world. */
  readonly world?: Partial<DaemonWorld>
}

/** What a daemon needs of the world. */
export interface DaemonWorld {
  readonly system: DaemonSystem
  readonly openSession: (options: {
    readonly stateDir: string
    readonly listenPort: number
    readonly lastListenPort: number
  }) => Promise<Session>
  readonly download: Download
  readonly localTime: (wallClockMs: number) => LocalTime
}

const REAL_WORLD: DaemonWorld = {
  system: REAL_DAEMON_SYSTEM,
  openSession: createSession,
  download: (address, signal) => downloadTorrent(address, signal === undefined ? {} : { signal }),
  localTime,
}

/**
 * The long-lived peer: all torrents in one session, remembered from start to start. `desk` is what can be asked of it, `shelf`
 * and `state` are for the other rooms of the same process.
 */
export class Daemon {
  readonly desk: TorrentDesk
  readonly shelf: TorrentShelf
  readonly state: StateStore
  readonly settings: Settings
  readonly #options: DaemonOptions
  readonly #world: DaemonWorld
  readonly #session: Session
  readonly #news: News
  readonly #torrents: Torrents
  readonly #keeper: TorrentKeeper
  readonly #recycleBin: RecycleBin
  readonly #creations: Creations
  readonly #traffic: Traffic
  readonly #metainfoFiles: MetainfoFiles
  readonly #watchFolders: WatchFolders
  readonly #timers: { cancel(): void }[]
  readonly #background = new Set<Promise<void>>()
  #lookedAt: number
  #stopping: Promise<void> | undefined

  /**
   * Ready when it resolves: what there is can be listed and asked for. Torrents open one after another from then on.
   * @throws {DaemonError} of the state
   * @throws {EngineError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const world = { ...REAL_WORLD, ...options.world }
    let daemon: Daemon | undefined
    const state = await StateStore.open({
      folder: options.folder,
      system: world.system,
      onTrouble: (trouble) => daemon?.say(trouble === undefined ? 'note' : 'error', trouble ?? 'The state is saved again'),
    })
    try {
      const session = await world.openSession({
        stateDir: join(options.folder, 'resume'),
        listenPort: options.port ?? FIRST_PORT,
        lastListenPort: options.port ?? LAST_PORT,
      })
      daemon = new Daemon(options, world, state, session)
    } catch (error) {
      await state.close()
      throw error
    }
    for (const note of state.notes) daemon.say('warning', note)
    return daemon
  }

  private constructor(options: DaemonOptions, world: DaemonWorld, state: StateStore, session: Session) {
    const { system } = world
    this.#options = options
    this.#world = world
    this.state = state
    this.#session = session
    this.settings = new Settings(state, options.downloadDir)
    this.#traffic = new Traffic(state)
    this.#metainfoFiles = new MetainfoFiles(join(options.folder, 'torrents'))
    this.#news = new News({ system, itemOf: (id) => this.#torrents.find(id)?.item })
    this.#torrents = new Torrents({
      session,
      system,
      records: state.collection('torrent', TorrentRecord, RECORD_DEFAULTS),
      metainfoFiles: this.#metainfoFiles,
      limits: () => this.settings.current,
      owner: {
        onNews: (id) => this.#news.touch(id),
        onRemoved: (id) => this.#news.touch(id),
        onLog: (id, line) => {
          this.#news.emit({ type: 'log', id, line })
          options.onLog?.(line, id)
        },
        onCompleted: (held) => void this.#onCompleted(held),
      },
    })
    const adder = new TorrentAdder({
      torrents: this.#torrents,
      metainfoFiles: this.#metainfoFiles,
      download: world.download,
      defaultDir: () => this.settings.current.downloadDir,
    })
    this.#recycleBin = new RecycleBin({ store: state, system })
    this.#keeper = new TorrentKeeper({
      torrents: this.#torrents,
      settings: this.settings,
      recycleBin: this.#recycleBin,
      stateTrouble: () => state.trouble,
    })
    this.#creations = new Creations({
      system,
      onChange: (creation) => this.#news.emit({ type: 'creation', creation }),
      takeIn: async ({ bytes, infoHashV1: id, root, pathsOnDisk }, isShared) => {
        if (this.#torrents.find(id) !== undefined) return { id, isNew: false }
        await adder.place({ metainfo: bytes, dir: root, pathsOnDisk, skipCheck: true, isPaused: !isShared })
        return { id, isNew: true }
      },
    })
    this.#watchFolders = new WatchFolders({
      folders: () => this.settings.current.watchFolders,
      add: (what) => adder.add(what),
      say: (level, text) => this.say(level, text),
    })
    const parts = { system, torrents: this.#torrents, adder, metainfoFiles: this.#metainfoFiles, news: this.#news }
    this.shelf = new LocalShelf(parts)
    this.desk = new LocalTorrentDesk({
      ...parts,
      keeper: this.#keeper,
      creations: this.#creations,
      settings: this.settings,
      traffic: this.#traffic,
      stateTrouble: () => state.trouble,
      onSettings: () => this.#applySettings(),
      limitsNow: () => this.#limitsNow(),
      facts: { version: options.version, pid: process.pid, startedAt: system.wallClock(), home: options.folder },
    })
    this.#lookedAt = system.now()
    this.#timers = [
      system.every(LOOK_MS, () => this.#look()),
      system.every(KEEP_MS, () => this.#keep()),
      system.every(TELL_MS, () => this.#tell()),
    ]
    this.#applySettings()
    this.#keeper.resumeMoves()
    this.#inBackground(this.#metainfoFiles.sweep(new Set([...this.#torrents.all].flatMap(({ record }) => record.metainfo ?? []))))
  }

  /** News of this daemon, until the answer is called. */
  subscribe(listener: (event: DaemonEvent) => void): () => void {
    return this.#news.subscribe(listener)
  }

  /** For the other rooms: what they do becomes news of this daemon. */
  emit(event: DaemonEvent): void {
    this.#news.emit(event)
  }

  say(level: LogLine['level'], text: string): void {
    const line = { at: this.#world.system.wallClock(), level, text }
    this.#news.emit({ type: 'log', id: '', line })
    this.#options.onLog?.(line, undefined)
  }

  /** Tells trackers and peers, writes down what there is, closes everything. Calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#creations.close()
    this.#news.close()
    try {
      await this.#torrents.close()
      await Promise.all(this.#background)
      await this.#session.close()
    } finally {
      this.#traffic.keep(this.#world.system.wallClock())
      await this.state.close()
    }
  }

  #look(): void {
    const now = this.#world.system.now()
    this.#traffic.add(this.#torrents.tick(now - this.#lookedAt, this.settings.current.slowRate))
    this.#lookedAt = now
    this.#applyLimits()
    this.#inBackground(this.#keeper.look())
    this.#inBackground(this.#watchFolders.look())
  }

  #keep(): void {
    this.#torrents.keepCounts()
    this.#traffic.keep(this.#world.system.wallClock())
    this.#inBackground(this.#sweepRecycled())
  }

  async #sweepRecycled(): Promise<void> {
    for (const trouble of await this.#recycleBin.sweep(this.settings.current.recycleDays)) this.say('warning', trouble)
  }

  /** A stop waits for it. */
  #inBackground(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => this.say('error', error instanceof Error ? error.message : String(error)))
      .finally(() => this.#background.delete(done))
    this.#background.add(done)
  }

  /** Rates change without an event. */
  #tell(): void {
    if (!this.#news.hasListeners) return
    for (const { id, engine } of this.#torrents.all) {
      if (engine !== undefined && (engine.connectionCount > 0 || engine.state.status === 'checking')) this.#news.touch(id)
    }
    void this.desk.showFacts().then((facts) => this.#news.emit({ type: 'daemon', facts }))
  }

  #applySettings(): void {
    const { lanIsUnlimited, delayMs, maxConnections } = this.settings.current
    this.#session.setLanIsUnlimited(lanIsUnlimited)
    this.#session.setAnswerDelay(delayMs)
    this.#session.setMaxConnections(maxConnections)
    this.#applyLimits()
    this.#torrents.decideSoon()
  }

  #applyLimits(): void {
    const { downloadLimit, uploadLimit } = this.#limitsNow()
    this.#session.setDownloadRate(downloadLimit ?? Number.POSITIVE_INFINITY)
    this.#session.setUploadRate(uploadLimit ?? Number.POSITIVE_INFINITY)
  }

  #limitsNow(): RateLimits {
    const { schedule, downloadLimit, uploadLimit } = this.settings.current
    return limitsAt(this.#world.localTime(this.#world.system.wallClock()), schedule, { downloadLimit, uploadLimit })
  }

  async #onCompleted(held: HeldTorrent): Promise<void> {
    const { id, record } = held
    const name = record.title ?? record.name
    if (this.settings.current.notify) notify('Download complete', name)
    const metainfo = await held.readMetainfo().catch(() => undefined) // told when it was read to be started
    if (metainfo === undefined) return
    await runOnComplete(this.#options.folder, { id, name, path: held.pathOf(metainfo) }, (level, text) => held.say(level, text))
  }
}
