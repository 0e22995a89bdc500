import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HubError } from '../errors.ts'
import { storeFiles } from './backup-files.ts'
import { OPEN_WAIT_MS } from './sqlite-connection.ts'

export interface CopyRequest {
  readonly from: string
  readonly to: string
  /** Files and folders beside `from` that go into the copy, too; those that are not there are left out. */
  readonly files: readonly string[]
}

/**
 * Copies a database while it is in use: one moment of it, whole, read once more before it gets its name. Blocks its
 * thread, but nobody who writes to the database.
 *
 * @throws {HubError} `BACKUP_FAILED`: there is no copy, and what was at `to` is still there
 */
export function copyDatabase({ from, to, files }: CopyRequest): void {
  const part = `${to}.part`
  try {
    if (!existsSync(from)) throw new Error(`there is no database ${from}`)
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
    rmSync(part, { force: true })
    closeSync(openSync(part, 'wx', 0o600)) // it has secrets in it
    within(from, (database) => database.prepare('vacuum into ?').run(part))
    within(part, (copy) => {
      if (files.length > 0) storeFiles(copy, dirname(from), files)
      const [finding] = copy.prepare('pragma integrity_check(1)').all()
      if (finding?.integrity_check !== 'ok') throw new Error(`the copy is not sound: ${String(finding?.integrity_check)}`)
    })
    syncToDisk(part, 'r+')
    renameSync(part, to)
    // Windows knows no sync of a folder: there the name is as safe as its file system makes it.
    if (process.platform !== 'win32') syncToDisk(dirname(to), 'r')
  } catch (error) {
    discard(part)
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError(
      'BACKUP_FAILED',
      `Cannot make the backup ${to}: ${reason}. Nothing was changed; choose a place with space that this user may write to`,
    )
  }
}

function discard(part: string): void {
  try {
    rmSync(part, { force: true })
  } catch {
    // there is no such place; why there is no copy is told already
  }
}

function within(path: string, work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path, { timeout: OPEN_WAIT_MS })
  try {
    work(database)
  } finally {
    database.close()
  }
}

function syncToDisk(path: string, flags: 'r' | 'r+'): void {
  const fd = openSync(path, flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
