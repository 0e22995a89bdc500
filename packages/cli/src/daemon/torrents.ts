import type { HistoryPoint, LogLine } from '@shoal/api/daemon-api'
import { ProblemError } from '@shoal/api/problem'
import type { Session, Torrent } from '@shoal/engine'
import type { DaemonSystem } from './daemon-system.ts'
import { HeldTorrent, type HeldTorrentOwner } from './held-torrent.ts'
import type { MetainfoFiles } from './metainfo-files.ts'
import { type QueueLimits, torrentsToRun, withPlace } from './queue.ts'
import type { Documents } from './state-store.ts'
import type { TorrentRecord } from './torrent-record.ts'

/** So many look at their data at the same time; the others wait for their turn. */
const MAX_OPENING = 8
/** Below this the order of two torrents is no longer told apart well, and all are counted anew. */
const LEAST_GAP = 1e-6

export interface TorrentsOptions {
  readonly session: Session
  readonly system: DaemonSystem
  readonly records: Documents<TorrentRecord>
  readonly metainfoFiles: Pick<MetainfoFiles, 'keep' | 'read'>
  readonly limits: () => QueueLimits
  readonly owner: TorrentsOwner
}

/** What the daemon hears of its torrents. */
export interface TorrentsOwner {
  onNews(id: string): void
  onRemoved(id: string): void
  onLog(id: string, line: LogLine): void
  onCompleted(held: HeldTorrent): void
}

/** All torrents of a daemon: who runs, who waits, and in which order. Each that is at rest costs its record only. */
export class Torrents implements HeldTorrentOwner {
  readonly session: Session
  readonly system: DaemonSystem
  readonly metainfoFiles: Pick<MetainfoFiles, 'keep' | 'read'>
  readonly #records: Documents<TorrentRecord>
  readonly #limits: () => QueueLimits
  readonly #owner: TorrentsOwner
  readonly #held = new Map<string, HeldTorrent>()
  /** Those that are to run, in the order of the queue. */
  #toRun = new Set<string>()
  /** By order; undefined when that has changed. */
  #sorted: readonly HeldTorrent[] | undefined
  #isDeciding = false
  #isClosed = false

  constructor(options: TorrentsOptions) {
    this.session = options.session
    this.system = options.system
    this.metainfoFiles = options.metainfoFiles
    this.#records = options.records
    this.#limits = options.limits
    this.#owner = options.owner
    for (const [id, record] of options.records.all) this.#held.set(id, new HeldTorrent(record, this))
  }

  get all(): IterableIterator<HeldTorrent> {
    return this.#held.values()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get size(): number {
    return this.#held.size
  }

  find(id: string): HeldTorrent | undefined {
    return this.#held.get(id)
  }

  /** @throws {ProblemError} `NOT_FOUND` */
  require(id: string): HeldTorrent {
    const held = this.#held.get(id)
    if (held === undefined) throw new ProblemError('NOT_FOUND', `There is no torrent ${id} here. 'list' shows those that are`)
    return held
  }

  get lastOrder(): number {
    let last = 0
    for (const { record } of this.#held.values()) last = Math.max(last, record.order)
    return last
  }

  /** On the disk when it resolves. The caller has looked that it is not here yet, without waiting since. */
  async add(record: TorrentRecord): Promise<HeldTorrent> {
    if (this.#held.has(record.id)) throw new Error(`Cannot happen: ${record.id} is here already`)
    const held = new HeldTorrent(record, this)
    this.#held.set(record.id, held)
    this.#sorted = undefined
    this.decideSoon()
    this.#owner.onNews(record.id)
    await this.#records.put(record.id, record)
    return held
  }

  /** Stops it and forgets it; its data stays. */
  async remove(held: HeldTorrent): Promise<void> {
    await held.exclusively(async () => {
      await held.stop()
      if (!this.#held.delete(held.id)) return
      this.#sorted = undefined
      this.#owner.onRemoved(held.id)
      this.decideSoon()
      await this.#records.delete(held.id)
    })
  }

  /** Lets the engine work at the files; see `HeldTorrent.work`. The queue goes on with it afterwards. */
  async work(held: HeldTorrent, asks: 'files' | 'content', work: (engine: Torrent) => Promise<void>): Promise<void> {
    try {
      await held.exclusively(() => held.work(asks, work))
    } finally {
      this.decideSoon()
    }
  }

  /** Stops it, lets `work` do its part with nobody at the files, and lets it run again if it may. */
  async whileStopped<T>(held: HeldTorrent, work: () => Promise<T>): Promise<T> {
    const outcome = await held.exclusively(async () => {
      await held.stop()
      return await work()
    })
    this.decideSoon()
    return outcome
  }

  /** Whatever the queue decides by has changed: it looks again, once for all that this call stack does. */
  decideSoon(): void {
    if (this.#isDeciding) return
    this.#isDeciding = true
    void Promise.resolve().then(() => {
      this.#isDeciding = false
      this.#decide()
    })
  }

  /** Puts a torrent to a place of the queue, from 1. */
  moveTo(held: HeldTorrent, place: number): void {
    const order = withPlace(
      this.#inOrder()
        .filter(({ record }) => !record.isPaused)
        .map(({ id }) => id),
      held.id,
      place,
    )
    const at = order.indexOf(held.id)
    const before = this.#held.get(order[at - 1] ?? '')?.record.order
    const after = this.#held.get(order[at + 1] ?? '')?.record.order
    const low = before ?? (after ?? 1) - 1
    const high = after ?? low + 2
    if (high - low > LEAST_GAP) void held.change({ order: (low + high) / 2 })
    else for (const [index, id] of order.entries()) void this.#held.get(id)?.change({ order: index + 1 })
    this.#sorted = undefined
    this.decideSoon()
  }

  /** Counts what has passed. @returns what was moved by all together */
  tick(elapsedMs: number, slowRate: number): Omit<HistoryPoint, 'at'> {
    let downloaded = 0
    let uploaded = 0
    for (const held of this.#held.values()) {
      if (held.engine === undefined) continue
      const wasSlow = held.isSlow
      const moved = held.tick(elapsedMs, slowRate)
      downloaded += moved.downloaded
      uploaded += moved.uploaded
      if (held.isSlow !== wasSlow) this.decideSoon()
    }
    return { downloaded, uploaded }
  }

  keepCounts(): void {
    for (const held of this.#held.values()) held.keepCounts()
  }

  /** Resolves when none runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    const running = [...this.#held.values()].filter(({ engine }) => engine !== undefined)
    await Promise.allSettled(
      running.map(async (held) => {
        await held.interrupt()
        await held.exclusively(() => held.stop())
      }),
    )
  }

  // --- from the torrents --------------------------------------------------------------------------------------

  async onRecord(held: HeldTorrent): Promise<void> {
    if (this.#held.get(held.id) === held) await this.#records.put(held.id, held.record)
  }

  onStatus(_held: HeldTorrent): void {
    this.decideSoon()
  }

  onNews(held: HeldTorrent): void {
    this.#owner.onNews(held.id)
  }

  onLog(held: HeldTorrent, line: LogLine): void {
    this.#owner.onLog(held.id, line)
  }

  onCompleted(held: HeldTorrent): void {
    this.#owner.onCompleted(held)
  }

  // --- inside -------------------------------------------------------------------------------------------------

  #inOrder(): readonly HeldTorrent[] {
    this.#sorted ??= [...this.#held.values()].sort((a, b) => a.record.order - b.record.order)
    return this.#sorted
  }

  #decide(): void {
    if (this.#isClosed) return
    const inOrder = this.#inOrder()
    let position = 0
    for (const held of inOrder) {
      const before = held.queuePosition
      held.queuePosition = held.record.isPaused ? null : ++position
      if (held.queuePosition !== before) this.#owner.onNews(held.id)
    }
    const candidates = inOrder
      .filter((held) => !held.record.isPaused && held.error === undefined)
      .map((held) => ({
        id: held.id,
        aim: held.isComplete || held.record.isUploadOnly ? ('seed' as const) : ('download' as const),
        isForced: held.record.isForced,
        isRunning: held.engine !== undefined,
        isSlow: held.isSlow,
      }))
    this.#toRun = torrentsToRun(candidates, this.#limits())
    for (const held of inOrder) if (held.engine !== undefined && !this.#toRun.has(held.id)) this.#settleSoon(held)
    this.#startNext()
  }

  /** Not all at once: each looks at its files first. */
  #startNext(): void {
    let opening = 0
    for (const held of this.#held.values()) if (held.isOpening || (held.isSettling && held.engine === undefined)) opening++
    for (const id of this.#toRun) {
      if (opening >= MAX_OPENING) return
      const held = this.#held.get(id)
      if (held === undefined || held.engine !== undefined || held.isSettling) continue
      opening++
      this.#settleSoon(held)
    }
  }

  #settleSoon(held: HeldTorrent): void {
    if (held.isSettling) return
    held.isSettling = true
    void held
      .exclusively(() => this.#settle(held))
      .finally(() => {
        held.isSettling = false
        this.decideSoon()
      })
  }

  /** What was decided may have changed while it waited for its turn. */
  async #settle(held: HeldTorrent): Promise<void> {
    const mayRun = !this.#isClosed && this.#held.get(held.id) === held && this.#toRun.has(held.id)
    if (mayRun && held.error === undefined) await held.start()
    else if (!mayRun) await held.stop()
  }
}
