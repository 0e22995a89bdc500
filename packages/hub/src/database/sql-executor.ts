import { Worker } from 'node:worker_threads'
import { HubError } from '../errors.ts'
import type { FromThread, ThreadTask, ToThread } from './database-thread.ts'
import type { SqliteConnection, SqlReply } from './sqlite-connection.ts'

/** Runs statements one after another, in the order in which they were given. */
export interface SqlExecutor {
  execute(sql: string, parameters: readonly unknown[]): Promise<SqlReply>
  close(): Promise<void>
}

/** For databases in memory: they need no thread, since they never wait. */
export class DirectExecutor implements SqlExecutor {
  readonly #connection: SqliteConnection
  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  execute(sql: string, parameters: readonly unknown[]): Promise<SqlReply> {
    return Promise.resolve(this.#connection.execute(sql, parameters))
  }

  close(): Promise<void> {
    this.#connection.close()
    return Promise.resolve()
  }
}

const THREAD_FILE = new URL(import.meta.url.endsWith('.ts') ? './database-thread.ts' : './database-thread.js', import.meta.url)

/** A thread with the file open; see `database-thread`. */
export class ThreadExecutor implements SqlExecutor {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<SqlReply>>()
  readonly #ended: Promise<void>
  #lastId = 0
  #failure: Error | undefined

  /** @throws {HubError} what the thread said about the file */
  static async start(task: ThreadTask, onFailure: (error: Error) => void): Promise<ThreadExecutor> {
    const worker = startThread(task)
    await ready(worker)
    return new ThreadExecutor(worker, onFailure)
  }

  private constructor(worker: Worker, onFailure: (error: Error) => void) {
    this.#worker = worker
    worker.on('message', (message: FromThread) => {
      if (message.kind !== 'reply') return
      this.#waiting.get(message.id)?.resolve(message.reply)
      this.#waiting.delete(message.id)
    })
    worker.on('error', (error) => {
      this.#failure = new Error('The database thread has ended', { cause: error })
      onFailure(this.#failure)
    })
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#failure ??= new Error('The database is closed')
        for (const { reject } of this.#waiting.values()) reject(this.#failure)
        this.#waiting.clear()
        resolve()
      })
    })
  }

  execute(sql: string, parameters: readonly unknown[]): Promise<SqlReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    const waiting = Promise.withResolvers<SqlReply>()
    this.#waiting.set(id, waiting)
    this.#tell({ kind: 'execute', id, sql, parameters })
    return waiting.promise
  }

  async close(): Promise<void> {
    this.#tell({ kind: 'close' })
    await this.#ended
  }

  #tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }
}

/** Does one task in a thread of its own, and is back when that has ended. */
export async function runInThread(task: ThreadTask): Promise<void> {
  const worker = startThread(task)
  const ended = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
  try {
    await ready(worker)
  } finally {
    await ended
  }
}

function startThread(task: ThreadTask): Worker {
  // No flags of the main program: some of them (`--eval`, `--input-type`) would stop the thread from starting.
  return new Worker(THREAD_FILE, { name: 'shoal-database', workerData: task, execArgv: [] })
}

function ready(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', (message: FromThread) => {
      if (message.kind === 'refused') reject(new HubError(message.code, message.message))
      else resolve()
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The database thread ended before it was ready')))
  })
}
