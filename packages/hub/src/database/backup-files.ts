import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** In a backup only: the files that a hub keeps beside its database, so that a backup is one file. */
const TABLE = 'backup_files'

/** Puts files and folders of `directory` into a copy of the database; `names` that are not there are left out. */
export function storeFiles(copy: DatabaseSync, directory: string, names: readonly string[]): void {
  copy.exec(`create table ${TABLE} (name text primary key, bytes blob not null) strict`)
  const insert = copy.prepare(`insert into ${TABLE} (name, bytes) values (?, ?)`)
  copy.exec('begin')
  for (const name of names.flatMap((top) => filesBelow(directory, top))) {
    insert.run(name, readFileSync(join(directory, name)))
  }
  copy.exec('commit')
}

/** Unpacks what a backup brought with it, next to the database. A file that is there already stays as it is. */
export function restoreFiles(database: DatabaseSync, directory: string): void {
  const isBackup = database.prepare('select 1 from sqlite_schema where name = ?').get(TABLE) !== undefined
  if (!isBackup) return
  for (const { name, bytes } of database.prepare(`select name, bytes from ${TABLE}`).iterate()) {
    if (typeof name !== 'string' || !(bytes instanceof Uint8Array) || !isPlainPath(name)) continue
    const path = join(directory, name)
    if (existsSync(path)) continue
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, bytes, { mode: 0o600, flush: true })
  }
  database.exec(`drop table ${TABLE}`)
}

function filesBelow(directory: string, name: string): string[] {
  const path = join(directory, name)
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [name]
  return readdirSync(path).flatMap((inner) => filesBelow(directory, `${name}/${inner}`))
}

/** Below the directory, whatever a file that somebody calls a backup says. */
function isPlainPath(name: string): boolean {
  return name.split('/').every((part) => /^[\w-][\w.-]*$/.test(part))
}
