import type { DiskFile, OpenMode } from '../ports/disk.ts'

/** A file held open for somebody; `release` lets go of it. */
export interface HeldFile {
  readonly file: DiskFile
  /** Opened for this one: `DiskFile.stampAtOpen` is how it looks now. */
  readonly isJustOpened: boolean
  readonly release: () => void
}

interface OpenEntry {
  readonly key: number
  readonly file: DiskFile
  readonly mode: OpenMode
  holders: number
  /** Out of the table: closed as soon as nobody holds it. */
  isStale: boolean
}

/**
 * The open files of one torrent, never many at a time: a torrent of two thousand files is served through a
 * hundred descriptors. Whoever needs a file across an `await` holds it; what nobody holds may be closed, the
 * longest unused first. More than `maxOpen` are open only while that many are held at once.
 */
export class OpenFiles {
  readonly #maxOpen: number
  readonly #openFile: (key: number, mode: OpenMode) => Promise<DiskFile>
  /** The longest unused first. */
  readonly #entries = new Map<number, OpenEntry>()
  #lastUsed: OpenEntry | undefined
  readonly #opening = new Map<number, Promise<unknown>>()
  readonly #closing = new Set<Promise<void>>()

  constructor(options: { maxOpen: number; openFile: (key: number, mode: OpenMode) => Promise<DiskFile> }) {
    this.#maxOpen = options.maxOpen
    this.#openFile = options.openFile
  }

  get openCount(): number {
    return this.#entries.size
  }

  /** The file if it is open, for use before the next `await` only. */
  peek(key: number): DiskFile | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#use(entry)
    return entry.file
  }

  /** Holds the file if it is open in that mode, at once. */
  holdOpen(key: number, mode: OpenMode): HeldFile | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && (mode === 'read' || entry.mode === 'write') ? this.#holdEntry(entry, false) : undefined
  }

  /** Opens the file if need be (a file open for reading only is opened again for writing) and holds it. */
  async hold(key: number, mode: OpenMode): Promise<HeldFile> {
    for (;;) {
      const held = this.holdOpen(key, mode)
      if (held !== undefined) return held
      const opening = this.#opening.get(key)
      if (opening === undefined) return this.#openAndHold(key, mode)
      // Its failure is told to whoever started it; we then try for ourselves.
      await opening.catch(() => undefined)
    }
  }

  /** Closes the file as soon as nobody holds it; the next use opens what is there then. */
  forget(key: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    entry.isStale = true
    if (entry.holders === 0) this.#close(entry)
  }

  /** Closes all. Nobody may hold a file any more. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values())
    for (const key of this.#entries.keys()) this.forget(key)
    await Promise.all(this.#closing)
  }

  async #openAndHold(key: number, mode: OpenMode): Promise<HeldFile> {
    const opening = this.#openFile(key, mode)
    this.#opening.set(key, opening)
    try {
      const entry: OpenEntry = { key, file: await opening, mode, holders: 0, isStale: false }
      this.forget(key)
      this.#entries.set(key, entry)
      const held = this.#holdEntry(entry, true)
      this.#evict()
      return held
    } finally {
      this.#opening.delete(key)
    }
  }

  #use(entry: OpenEntry): void {
    if (entry === this.#lastUsed) return
    this.#lastUsed = entry
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
  }

  #holdEntry(entry: OpenEntry, isJustOpened: boolean): HeldFile {
    entry.holders++
    this.#use(entry)
    let isHeld = true
    return {
      file: entry.file,
      isJustOpened,
      release: () => {
        if (!isHeld) return
        isHeld = false
        entry.holders--
        if (entry.holders > 0) return
        if (entry.isStale) this.#close(entry)
        else this.#evict()
      },
    }
  }

  #evict(): void {
    if (this.#entries.size <= this.#maxOpen) return
    for (const [key, entry] of this.#entries) {
      if (entry.holders > 0) continue
      this.forget(key)
      if (this.#entries.size <= this.#maxOpen) return
    }
  }

  #close(entry: OpenEntry): void {
    // A failed close loses nothing that `sync` has not already told of.
    const closing: Promise<void> = entry.file.close().catch(() => undefined)
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }
}
