import { createHash, hash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ProblemError } from '@shoal/api/problem'
import type { HashFunctions } from '@shoal/protocol/metainfo/info'

const NAME = /^[0-9a-f]{64}\.torrent$/

/** For reading torrents. */
export const HASHES: HashFunctions = {
  sha1: (bytes) => new Uint8Array(hash('sha1', bytes, 'buffer')),
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
}

/** The .torrent files of this peer, each under the hash of its bytes: written once, never changed. */
export class MetainfoFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** On the disk, name and all, when it resolves. @throws {ProblemError} `STORAGE` */
  async keep(bytes: Uint8Array): Promise<string> {
    const name = `${createHash('sha256').update(bytes).digest('hex')}.torrent`
    const temporary = join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`)
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      const file = await open(temporary, 'wx', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, join(this.#folder, name))
      await syncFolder(this.#folder)
      return name
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {}) // the first error is the one to tell
      throw unavailable('keep a .torrent file in', this.#folder, error)
    }
  }

  /** @throws {ProblemError} `STORAGE` when it is missing, or no longer what it was */
  async read(name: string): Promise<Uint8Array> {
    const path = join(this.#folder, name)
    let bytes: Uint8Array
    try {
      bytes = new Uint8Array(await readFile(path))
    } catch (error) {
      throw unavailable('read', path, error)
    }
    if (`${createHash('sha256').update(bytes).digest('hex')}.torrent` !== name) {
      throw new ProblemError('STORAGE', `Cannot use ${path}: its bytes have changed. Add the torrent again`)
    }
    return bytes
  }

  /** Removes what no torrent names any more, and what a killed daemon left half written. */
  async sweep(inUse: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names) {
      if (inUse.has(name) || !(NAME.test(name) || name.endsWith('.tmp'))) continue
      await rm(join(this.#folder, name), { force: true }).catch(() => {}) // litter harms nobody
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be synced there
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function unavailable(doing: string, path: string, error: unknown): ProblemError {
  const reason = error instanceof Error ? error.message : String(error)
  return new ProblemError(
    'STORAGE',
    `Cannot ${doing} ${path}: ${reason}. The folder must be there, writable, on a disk with space`,
    {},
    {
      cause: error,
    },
  )
}
