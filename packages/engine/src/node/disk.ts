import * as fs from 'node:fs'
import { link, lstat, rename, rmdir, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { EngineError } from '../base/errors.ts'
import type { AppendFile, Disk, DiskFile, FileStamp, LinkOutcome, OpenMode } from '../ports/disk.ts'
import { NodeDiskFile, stampOf } from './disk-file.ts'
import { FileCalls } from './file-calls.ts'
import { FolderSyncs, makeFolders } from './folder.ts'
import { lockStateFile, openAppendFile, readStateFile, removeStateFile, renameStateFile, StateWriter } from './state-file.ts'
import { diskError, errorCode } from './system-error.ts'

const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants
/** Both are missing on Windows, where the checks before opening must do. Node adds O_CLOEXEC to every open itself. */
const O_NOFOLLOW: number = fs.constants.O_NOFOLLOW ?? 0
const O_NONBLOCK: number = fs.constants.O_NONBLOCK ?? 0
/** What systems say where a file can have no second name there. */
const NO_LINKS: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EACCES'])
/** An opened file tells where it really is (`checkWhereItIs`). */
const TELLS_WHERE_IT_IS = process.platform === 'linux'

/** The machine's own disks. */
export class NodeDisk implements Disk {
  readonly #calls = new FileCalls()
  readonly #folderSyncs = new FolderSyncs()
  readonly #states = new StateWriter()

  async openFile(root: string, path: readonly string[], mode: OpenMode, options?: { readonly executable?: boolean }): Promise<DiskFile> {
    const place = await walk(this.#calls, root, path, mode === 'write')
    if (place === undefined) throw diskError({ code: 'ENOENT' }, 'read', join(root, ...path))
    const { target, folders } = place
    const permissions = options?.executable === true ? 0o755 : 0o644
    const doing = mode === 'write' ? 'write to' : 'read'
    try {
      // O_NONBLOCK: a named pipe planted under our name must not hold a thread until somebody opens its other end.
      const flags = (mode === 'write' ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK
      const fd = await this.#calls.open(target, flags, mode === 'write' ? permissions : undefined)
      try {
        await checkWhereItIs(this.#calls, fd, target)
        // Last, so that nothing happens between it and whoever relies on the stamp.
        const found = fs.fstatSync(fd)
        if (!found.isFile()) throw notPlain(target)
        // Also when it was there before: an earlier handle or process may have made it and not saved its name.
        const unsafeFolders = mode === 'write' ? folders : []
        return new NodeDiskFile({
          fd,
          path: target,
          stampAtOpen: stampOf(found),
          calls: this.#calls,
          folderSyncs: this.#folderSyncs,
          unsafeFolders,
        })
      } catch (error) {
        fs.closeSync(fd)
        throw error
      }
    } catch (error) {
      throw diskError(error, doing, target)
    }
  }

  async stat(root: string, path: readonly string[]): Promise<FileStamp | undefined> {
    const place = await walk(this.#calls, root, path, false)
    const found = place && (await look(this.#calls, place.target))
    if (place === undefined || found === undefined) return undefined
    if (!found.isFile()) throw notPlain(place.target)
    return stampOf(found)
  }

  async makeFolder(root: string, path: readonly string[]): Promise<void> {
    const place = await walk(this.#calls, root, path, true)
    if (place !== undefined && path.length > 0) await enterFolder(this.#calls, place.target, true)
  }

  async removeFile(root: string, path: readonly string[]): Promise<void> {
    const place = await walk(this.#calls, root, path, false)
    const found = place && (await look(this.#calls, place.target))
    if (place === undefined || found === undefined) return
    const { target } = place
    if (!found.isFile()) throw notPlain(target)
    await unlink(target).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw diskError(error, 'remove', target)
    })
  }

  async linkFile(root: string, path: readonly string[], toRoot: string, toPath: readonly string[]): Promise<LinkOutcome> {
    const from = await walk(this.#calls, root, path, false)
    const found = from && (await look(this.#calls, from.target))
    if (from === undefined || found === undefined) throw diskError({ code: 'ENOENT' }, 'read', join(root, ...path))
    if (!found.isFile()) throw notPlain(from.target)
    const to = (await walk(this.#calls, toRoot, toPath, true))!
    try {
      await link(from.target, to.target)
      for (const folder of to.folders) await this.#folderSyncs.sync(folder)
      return 'linked'
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EEXIST') return await compareNames(from.target, to.target)
      if (code !== undefined && NO_LINKS.has(code)) return 'impossible'
      throw diskError(error, 'write to', to.target)
    }
  }

  async renameFile(root: string, path: readonly string[], name: string): Promise<'renamed' | 'exists'> {
    const toPath = [...path.slice(0, -1), name]
    const outcome = await this.linkFile(root, path, root, toPath)
    if (outcome === 'exists') return outcome
    if (outcome === 'linked' || outcome === 'same') {
      await this.removeFile(root, path)
      return 'renamed'
    }
    // No second names here: somebody may take the name between our look and our rename, and nothing can prevent it.
    const from = (await walk(this.#calls, root, path, false))!.target
    const to = join(dirname(from), name)
    if ((await look(this.#calls, to)) !== undefined) return 'exists'
    try {
      await rename(from, to)
      await this.#folderSyncs.sync(dirname(from))
    } catch (error) {
      throw diskError(error, 'write to', to)
    }
    return 'renamed'
  }

  async removeEmptyFolder(root: string, path: readonly string[]): Promise<boolean> {
    const place = path.length === 0 ? undefined : await walk(this.#calls, root, path, false)
    const found = place && (await look(this.#calls, place.target))
    if (place === undefined || found?.isDirectory() !== true) return false
    return await rmdir(place.target).then(
      () => true,
      () => false, // it is not empty, or not ours to remove: either way it stays
    )
  }

  async enterRoot(root: string): Promise<{ path: string; id: string }> {
    const path = (await resolveRoot(this.#calls, root, true))!
    try {
      const { dev, ino } = await stat(path, { bigint: true })
      return { path, id: `${dev}:${ino}` }
    } catch (error) {
      throw diskError(error, 'look at', path)
    }
  }

  async freeBytes(root: string): Promise<number | undefined> {
    for (let folder = resolve(root); ; folder = dirname(folder)) {
      try {
        const { bavail, bsize } = await statfs(folder)
        return bavail * bsize
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || dirname(folder) === folder) return undefined
      }
    }
  }

  readState(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return readStateFile(path, maxBytes)
  }

  /** The generation before stays beside it as `<path>.prev`. */
  replaceState(path: string, bytes: Uint8Array): Promise<void> {
    return this.#states.replace(path, bytes)
  }

  openAppend(path: string): Promise<AppendFile> {
    return openAppendFile(path)
  }

  removeState(path: string): Promise<void> {
    return removeStateFile(path)
  }

  renameState(from: string, to: string): Promise<void> {
    return renameStateFile(from, to)
  }

  lockState(path: string): Promise<{ release(): Promise<void> }> {
    return lockStateFile(path)
  }

  joinPath(folder: string, name: string): string {
    return join(folder, name)
  }
}

/**
 * Undefined when a folder on the way is not there and was not to be made; else
 * the path of the last component and the folders on the way (innermost first), after every folder on the way was seen to be a folder and no link.
 * The root itself may be a link, because the user chose it; it is resolved once, here.
 */
async function walk(
  calls: FileCalls,
  root: string,
  path: readonly string[],
  create: boolean,
): Promise<{ target: string; folders: string[] } | undefined> {
  for (const name of path) {
    if (!isCleanName(name)) throw new EngineError('PATH_UNSAFE', `Refused the name "${name}" below "${root}": it could lead elsewhere.`)
  }
  let folder = await resolveRoot(calls, root, create)
  if (folder === undefined) return undefined
  const folders = [folder]
  for (let level = 0; level < path.length - 1; level++) {
    folder = join(folder, path[level]!)
    if (!(await enterFolder(calls, folder, create))) return undefined
    folders.unshift(folder)
  }
  const name = path.at(-1)
  return { target: name === undefined ? folder : join(folder, name), folders }
}

async function resolveRoot(calls: FileCalls, root: string, create: boolean): Promise<string | undefined> {
  try {
    const found = await calls.realpath(root)
    if (found !== undefined || !create) return found
    await makeFolders(resolve(root))
    return await calls.realpath(root)
  } catch (error) {
    throw diskError(error, create ? 'make the folder' : 'read', root)
  }
}

/**
 * The files of a torrent lie in few folders: where an opened file tells where it is, a folder is looked at once a turn.
 * @returns false when it is not there and was not to be made
 */
async function enterFolder(calls: FileCalls, folder: string, create: boolean): Promise<boolean> {
  if (calls.isKnownFolder(folder)) return true
  let found = await look(calls, folder)
  if (found === undefined) {
    if (!create) return false
    try {
      await calls.mkdir(folder)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw diskError(error, 'make the folder', folder)
    }
    found = await look(calls, folder)
  }
  if (found?.isDirectory() === true) {
    if (TELLS_WHERE_IT_IS) calls.rememberFolder(folder)
    return true
  }
  const what = found?.isSymbolicLink() === true ? 'a symbolic link' : 'not a folder'
  throw new EngineError('PATH_UNSAFE', `Refused to go through "${folder}": it is ${what}. Move it away, or choose another folder.`)
}

/** One file can be seen in two places although it has one name: a folder may be mounted twice. */
async function compareNames(from: string, to: string): Promise<'same' | 'exists'> {
  const [one, other] = await Promise.all([from, to].map((path) => lstat(path, { bigint: true })))
  if (one === undefined || other === undefined || one.dev !== other.dev || one.ino !== other.ino) return 'exists'
  if (one.nlink > 1n) return 'same'
  throw new EngineError('PATH_UNSAFE', `Refused to give "${from}" the name "${to}": that is the same file. Choose another folder.`)
}

async function look(calls: FileCalls, path: string): Promise<fs.Stats | undefined> {
  try {
    return await calls.lstat(path)
  } catch (error) {
    throw diskError(error, 'look at', path)
  }
}

/**
 * Somebody may swap a folder for a link between our look and our open. Node cannot open relative to a folder, but Linux
 * tells afterwards where the opened file really is.
 */
async function checkWhereItIs(calls: FileCalls, fd: number, target: string): Promise<void> {
  if (!TELLS_WHERE_IT_IS) return
  let real: string
  try {
    real = await calls.readlink(`/proc/self/fd/${fd}`)
  } catch {
    return // no /proc in this container: the checks before opening must do
  }
  if (real === target || real === `${target} (deleted)`) return
  if (foldCase(real) !== foldCase(target)) {
    throw new EngineError('PATH_UNSAFE', `Refused to use "${target}": it led to "${real}". Is somebody else changing this folder?`)
  }
}

/** Disks that do not tell upper from lower case (FAT, some ext4) may answer with the other spelling. */
function foldCase(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

function isCleanName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0') && !name.includes(sep)
}

function notPlain(path: string): EngineError {
  return new EngineError('PATH_UNSAFE', `Refused to use "${path}": it is not a plain file. Move it away, or choose another folder.`)
}
