import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '@shoal/protocol/bytes'
import { Accounts } from './accounts/accounts.ts'
import type { NewCredential } from './accounts/credential.ts'
import { loadHubSecret, removeOperatorToken, writeOperatorToken } from './accounts/secret-file.ts'
import { Backups } from './backups.ts'
import { Catalogue } from './catalogue/catalogue.ts'
import type { CatalogueRules } from './catalogue/catalogue-needs.ts'
import { TorrentFiles } from './catalogue/torrent-files.ts'
import { TorrentReader } from './catalogue/torrent-reader.ts'
import type { HubConfig } from './config.ts'
import { ControlChannel } from './control/control-channel.ts'
import { HostStore } from './control/host-store.ts'
import { type HubDatabase, openDatabase } from './database/database.ts'
import { EventFeed } from './http/event-feed.ts'
import { HubAccess } from './hub-access.ts'
import { STATE_FILES } from './state-directory.ts'
import { SwarmView } from './swarm-view.ts'
import type { HubSystem } from './system.ts'
import type { AccessPolicy } from './tracker/access.ts'
import { Tracker } from './tracker/announce.ts'
import { SnapshotFile, SnapshotKeeper } from './tracker/snapshot-file.ts'

export interface HubRoomsOptions {
  readonly config: HubConfig
  readonly system: HubSystem
  /** Instead of what the hub's settings say. */
  readonly access: AccessPolicy | undefined
  /** Where trackers are, for somebody who reaches the hub at `origin`: without a path. */
  readonly trackersAt: (origin: string) => readonly string[]
  readonly onBug: (error: unknown) => void
  /** The database has ended: nothing works any more. */
  readonly onFatal: (error: unknown) => void
  /** For whoever runs the hub: something is not as it should be, and it goes on. */
  readonly onNotice: (text: string) => void
}

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Peers looked at in one sweep: under a millisecond, and two million in two minutes. */
const SWEEP_BUDGET = 20_000

/** Everything of a hub that has no port: opened in this order, closed in the reverse. */
export class HubRooms {
  readonly database: HubDatabase
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly channel: ControlChannel
  readonly hosts: HostStore
  readonly tracker: Tracker
  readonly swarms: SwarmView
  readonly events: EventFeed
  readonly backups: Backups
  readonly #options: HubRoomsOptions
  readonly #timers: NodeJS.Timeout[] = []
  readonly #closers: (() => Promise<void> | void)[]

  private constructor(options: HubRoomsOptions, rooms: Rooms, closers: (() => Promise<void> | void)[]) {
    this.#options = options
    this.database = rooms.database
    this.accounts = rooms.accounts
    this.catalogue = rooms.catalogue
    this.channel = rooms.channel
    this.hosts = rooms.hosts
    this.tracker = rooms.tracker
    this.swarms = rooms.swarms
    this.events = rooms.events
    this.backups = rooms.backups
    this.#closers = closers
  }

  /** @throws {HubError} what `openDatabase` says; nothing stays open then */
  static async open(options: HubRoomsOptions): Promise<HubRooms> {
    const closers: (() => Promise<void> | void)[] = []
    try {
      const rooms = new HubRooms(options, await openRooms(options, closers), closers)
      rooms.#start()
      return rooms
    } catch (error) {
      await closeAll(closers)
      throw error
    }
  }

  get rules(): CatalogueRules {
    return rulesOf(this.accounts)
  }

  /** @throws when the database does not answer */
  async checkReady(): Promise<void> {
    await this.database.db.selectFrom('settings').select('key').limit(1).execute()
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await closeAll(this.#closers)
  }

  #start(): void {
    const { tracker, catalogue, accounts, backups, hosts } = this
    tracker.onCountsChanged = (infoHash) => catalogue.news.touch(toHex(infoHash))
    this.#every(SECOND_MS, () => void tracker.sweep(SWEEP_BUDGET))
    this.#every(SECOND_MS, () => catalogue.news.tell())
    this.#every(MINUTE_MS, () => accounts.sweep())
    this.#every(MINUTE_MS, () => catalogue.sweep())
    this.#every(HOUR_MS, () => hosts.sweep())
    if (this.#options.config.stateDirectory !== undefined) this.#every(MINUTE_MS, () => backups.runIfDue())
    accounts.settings.onChange(() => this.events.emit({ type: 'settings-changed' }))
    this.channel.start()
  }

  /** Housekeeping: what fails now, because the database is busy or the disk full, is tried again by the next one. */
  #every(ms: number, work: () => Promise<void> | void): void {
    const timer = setInterval(() => {
      Promise.resolve(work()).catch((error: unknown) => {
        if (!isPassing(error)) this.#options.onBug(error)
      })
    }, ms)
    timer.unref()
    this.#timers.push(timer)
  }
}

interface Rooms {
  readonly database: HubDatabase
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly channel: ControlChannel
  readonly hosts: HostStore
  readonly tracker: Tracker
  readonly swarms: SwarmView
  readonly events: EventFeed
  readonly backups: Backups
}

async function openRooms(options: HubRoomsOptions, closers: (() => Promise<void> | void)[]): Promise<Rooms> {
  const { config, system, onBug, onFatal, onNotice } = options
  const folder = await stateFolder(config.stateDirectory, closers)
  const isKept = config.stateDirectory !== undefined
  const database = await openDatabase({ file: isKept ? join(folder, STATE_FILES.database) : ':memory:', onFailure: onFatal })
  closers.push(() => database.close())
  const secret = await loadHubSecret(folder, system)
  const operator = isKept ? await operatorToken(folder, system, closers) : undefined

  const events = new EventFeed(system)
  const hosts = new HostStore(database.db, system)
  const torrents = new TorrentReader()
  closers.push(() => torrents.close())
  // Rooms that need each other: by the time that anybody asks, all of them are there.
  const later: { channel?: ControlChannel; catalogue?: Catalogue } = {}
  const accounts = await Accounts.open({
    database,
    system,
    secret,
    ...(operator === undefined ? {} : { operator }),
    defaults: config.settings,
    letsInOnlyItsMachine: config.letsInOnlyItsMachine,
    trackersAt: options.trackersAt,
    isOnline: (accountId) => later.channel?.presence.all().some(({ caller }) => caller.accountId === accountId) === true,
  })
  closers.push(() => accounts.close())
  const access: AccessPolicy = options.access ?? {
    refusalOf: (question) => hubAccess.refusalOf(question),
  }
  const tracker = new Tracker(config.tracker, system, access)
  if (isKept) await keepSwarms(tracker, folder, options, closers)
  const swarms = new SwarmView(tracker.store)
  const catalogue = await Catalogue.open({
    database,
    files: new TorrentFiles(folder, system),
    torrents,
    swarms,
    presence: {
      isOnline: (hostId) => later.channel?.presence.get(hostId) !== undefined,
      holdersOf: (infoHash) => later.channel?.holdersOf(infoHash) ?? [],
    },
    rules: { rules: () => rulesOf(accounts) },
    system,
    secret,
    onEvent: events.emit,
  })
  const hubAccess = new HubAccess(accounts.settings, accounts.announceKeys, catalogue.listed)
  const channel = new ControlChannel({
    system,
    hosts,
    publishing: catalogue,
    hubName: () => accounts.settings.current.name,
    onEvent: events.emit,
    onPiecesChanged: (infoHash) => catalogue.news.touch(infoHash),
    onBug,
  })
  closers.push(() => channel.close())
  later.channel = channel
  const backups = new Backups({
    stateDirectory: folder,
    everyMs: config.backupEveryMs,
    keep: config.backupsKept,
    system,
    onFailure: (error) => onNotice(error instanceof Error ? error.message : String(error)),
  })
  return { database, accounts, catalogue, channel, hosts, tracker, swarms, events, backups }
}

/** What the tracker knows survives a restart; losing it costs thin answers for a while, so it never keeps a hub from starting. */
async function keepSwarms(
  { store }: Tracker,
  folder: string,
  { system, onNotice }: HubRoomsOptions,
  closers: (() => Promise<void> | void)[],
): Promise<void> {
  const file = new SnapshotFile(join(folder, STATE_FILES.swarms), system)
  const loaded = await file.load(store)
  if (loaded.status === 'set-aside') onNotice(`The swarms of last time cannot be used: ${loaded.reason}. They are kept as ${loaded.path}`)
  const keeper = new SnapshotKeeper(file, store, (error) => {
    onNotice(`Cannot save the swarms to ${file.path}: ${error instanceof Error ? error.message : String(error)}`)
  })
  closers.push(() => keeper.stop())
}

/** A hub that keeps nothing has a folder for .torrent files nevertheless, as long as it runs. */
async function stateFolder(directory: string | undefined, closers: (() => Promise<void> | void)[]): Promise<string> {
  if (directory !== undefined) return directory
  const folder = await mkdtemp(join(tmpdir(), 'shoal-hub-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function operatorToken(folder: string, system: HubSystem, closers: (() => Promise<void> | void)[]): Promise<NewCredential> {
  closers.push(() => removeOperatorToken(folder))
  return await writeOperatorToken(folder, system)
}

function rulesOf({ settings }: Accounts): CatalogueRules {
  const { name, maxFilesPerMember, forgetAfterDays, visitors } = settings.current
  return { hubName: name, maxFilesPerMember, forgetAfterDays, isMembersOnly: visitors === 'none' }
}

/** In reverse; one that fails does not keep the others open. */
async function closeAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  const failures: unknown[] = []
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Cannot close the hub in order')
}

function isPassing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'BUSY' || code === 'STORAGE'
}
