import type { DaemonEvent, TorrentItem } from '@shoal/api/daemon-api'
import type { DaemonSystem } from './daemon-system.ts'

const FLUSH_MS = 250

export interface NewsOptions {
  readonly system: DaemonSystem
  readonly itemOf: (id: string) => TorrentItem | undefined
}

/**
 * What changes, for whoever listens. Torrents are told at most four times a second, each once and as it is then; while nobody
 * listens nothing is kept and no timer runs.
 */
export class News {
  readonly #system: DaemonSystem
  readonly #itemOf: (id: string) => TorrentItem | undefined
  readonly #listeners = new Set<(event: DaemonEvent) => void>()
  readonly #changeListeners = new Set<(ids: ReadonlySet<string>) => void>()
  #changed = new Set<string>()
  #timer: { cancel(): void } | undefined

  constructor(options: NewsOptions) {
    this.#system = options.system
    this.#itemOf = options.itemOf
  }

  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The ids only, for rooms of this daemon. */
  onChange(listener: (ids: ReadonlySet<string>) => void): () => void {
    this.#changeListeners.add(listener)
    return () => void this.#changeListeners.delete(listener)
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0
  }

  emit(event: DaemonEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** Something about the torrent has changed, or it is gone. */
  touch(id: string): void {
    if (this.#listeners.size === 0 && this.#changeListeners.size === 0) return
    this.#changed.add(id)
    this.#timer ??= this.#system.after(FLUSH_MS, () => this.#flush())
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#listeners.clear()
    this.#changeListeners.clear()
  }

  #flush(): void {
    this.#timer = undefined
    const ids = this.#changed
    this.#changed = new Set()
    for (const listener of this.#changeListeners) listener(ids)
    if (this.#listeners.size === 0) return
    const changed: TorrentItem[] = []
    const removed: string[] = []
    for (const id of ids) {
      const item = this.#itemOf(id)
      if (item === undefined) removed.push(id)
      else changed.push(item)
    }
    this.emit({ type: 'torrents', changed, removed })
  }
}
