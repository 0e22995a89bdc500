import { createHash } from 'node:crypto'
import { type Stats, statSync, unlinkSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ProblemError } from '@shoal/api/problem'
import { toHex } from '@shoal/protocol/bytes'
import type { HubSystem } from '../system.ts'

/** A file that no row names yet may belong to a publish that is under way, also to one of a hub that has just ended. */
const YOUNG_MS = 60 * 60 * 1_000
const NAME = /^[0-9a-f]{64}$/
const FOLDER = /^[0-9a-f]{2}$/

/**
 * The .torrent files as they were given, named by their SHA-256: `torrents/ab/cd/abcd…`. A file is whole or not there
 * (written beside, synced, renamed), never changed, and may be there without a row in the database but not the other way
 * round: it is written before the row and removed long after it.
 */
export class TorrentFiles {
  readonly #root: string
  readonly #system: HubSystem
  /** Files that somebody is about to write a row for, and how many do. */
  readonly #held = new Map<string, number>()
  constructor(stateFolder: string, system: HubSystem) {
    this.#root = join(stateFolder, 'torrents')
    this.#system = system
  }

  /**
   * Runs `work` while the file is there and no sweep takes it away.
   * @throws {ProblemError} `STORAGE`
   */
  async keepWhile<T>(bytes: Uint8Array, work: (sha256: string) => Promise<T>): Promise<T> {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#held.set(sha256, (this.#held.get(sha256) ?? 0) + 1)
    try {
      await this.#write(sha256, bytes).catch((cause: unknown) => {
        throw storageProblem('keep', cause)
      })
      return await work(sha256)
    } finally {
      const holders = this.#held.get(sha256)! - 1
      if (holders === 0) this.#held.delete(sha256)
      else this.#held.set(sha256, holders)
    }
  }

  /** @throws {ProblemError} `STORAGE`: it is gone, or is not what it was */
  async read(sha256: string): Promise<Uint8Array> {
    const bytes = await readFile(this.#pathOf(sha256)).catch((cause: unknown) => {
      throw storageProblem('read', cause)
    })
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new ProblemError(
        'STORAGE',
        'Cannot hand out the torrent: the copy on the hub is damaged. Publish it again, or restore a backup',
      )
    }
    return bytes
  }

  /**
   * Removes what no row names and what a crash left half written, in one of the 256 folders.
   * @param isKept which of these a row names; asked once
   * @returns how many files went
   */
  async sweep(folder: number, isKept: (names: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number> {
    const top = join(this.#root, toHex(Uint8Array.of(folder)))
    const paths: string[] = []
    for (const below of (await namesIn(top)).filter((name) => FOLDER.test(name))) {
      for (const name of await namesIn(join(top, below))) paths.push(join(top, below, name))
    }
    const old: string[] = []
    for (const path of paths) {
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && this.#isOld(found)) old.push(path)
    }
    if (old.length === 0) return 0
    const kept = await isKept(old.map(nameOf).filter((name) => NAME.test(name)))
    let removed = 0
    for (const path of old) {
      // In one go: whoever comes to hold the file after this look will find it missing, and write it again.
      if (kept.has(nameOf(path)) || this.#held.has(nameOf(path).slice(0, 64))) continue
      const found = statSync(path, { throwIfNoEntry: false })
      if (found === undefined || !this.#isOld(found)) continue
      unlinkSync(path)
      removed++
    }
    return removed
  }

  #isOld({ mtimeMs }: Stats): boolean {
    return mtimeMs < this.#system.wallClock() - YOUNG_MS
  }

  #pathOf(sha256: string): string {
    return join(this.#root, sha256.slice(0, 2), sha256.slice(2, 4), sha256)
  }

  async #write(sha256: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(sha256)
    const there = await stat(path).catch(() => undefined)
    if (there?.size === bytes.length) {
      // Young again: a sweep may have asked for its row a moment before there is one.
      const seconds = this.#system.wallClock() / 1_000
      await utimes(path, seconds, seconds)
      return
    }
    await makeFolder(dirname(path))
    const part = `${path}.${toHex(this.#system.randomBytes(6))}`
    try {
      const file = await open(part, 'wx', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(part, path)
      await syncFolder(dirname(path))
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).slice(path.lastIndexOf('\\') + 1)
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  })
}

/** New folders are synced into theirs, or a power cut could take them away with what is in them. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let parent = dirname(folder); parent.length >= dirname(first).length; parent = dirname(parent)) {
    await syncFolder(parent)
    if (parent === dirname(parent)) break
  }
}

/** Windows has no such thing, and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function storageProblem(doing: 'keep' | 'read', cause: unknown): ProblemError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
  const advice = reason === 'ENOENT' ? 'Publish it again, or restore a backup' : 'Whoever runs the hub should look at its disk'
  return new ProblemError(
    'STORAGE',
    `Cannot ${doing} the torrent file on the hub (${reason}): nothing was changed. ${advice}`,
    {},
    { cause },
  )
}
