import { readdirSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'

/** One step of the schema: what turns a database of version `number - 1` into one of version `number`. */
export interface Migration {
  readonly number: number
  /** `0001-initial` */
  readonly name: string
  readonly sql: string
}

const FOLDER = fileURLToPath(new URL('./migrations', import.meta.url))

/** All steps in order: 1, 2, 3 … without a gap. They are never edited once published. */
export function readMigrations(folder: string = FOLDER): readonly Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  return names.sort().map((name, index) => {
    const number = Number(/^(\d{4})-/.exec(name)?.[1])
    if (number !== index + 1) throw new Error(`Cannot happen: the migration ${name} is not number ${index + 1}`)
    return { number, name: name.slice(0, -'.sql'.length), sql: readFileSync(`${folder}/${name}`, 'utf8') }
  })
}

export function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()?.user_version)
}

/** Takes the steps that are missing, each with its number in one transaction: it is done, or it never was. */
export function migrate(database: DatabaseSync, migrations: readonly Migration[]): void {
  // A step may rebuild a table that others point to; whether all still point to something is looked at in the end.
  database.exec('pragma foreign_keys = off')
  for (const { number, name, sql } of migrations.slice(versionOf(database))) {
    database.exec('begin immediate')
    try {
      database.exec(sql)
      const dangling = database.prepare('pragma foreign_key_check').all()
      if (dangling.length > 0) throw new Error(`Cannot happen: ${name} leaves ${dangling.length} rows that point to nothing`)
      database.exec(`pragma user_version = ${number}`)
      database.exec('commit')
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      throw error
    }
  }
  database.exec('pragma foreign_keys = on')
}
