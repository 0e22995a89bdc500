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
import type { SqlReply } from './sqlite-connection.ts'
import { primaryCode, RESULT } from './sqlite-result.ts'

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
  readonly #executor: SqlExecutor
  readonly #turns = new ConnectionTurns()
  readonly #expectTurn: () => void

  constructor(executor: SqlExecutor, expectTurn: () => void) {
    this.#executor = executor
    this.#expectTurn = expectTurn
  }

  init(): Promise<void> {
    return Promise.resolve()
  }

  async acquireConnection(): Promise<Turn> {
    this.#expectTurn()
    await this.#turns.take()
    return new Turn(this.#executor, this.#turns)
  }

  releaseConnection(turn: Turn): Promise<void> {
    turn.release()
    return Promise.resolve()
  }

  beginTransaction(turn: Turn): Promise<void> {
    return turn.begin()
  }

  commitTransaction(turn: Turn): Promise<void> {
    return turn.end('commit')
  }

  rollbackTransaction(turn: Turn): Promise<void> {
    return turn.end('rollback')
  }

  destroy(): Promise<void> {
    return this.#turns.close()
  }
}

/** How long a call waits for a lock that another program has on the file. */
const LOCK_WAIT_MS = 5_000
/** Between two looks, so that whoever only reads has the connection meanwhile. */
const LOCK_RETRY_MS = 100

/** The connection, for as long as one caller has it. */
class Turn implements DatabaseConnection {
  readonly #executor: SqlExecutor
  readonly #turns: ConnectionTurns
  #isMine = true
  #isInTransaction = false
  /** Why SQLite gave the transaction up by itself (a full disk): what comes after would run outside of it. */
  #lost: Error | undefined

  constructor(executor: SqlExecutor, turns: ConnectionTurns) {
    this.#executor = executor
    this.#turns = turns
  }

  release(): void {
    if (this.#isMine) this.#turns.release()
    this.#isMine = false
  }

  /**
   * `immediate` takes the write lock now, and waits for it now: what comes later in the transaction cannot find the
   * database locked, so that nothing of it ever has to be done again.
   */
  async begin(): Promise<void> {
    await this.#run('begin immediate', [])
    this.#isInTransaction = true
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    const lost = this.#lost
    this.#lost = undefined
    if (lost === undefined) await this.#run(how, [])
    else if (how === 'commit') throw lost
    this.#isInTransaction = false
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#lost !== undefined) throw this.#lost
    return this.#run<R>(sql, parameters)
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Cannot happen: results are not streamed, they have pages')
  }

  async #run<R>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    let reply = await this.#executor.execute(sql, parameters)
    if (isLocked(reply) && !this.#isInTransaction) reply = await this.#waitForLock(sql, parameters)
    if ('bug' in reply) throw new Error(`Cannot happen: ${reply.bug} (${sql})`)
    if ('failure' in reply) {
      const error = errorOf(reply.failure)
      if (reply.failure.isTransactionLost) this.#lost = error
      throw error
    }
    if (!('changes' in reply)) return { rows: reply.rows as R[] }
    return { rows: [], numAffectedRows: BigInt(reply.changes), insertId: BigInt(reply.insertId) }
  }

  /** Nothing of the statement was done: it is tried until the lock is gone, and others take their turns in between. */
  async #waitForLock(sql: string, parameters: readonly unknown[]): Promise<SqlReply> {
    let isOver = false
    const limit = setTimeout(() => {
      isOver = true
    }, LOCK_WAIT_MS)
    try {
      for (;;) {
        this.release()
        await new Promise((resolve) => void setTimeout(resolve, LOCK_RETRY_MS))
        await this.#turns.take()
        this.#isMine = true
        const reply = await this.#executor.execute(sql, parameters)
        if (isOver || !isLocked(reply)) return reply
      }
    } finally {
      clearTimeout(limit)
    }
  }
}

function isLocked(reply: SqlReply): boolean {
  if (!('failure' in reply)) return false
  const code = primaryCode(reply.failure.errcode)
  return code === RESULT.BUSY || code === RESULT.LOCKED
}
