import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { HubSystem } from '../system.ts'
import type { PeerStore } from './peer-store.ts'
import { type Restored, restoreSnapshot, SnapshotError, snapshotSlices } from './swarm-snapshot.ts'

/** What became of the snapshot at a start. */
export type SnapshotLoad =
  | { readonly status: 'absent' }
  | ({ readonly status: 'restored' } & Restored)
  /** It could not be used, and lies at `path` for whoever wants to know why. */
  | { readonly status: 'set-aside'; readonly path: string; readonly reason: string }

/** Two million peers have 18 to 42 MB. */
const MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024

/**
 * The snapshot of the swarms on disk. At every moment there is a whole one or none: a new one is written beside it, synced, and
 * takes its place. Losing it costs thin answers until every peer has announced again, so nothing about it ever stops a hub.
 */
export class SnapshotFile {
  readonly path: string
  readonly #system: HubSystem
  #saving: Promise<void> | undefined

  constructor(path: string, system: HubSystem) {
    this.path = path
    this.#system = system
  }

  /** Fills an empty store. @throws the system's own error when the file is there and cannot be read or moved */
  async load(store: PeerStore): Promise<SnapshotLoad> {
    let bytes: Uint8Array
    try {
      const { size } = await stat(this.path)
      if (size > MAX_SNAPSHOT_BYTES) return await this.#setAside(`it has ${size} bytes, and the limit is ${MAX_SNAPSHOT_BYTES}`)
      bytes = await readFile(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { status: 'absent' }
      throw error
    }
    try {
      return { status: 'restored', ...restoreSnapshot(bytes, store, this.#system.wallClock()) }
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error
      return this.#setAside(error.message)
    }
  }

  /** Writes a new one while announces go on. A second call waits for the first. @throws the system's own error; the old snapshot is still there then */
  async save(store: PeerStore): Promise<void> {
    const before = this.#saving
    const saving = (async () => {
      await before?.catch(() => undefined) // told to whoever waits for that one
      await this.#write(store)
    })()
    this.#saving = saving
    try {
      await saving
    } finally {
      if (this.#saving === saving) this.#saving = undefined
    }
  }

  async #write(store: PeerStore): Promise<void> {
    const temporary = `${this.path}.new`
    try {
      const file = await open(temporary, 'w', 0o600)
      try {
        // A slice for each turn of the loop, so that no announce waits for more than one.
        for (const slice of snapshotSlices(store, this.#system.wallClock())) await writeAll(file, slice)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, this.path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncFolder(dirname(this.path))
  }

  async #setAside(reason: string): Promise<SnapshotLoad> {
    const path = `${this.path}.unusable-${Math.floor(this.#system.wallClock())}`
    await rename(this.path, path)
    return { status: 'set-aside', path, reason }
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}

/** So that the new name is there after a power cut. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return // has no such thing
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Saves from time to time until it is stopped. */
export class SnapshotKeeper {
  readonly #file: SnapshotFile
  readonly #store: PeerStore
  readonly #onTrouble: (error: unknown) => void
  readonly #timer: NodeJS.Timeout

  /** @param onTrouble hears of every snapshot that could not be written; the next one is tried all the same */
  constructor(file: SnapshotFile, store: PeerStore, onTrouble: (error: unknown) => void, everyMs: number = SAVE_EVERY_MS) {
    this.#file = file
    this.#store = store
    this.#onTrouble = onTrouble
    this.#timer = setInterval(() => void this.#save(), everyMs)
    this.#timer.unref()
  }

  /** Saves a last time. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#save()
  }

  async #save(): Promise<void> {
    try {
      await this.#file.save(this.#store)
    } catch (error) {
      this.#onTrouble(error)
    }
  }
}

/** What a kill takes away at most. */
const SAVE_EVERY_MS = 5 * 60_000
