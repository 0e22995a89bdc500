import { randomUUID } from 'node:crypto'
import { link, lstat, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CliError } from '../render/failure.ts'
import { quoted } from '../render/text.ts'

/**
 * Refuses a path at which something is already, before any work is done for it.
 * @throws {CliError} `FILE_EXISTS`, `NOT_WRITABLE`
 */
export async function requireFree(path: string): Promise<void> {
  try {
    await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw refusalOf(path, error)
  }
  throw alreadyThere(path)
}

/**
 * Writes a whole file or nothing: others see it complete or not at all, also after a power cut.
 * @param mayReplace whether a file that is there gives way
 * @throws {CliError} `FILE_EXISTS`, `NOT_WRITABLE`, `DISK_FULL`
 */
export async function writeNewFile(path: string, bytes: Uint8Array, { mayReplace }: { mayReplace: boolean }): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`)
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // A link fails where something is; renaming would replace what came there in the meantime.
    if (mayReplace) await rename(temporary, path)
    else await linkOrRename(temporary, path)
  } catch (error) {
    throw refusalOf(path, error)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function linkOrRename(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Some file systems have no hard links (FAT, some network shares).
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw error
    await requireFree(to)
    await rename(from, to)
  }
}

function refusalOf(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof CliError) return error
  const cause = { cause: error }
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EEXIST':
      return alreadyThere(path)
    case 'ENOSPC':
    case 'EDQUOT':
      return new CliError('DISK_FULL', `Cannot write ${quoted(path)}: the disk is full. Make space, or choose another place with -o`, cause)
    case 'ENOENT':
      return new CliError(
        'NOT_WRITABLE',
        `Cannot write ${quoted(path)}: its folder does not exist. Make it, or choose another with -o`,
        cause,
      )
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new CliError('NOT_WRITABLE', `Cannot write ${quoted(path)}: no permission. Choose another place with -o`, cause)
    case 'EISDIR':
      return new CliError('NOT_WRITABLE', `Cannot write ${quoted(path)}: it is a folder. Give a file name with -o`, cause)
    default:
      return new CliError('NOT_WRITABLE', `Cannot write ${quoted(path)}: ${error.message}`, cause)
  }
}

function alreadyThere(path: string): CliError {
  return new CliError(
    'FILE_EXISTS',
    `Cannot write ${quoted(path)}: it exists already. Choose another name with -o, or replace it with --force`,
  )
}
