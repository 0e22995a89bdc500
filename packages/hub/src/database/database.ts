import { AsyncLocalStorage } from 'node:async_hooks'
import { dirname, join } from 'node:path'
import { Kysely, sql, type Transaction } from 'kysely'
import { openMemoryDatabase } from './open-file.ts'
import type { Schema } from './schema.ts'
import { DirectExecutor, runInThread, type SqlExecutor, ThreadExecutor } from './sql-executor.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { ExecutorDialect } from './sqlite-dialect.ts'
import { StateLock } from './state-lock.ts'

export interface HubDatabase {
  /** For single statements: each is whole or was never there, and on the disk when its promise resolves. */
  readonly db: Kysely<Schema>
  /**
   * Everything that `work` does through `trx`, or nothing. Others wait meanwhile, so nothing slow belongs in it; using
   * `db` inside is a bug, and says so.
   *
   * @throws {ProblemError} `BUSY`, `STORAGE`: nothing was changed
   */
  transaction<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>
  /**
   * A copy of this moment, while others go on writing. `files` are names beside the database that go in, too; opening
   * the copy as a database puts them back.
   *
   * @throws {HubError} `BACKUP_FAILED`
   */
  backup(path: string, files?: readonly string[]): Promise<void>
  /** Lets those who wait finish. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** `:memory:` is a database that is gone when it is closed. */
  readonly file: string
  /** Where copies are kept; `backups` beside the file unless said. */
  readonly backupFolder?: string
  /** Hears when the database thread has died (no memory, a bug): every call fails from then on, and only a new start helps. */
  readonly onFailure?: (error: Error) => void
}

/**
 * The hub's database: SQLite in a thread of its own, each commit on the disk before it is acknowledged. The folder of
 * the file is locked against a second hub.
 *
 * @throws {HubError} `STATE_IN_USE`, `STATE_UNAVAILABLE`, `DATABASE_DAMAGED`, `DATABASE_NEWER`, `DATABASE_FOREIGN`
 */
export async function openDatabase(options: DatabaseOptions): Promise<HubDatabase> {
  const { file } = options
  if (file === ':memory:') {
    return new ExecutorDatabase(new DirectExecutor(new SqliteConnection(openMemoryDatabase())), undefined, undefined)
  }
  const { backupFolder = join(dirname(file), 'backups'), onFailure = () => {} } = options
  const lock = StateLock.take(dirname(file))
  try {
    return new ExecutorDatabase(await ThreadExecutor.start({ kind: 'serve', file, backupFolder }, onFailure), file, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Copies the database of a hub that may be running, as `HubDatabase.backup` does. @throws {HubError} `BACKUP_FAILED` */
export function backUpFile(from: string, to: string, files: readonly string[] = []): Promise<void> {
  return runInThread({ kind: 'copy', from, to, files })
}

class ExecutorDatabase implements HubDatabase {
  readonly db: Kysely<Schema>
  readonly #executor: SqlExecutor
  readonly #file: string | undefined
  readonly #lock: StateLock | undefined
  /** The transaction that the running code is inside of. */
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>()

  constructor(executor: SqlExecutor, file: string | undefined, lock: StateLock | undefined) {
    const expectTurn = (): void => {
      if (this.#inside.getStore()?.isOpen) throw new Error('Cannot happen: inside a transaction `db` waits for that transaction; use `trx`')
    }
    this.db = new Kysely<Schema>({ dialect: new ExecutorDialect(executor, expectTurn) })
    this.#executor = executor
    this.#file = file
    this.#lock = lock
  }

  transaction<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.db.transaction().execute(async (trx) => {
      const state = { isOpen: true }
      try {
        return await this.#inside.run(state, () => work(trx))
      } finally {
        state.isOpen = false
      }
    })
  }

  async backup(path: string, files: readonly string[] = []): Promise<void> {
    if (this.#file === undefined) await sql`vacuum into ${path}`.execute(this.db)
    else await backUpFile(this.#file, path, files)
  }

  async close(): Promise<void> {
    await this.db.destroy()
    await this.#executor.close()
    this.#lock?.release()
  }
}
