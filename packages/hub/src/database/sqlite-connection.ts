import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { isBusy, type SqlFailure, sqliteCode } from './sqlite-result.ts'

/** How long opening, migrating and copying a file wait for a lock of another program: nobody else needs their thread. */
export const OPEN_WAIT_MS = 5_000
/** How long the database thread waits for one: not long, since all others wait with it. Whoever needs the lock asks again. */
const STATEMENT_WAIT_MS = 10
/** Statements that stay prepared; their texts are our own, so there are about as many as queries in the code. */
const MAX_STATEMENTS = 300

export type SqlRow = Record<string, SQLOutputValue>

export type SqlReply =
  | { readonly rows: readonly SqlRow[] }
  | { readonly rows: readonly []; readonly changes: number | bigint; readonly insertId: number | bigint }
  | { readonly failure: SqlFailure }
  /** Not SQLite's doing: a value that cannot be bound, an integer above 2^53. */
  | { readonly bug: string }

/**
 * One connection to one SQLite file, synchronous: it blocks its thread.
 *
 * Integers that a JavaScript number cannot hold are refused in both directions, never rounded.
 */
export class SqliteConnection {
  readonly #database: DatabaseSync
  /** In order of use, the oldest first. */
  readonly #statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec(`pragma busy_timeout = ${STATEMENT_WAIT_MS}`)
  }

  execute(sql: string, parameters: readonly unknown[]): SqlReply {
    const wasInTransaction = this.#database.isTransaction
    try {
      const statement = this.#prepare(sql)
      const values = parameters.map(bindable)
      if (statement.columns().length > 0) return { rows: statement.all(...values) }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], changes, insertId: lastInsertRowid }
    } catch (error) {
      const errcode = sqliteCode(error)
      const message = error instanceof Error ? error.message : String(error)
      if (errcode === undefined) return { bug: message }
      return { failure: { errcode, message, isTransactionLost: wasInTransaction && !this.#database.isTransaction } }
    }
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) {
      this.#statements.delete(sql)
      this.#statements.set(sql, known)
      return known
    }
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    const [oldest] = this.#statements.keys()
    if (this.#statements.size > MAX_STATEMENTS && oldest !== undefined) this.#statements.delete(oldest)
    return statement
  }
}

/** What every connection of the hub to its file is set to; each line has cost somebody data. */
export function configure(database: DatabaseSync): void {
  database.exec(`pragma busy_timeout = ${OPEN_WAIT_MS}`)
  // Readers and a writer side by side; and what is acknowledged is on the disk, power cut or not.
  waitForLock(() => database.exec('pragma journal_mode = wal'))
  database.exec('pragma synchronous = full')
  database.exec('pragma foreign_keys = on')
}

/** A change of the journal mode gives up at once where another connection recovers the file; two programs starting together meet there. */
function waitForLock(step: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      step()
      return
    } catch (error) {
      if (attempt === 50 || !isBusy(error)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_WAIT_MS / 50)
    }
  }
}

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new RangeError(`${value} is no longer exact: it cannot be stored`)
    return value
  }
  if (value === null || typeof value === 'string' || typeof value === 'bigint' || value instanceof Uint8Array) return value
  throw new TypeError(`A ${typeof value} cannot be stored`)
}
