import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './system-error.ts'

/** A folder's entries are data too: a rename survives a power cut only once its folder is on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there; NTFS keeps a journal of its names
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (errorCode(error) !== 'EINVAL') throw error // some network file systems know no sync of folders
  } finally {
    await handle.close()
  }
}

/** Syncs of folders, shared by those who ask at the same time: two thousand new files lie in a handful of folders. */
export class FolderSyncs {
  readonly #running = new Map<string, Promise<void>>()
  readonly #next = new Map<string, Promise<void>>()

  /**
   * The names that are in the folder at the call survive a power cut once this resolves. A sync that is under way may have
   * begun before they were there, so whoever comes meanwhile shares the one after it.
   */
  sync(folder: string): Promise<void> {
    const waiting = this.#next.get(folder)
    if (waiting !== undefined) return waiting
    const running = this.#running.get(folder)
    if (running === undefined) return this.#start(folder)
    const next = running
      .catch(() => undefined) // told to those who asked for that one
      .then(() => {
        this.#next.delete(folder)
        return this.#start(folder)
      })
    this.#next.set(folder, next)
    return next
  }

  #start(folder: string): Promise<void> {
    const running = syncFolder(folder).finally(() => this.#running.delete(folder))
    this.#running.set(folder, running)
    return running
  }
}

/** Makes a folder and those above it, and what it made survives a power cut. `mode` is for the new ones. */
export async function makeFolders(folder: string, mode?: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode })
  if (first === undefined) return
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}
