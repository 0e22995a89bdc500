import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { link, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { EngineError } from '../base/errors.ts'
import type { AppendFile } from '../ports/disk.ts'
import { makeFolders, syncFolder } from './folder.ts'
import { readBootId } from './system.ts'
import { diskError, errorCode } from './system-error.ts'

/** What `temporaryName` makes, so that those of a killed process can be told from files of others. */
const TEMPORARY = /\.[0-9a-f]{16}\.tmp$/
/** Only we may read our state: it holds keys and what somebody shares. */
const OURS_ONLY = 0o600
const FOLDER_OURS_ONLY = 0o700

/**
 * Replaces small files whole: temporary file, fsync, the old generation set aside as `.prev`, rename, fsync of the folder.
 * At every moment `path` or, for an instant on disks without hard links, `path.prev` holds a whole generation.
 */
export class StateWriter {
  /** Writes to one path go one after another: two renames in the wrong order would bring back the older state. */
  readonly #lastWrites = new Map<string, Promise<void>>()
  readonly #sweptFolders = new Map<string, Promise<void>>()

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const before = this.#lastWrites.get(path)
    const own = bytes.slice() // it may have to wait, and the caller goes on with its buffer
    const write = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#replaceNow(path, own))
    this.#lastWrites.set(path, write)
    try {
      await write
    } catch (error) {
      throw diskError(error, 'save', path)
    } finally {
      if (this.#lastWrites.get(path) === write) this.#lastWrites.delete(path)
    }
  }

  async #replaceNow(path: string, bytes: Uint8Array): Promise<void> {
    const folder = dirname(resolve(path))
    await makeFolders(folder, FOLDER_OURS_ONLY)
    await this.#sweep(folder)
    const temporary = temporaryName(path)
    try {
      const file = await open(temporary, 'wx', OURS_ONLY)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await keepPrevious(path)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {}) // the first error is the one to tell
      throw error
    }
    await syncFolder(folder)
  }

  /** Once per folder: a process that was killed leaves its temporary file behind. */
  #sweep(folder: string): Promise<void> {
    let swept = this.#sweptFolders.get(folder)
    if (swept === undefined) {
      swept = sweepFolder(folder)
      this.#sweptFolders.set(folder, swept)
    }
    return swept
  }
}

async function sweepFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true }).catch(() => {}) // litter harms nobody
  }
}

async function keepPrevious(path: string): Promise<void> {
  const aside = temporaryName(path)
  try {
    await link(path, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return // the first generation
    await rename(path, `${path}.prev`) // no hard links on this disk
    return
  }
  await rename(aside, `${path}.prev`)
  // Renaming onto another name of the same file does nothing, and leaves the first name behind.
  await rm(aside, { force: true })
}

export async function readStateFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size > maxBytes) {
        const text = `Cannot read "${path}": it has ${size} bytes, and no more than ${maxBytes} can be right. It is set aside or replaced.`
        throw new EngineError('STATE_CORRUPT', text)
      }
      const bytes = await file.readFile()
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw diskError(error, 'read', path)
  }
}

export async function removeStateFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
    await rm(`${path}.prev`, { force: true })
    await syncFolder(dirname(path)).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error
    })
  } catch (error) {
    throw diskError(error, 'remove', path)
  }
}

export async function renameStateFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
    await syncFolder(dirname(to))
    if (dirname(from) !== dirname(to)) await syncFolder(dirname(from))
  } catch (error) {
    throw diskError(error, 'rename', from)
  }
}

export async function openAppendFile(path: string): Promise<AppendFile> {
  try {
    await makeFolders(dirname(resolve(path)), FOLDER_OURS_ONLY)
    const fd = fs.openSync(path, 'a', OURS_ONLY)
    return new NodeAppendFile(fd, path)
  } catch (error) {
    throw diskError(error, 'open', path)
  }
}

class NodeAppendFile implements AppendFile {
  readonly #fd: number
  readonly #path: string
  #size: number
  #isNameSafe = false
  #isClosed = false

  constructor(fd: number, path: string) {
    this.#fd = fd
    this.#path = path
    this.#size = fs.fstatSync(fd).size
  }

  append(bytes: Uint8Array): void {
    if (this.#isClosed) throw new EngineError('CLOSED', `Cannot write to "${this.#path}": it has been closed.`)
    try {
      if (fs.writeSync(this.#fd, bytes) !== bytes.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
      this.#size += bytes.length
    } catch (error) {
      // Half a record would hide every record after it.
      try {
        fs.ftruncateSync(this.#fd, this.#size)
      } catch {
        // The disk is failing altogether; the reader finds the torn record by its checksum.
      }
      throw diskError(error, 'write to', this.#path)
    }
  }

  async sync(): Promise<void> {
    if (this.#isClosed) throw new EngineError('CLOSED', `Cannot save "${this.#path}": it has been closed.`)
    try {
      await new Promise<void>((done, reject) => fs.fdatasync(this.#fd, (error) => (error === null ? done() : reject(error))))
      if (this.#isNameSafe) return
      await syncFolder(dirname(this.#path))
      this.#isNameSafe = true
    } catch (error) {
      throw diskError(error, 'save', this.#path)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    fs.closeSync(this.#fd)
  }
}

/** Who holds a lock. The boot and the start time tell a living process from a new one that got the same number. */
interface LockHolder {
  readonly pid: number
  readonly bootId?: string | undefined
  readonly startedAt?: string | undefined
}

/**
 * The lock is a file that appears whole (a hard link to a finished one), so nobody ever reads half of it.
 * A stale one is moved aside first: of several processes that found it stale only one can move it, and that one looks again
 * at what it moved before it throws it away.
 */
export async function lockStateFile(path: string): Promise<{ release(): Promise<void> }> {
  const self: LockHolder = { pid: process.pid, bootId: readBootId(), startedAt: processStart(process.pid) }
  const text = `${JSON.stringify(self)}\n`
  try {
    await makeFolders(dirname(resolve(path)), FOLDER_OURS_ONLY)
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await createWhole(path, text)) return { release: () => releaseLock(path, text) }
      const found = await readFile(path, 'utf8').catch(() => undefined)
      if (found === undefined) continue // released just now
      const holder = parseHolder(found)
      if (holder !== undefined && isAlive(holder)) throw locked(path, holder)
      const aside = temporaryName(path, 'claim')
      try {
        await rename(path, aside)
      } catch (error) {
        if (errorCode(error) === 'ENOENT') continue // another process was faster
        throw error
      }
      if ((await readFile(aside, 'utf8')) !== found) await createFrom(aside, path) // a fresh lock came between: put it back
      await rm(aside, { force: true })
    }
  } catch (error) {
    throw diskError(error, 'lock', path)
  }
  throw new EngineError('STATE_LOCKED', `Cannot lock "${path}": other processes are taking it again and again. Try again in a moment.`)
}

function locked(path: string, { pid }: LockHolder): EngineError {
  const who = pid === process.pid ? 'this process itself' : `process ${pid}`
  const folder = dirname(path)
  return new EngineError('STATE_LOCKED', `Cannot use "${folder}": ${who} is using it. Stop that one first, or choose another state folder.`)
}

/** @returns false when `path` is there already. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const temporary = temporaryName(path, 'claim')
  await writeFile(temporary, text, { flag: 'wx', mode: OURS_ONLY, flush: true })
  try {
    return await createFrom(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function createFrom(from: string, path: string): Promise<boolean> {
  try {
    await link(from, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    if (errorCode(error) === 'ENOENT') throw error
  }
  try {
    await writeFile(path, await readFile(from), { flag: 'wx', mode: OURS_ONLY }) // no hard links on this disk
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function releaseLock(path: string, text: string): Promise<void> {
  try {
    if ((await readFile(path, 'utf8')) === text) await rm(path, { force: true })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw diskError(error, 'unlock', path)
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !Number.isSafeInteger(value.pid)) return undefined
    return value as LockHolder
  } catch {
    return undefined // torn by a power cut: whoever wrote it is gone
  }
}

function isAlive(holder: LockHolder): boolean {
  const bootId = readBootId()
  if (bootId !== undefined && holder.bootId !== undefined && bootId !== holder.bootId) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
  }
  const startedAt = processStart(holder.pid)
  return startedAt === undefined || holder.startedAt === undefined || startedAt === holder.startedAt
}

/** Clock ticks since boot, of Linux; the program's name in the line may hold spaces and brackets, so count after the last one. */
function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const line = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** Locks use another ending: the sweep of a running process must not take the file of one that is about to be refused. */
function temporaryName(path: string, ending: 'tmp' | 'claim' = 'tmp'): string {
  return join(dirname(path), `${basename(path)}.${randomBytes(8).toString('hex')}.${ending}`)
}
