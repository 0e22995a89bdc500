import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { ConnectionTurns } from './connection-turns.ts'
import { errorOf } from './sql-error.ts'
import type { SqlExecutor } from './sql-executor.ts'

/** Kysely on one SQLite connection somewhere else. */
export class ExecutorDialect implements Dialect {
  readonly #executor: SqlExecutor
  readonly #expectTurn: () => void

  /** @param expectTurn throws where waiting for the connection would never end */
  constructor(executor: SqlExecutor, expectTurn: () => void) {
    this.#executor = executor
    this.#expectTurn = expectTurn
  }

  createDriver(): Driver {
    return new ExecutorDriver(this.#executor, this.#expectTurn)
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler()
  }

  createAdapter(): DialectAdapter {
    return new TurnTakingAdapter()
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db)
  }
}

/** Takes turns by itself (`ConnectionTurns`): Kysely's own queue has no end, and stays locked when a turn is refused. */
class TurnTakingAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

class ExecutorDriver implements Driver {
  readonly #turns = new ConnectionTurns()
  readonly #connection: ExecutorConnection
  readonly #expectTurn: () => void

  constructor(executor: SqlExecutor, expectTurn: () => void) {
    this.#connection = new ExecutorConnection(executor)
    this.#expectTurn = expectTurn
  }

  init(): Promise<void> {
    return Promise.resolve()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#expectTurn()
    await this.#turns.take()
    return this.#connection
  }

  releaseConnection(): Promise<void> {
    this.#turns.release()
    return Promise.resolve()
  }

  /**
   * `immediate` takes the write lock now, and waits for it now: what comes later in the transaction cannot find the
   * database locked, so that nothing of it ever has to be done again.
   */
  beginTransaction(): Promise<void> {
    return this.#connection.begin()
  }

  commitTransaction(): Promise<void> {
    return this.#connection.end('commit')
  }

  rollbackTransaction(): Promise<void> {
    return this.#connection.end('rollback')
  }

  destroy(): Promise<void> {
    return this.#turns.close()
  }
}

class ExecutorConnection implements DatabaseConnection {
  readonly #executor: SqlExecutor
  /** Why SQLite gave the transaction up by itself (a full disk): what comes after would run outside of it. */
  #lost: Error | undefined

  constructor(executor: SqlExecutor) {
    this.#executor = executor
  }

  async begin(): Promise<void> {
    await this.#run('begin immediate', [])
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    const lost = this.#lost
    this.#lost = undefined
    if (lost === undefined) await this.#run(how, [])
    else if (how === 'commit') throw lost
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#lost !== undefined) throw this.#lost
    return this.#run<R>(sql, parameters)
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Cannot happen: results are not streamed, they have pages')
  }

  async #run<R>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    const reply = await this.#executor.execute(sql, parameters)
    if ('bug' in reply) throw new Error(`Cannot happen: ${reply.bug} (${sql})`)
    if ('failure' in reply) {
      const error = errorOf(reply.failure)
      if (reply.failure.isTransactionLost) this.#lost = error
      throw error
    }
    if (!('changes' in reply)) return { rows: reply.rows as R[] }
    return { rows: [], numAffectedRows: BigInt(reply.changes), insertId: BigInt(reply.insertId) }
  }
}
