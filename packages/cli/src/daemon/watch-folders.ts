import { readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AddTorrent, LogLine, WatchFolder } from '@shoal/api/daemon-api'
import { MAX_METAINFO_BYTES } from '@shoal/protocol/metainfo/metainfo'

const ENDING = '.torrent'

export interface WatchFoldersOptions {
  readonly folders: () => readonly WatchFolder[]
  readonly add: (what: AddTorrent) => Promise<unknown>
  readonly say: (level: LogLine['level'], text: string) => void
}

/**
 * Folders whose new .torrent files are added, and called `.added` then. They are looked at again and again: that works on
 * every file system, also on those of other machines. A file is taken when it has not changed between two looks.
 */
export class WatchFolders {
  readonly #options: WatchFoldersOptions
  /** Path, and what it looked like. */
  #seen = new Map<string, string>()
  /** Those that cannot be used, as they looked then: said once. */
  readonly #refused = new Map<string, string>()
  #isLooking = false

  constructor(options: WatchFoldersOptions) {
    this.#options = options
  }

  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const seen = new Map<string, string>()
      for (const folder of this.#options.folders()) await this.#lookInto(folder, seen)
      this.#seen = seen
    } finally {
      this.#isLooking = false
    }
  }

  async #lookInto(folder: WatchFolder, seen: Map<string, string>): Promise<void> {
    let names: string[]
    try {
      names = await readdir(folder.path)
      this.#refused.delete(folder.path)
    } catch (error) {
      this.#refuse(folder.path, 'gone', `Cannot look into the watched folder ${folder.path}: ${messageOf(error)}`)
      return
    }
    for (const name of names) {
      if (!name.toLowerCase().endsWith(ENDING)) continue
      const path = join(folder.path, name)
      const look = await looks(path)
      if (look === undefined) continue
      if (this.#seen.get(path) === look && this.#refused.get(path) !== look) await this.#take(path, look, folder)
      else seen.set(path, look)
    }
  }

  async #take(path: string, look: string, { dir, labels }: WatchFolder): Promise<void> {
    try {
      if (Number(look.split(' ')[0]) > MAX_METAINFO_BYTES) throw new Error(`it has more than ${MAX_METAINFO_BYTES} bytes`)
      const metainfo = (await readFile(path)).toString('base64')
      await this.#options.add({ metainfo, ...(dir === undefined ? {} : { dir }), ...(labels === undefined ? {} : { labels }) })
      await rename(path, `${path}.added`)
      this.#options.say('note', `Added ${path}`)
    } catch (error) {
      this.#refuse(path, look, `Cannot add ${path}: ${messageOf(error)}`)
    }
  }

  #refuse(path: string, look: string, text: string): void {
    if (this.#refused.get(path) === look) return
    this.#refused.set(path, look)
    this.#options.say('warning', text)
  }
}

/** Size and time of a plain file. */
async function looks(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs } = await stat(path)
    return size === 0 ? undefined : `${size} ${mtimeMs}`
  } catch {
    return undefined // it went away between two calls
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
