import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HubError } from '../errors.ts'
import { restoreFiles } from './backup-files.ts'
import { copyDatabase } from './copy-database.ts'
import { type Migration, migrate, readMigrations, versionOf } from './migrations.ts'
import { configure } from './sqlite-connection.ts'
import { isBusy, isDamage, sqliteCode } from './sqlite-result.ts'

/** `SHOL`, in the header of the file: it is ours. */
const APPLICATION_ID = 0x53_48_4f_4c

/**
 * Opens the database of a hub, or makes it: looks at it before anything is believed, keeps a copy before its schema
 * changes, and unpacks what a backup brought with it.
 *
 * @throws {HubError} `DATABASE_DAMAGED`, `DATABASE_NEWER`, `DATABASE_FOREIGN`, `STATE_UNAVAILABLE`
 */
export function openDatabaseFile(file: string, backupFolder: string, migrations: readonly Migration[] = readMigrations()): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    if (isEmpty(file)) expectNoBackups(file, backupFolder)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite gives the files beside it the permissions of this one.
    closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file)
    configure(database)
    expectSound(database, file, backupFolder)
    expectOurs(database, file)
    bringUp(database, file, backupFolder, migrations)
    restoreFiles(database, dirname(file))
    return database
  } catch (error) {
    if (database?.isOpen) database.close()
    throw asHubError(error, file, backupFolder)
  }
}

/** A database that is gone when it is closed, with the same schema. */
export function openMemoryDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  configure(database)
  migrate(database, readMigrations())
  return database
}

function isEmpty(file: string): boolean {
  return !existsSync(file) || statSync(file).size === 0
}

/** A file that vanished looks like a hub that is new: its members would find themselves unknown. */
function expectNoBackups(file: string, backupFolder: string): void {
  const backup = newestBackup(backupFolder)
  if (backup === undefined) return
  throw new HubError(
    'DATABASE_DAMAGED',
    `Cannot start: the database ${file} is missing or empty, but there are backups of it. ${howToRestore(file, backup)} ` +
      `To begin with an empty hub instead, move the folder ${backupFolder} away`,
  )
}

function expectSound(database: DatabaseSync, file: string, backupFolder: string): void {
  const findings = database.prepare('pragma quick_check(3)').all()
  const said = findings.map((row) => String(row.quick_check))
  if (said.join() === 'ok') return
  throw damaged(file, backupFolder, said.join('; '))
}

function expectOurs(database: DatabaseSync, file: string): void {
  const id = Number(database.prepare('pragma application_id').get()?.application_id)
  if (id === APPLICATION_ID) return
  const tables = Number(database.prepare('select count(*) as count from sqlite_schema').get()?.count)
  if (id !== 0 || tables > 0) {
    throw new HubError('DATABASE_FOREIGN', `Cannot start: ${file} is a database of another program. Choose another state directory`)
  }
  database.exec(`pragma application_id = ${APPLICATION_ID}`)
}

function bringUp(database: DatabaseSync, file: string, backupFolder: string, migrations: readonly Migration[]): void {
  const version = versionOf(database)
  if (version > migrations.length) {
    throw new HubError(
      'DATABASE_NEWER',
      `Cannot start: a newer Shoal has written ${file} (schema ${version}, this one knows ${migrations.length}). ` +
        `Start that version again, or put back the copy from before the upgrade (${join(backupFolder, 'before-upgrade-…')})`,
    )
  }
  if (version === migrations.length) return
  if (version > 0) copyDatabase({ from: file, to: join(backupFolder, `before-upgrade-from-${version}.db`), files: [] })
  migrate(database, migrations)
}

function asHubError(error: unknown, file: string, backupFolder: string): unknown {
  if (error instanceof HubError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isDamage(error)) return damaged(file, backupFolder, message)
  if (isBusy(error)) {
    return new HubError('STATE_UNAVAILABLE', `Cannot open ${file}: another program has locked it. Close that one, and start again`)
  }
  const isSystem = error instanceof Error && 'syscall' in error
  if (sqliteCode(error) === undefined && !isSystem) return error
  return new HubError(
    'STATE_UNAVAILABLE',
    `Cannot open ${file}: ${message}. The state directory must be there, writable for this user, on a disk with space`,
    { cause: error },
  )
}

function damaged(file: string, backupFolder: string, findings: string): HubError {
  return new HubError(
    'DATABASE_DAMAGED',
    `Cannot start: the database ${file} is damaged (${findings}). ${howToRestore(file, newestBackup(backupFolder))}`,
  )
}

function howToRestore(file: string, backup: string | undefined): string {
  if (backup === undefined) return 'There is no backup in the state directory: put one of yours in its place (docs/hub.md, "Restore")'
  return `The last good backup is ${backup}. Move ${file}, ${file}-wal and ${file}-shm away, copy the backup to ${file}, and start again.`
}

/** The newest backup that is whole. */
function newestBackup(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .map((name) => join(folder, name))
    .map((path) => ({ path, changedAt: statSync(path).mtimeMs }))
    .sort((a, b) => b.changedAt - a.changedAt)
  return files.find(({ path }) => isWhole(path))?.path
}

function isWhole(path: string): boolean {
  try {
    const database = new DatabaseSync(path, { readOnly: true })
    try {
      return database.prepare('pragma quick_check(1)').get()?.quick_check === 'ok'
    } finally {
      database.close()
    }
  } catch {
    return false // one that cannot even be opened
  }
}
