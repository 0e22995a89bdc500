import { Worker } from 'node:worker_threads'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { DaemonError } from './daemon-error.ts'
import type { DaemonSystem } from './daemon-system.ts'
import type { StateChange, StoredDocument, StoredPoint } from './state-file.ts'
import { StateLock } from './state-lock.ts'
import type { FromStateThread, ToStateThread } from './state-thread.ts'

/** How often a disk that takes nothing is tried again. */
const RETRY_MS = 5_000
const COPY_INTERVAL_MS = 3_600_000

const THREAD_ENDED: FromStateThread = { type: 'failed', message: 'the thread that writes it has ended. Start the daemon again' }

export interface StateStoreOptions {
  readonly folder: string
  readonly system: DaemonSystem
  /** Undefined: the state is being saved again. */
  readonly onTrouble: (trouble: string | undefined) => void
}

/**
 * What the daemon must remember: documents, each of a kind and with an id, and the history of traffic.
 *
 * All of it is in memory, and each change goes through to the disk; a change is acknowledged when it is there. Changes that
 * come while the disk is busy go together, in one transaction. When the disk of the state is gone, the daemon goes on from
 * memory: `trouble` says why, changes are acknowledged at once, and all of it is written as soon as that is possible.
 */
export class StateStore {
  /** For people: what was found damaged when the state was opened, and what was done about it. */
  readonly notes: string[]
  readonly #system: DaemonSystem
  readonly #onTrouble: (trouble: string | undefined) => void
  readonly #lock: StateLock
  readonly #worker: Worker
  readonly #documents = new Map<string, Map<string, string>>()
  #points: StoredPoint[]
  readonly #ended: Promise<void>
  #answer: PromiseWithResolvers<FromStateThread> | undefined
  #waiting: StateChange[] = []
  #nextBatch = Promise.withResolvers<void>()
  #writing: Promise<void> | undefined
  /** Of what is in memory. */
  #revision = 0
  #trouble: string | undefined
  #retry: { cancel(): void } | undefined
  readonly #copying: { cancel(): void }
  #isClosed = false
  /** The thread has died: a bug, or no memory. What comes now is kept in memory only. */
  #hasEnded = false

  /** @throws {DaemonError} `STATE_IN_USE`, `STATE_UNAVAILABLE`, `STATE_NEWER` */
  static async open(options: StateStoreOptions): Promise<StateStore> {
    const lock = StateLock.take(options.folder)
    try {
      const file = import.meta.url.endsWith('.ts') ? './state-thread.ts' : './state-thread.js'
      // No flags of the main program: some of them (`--eval`, `--input-type`) would stop the thread from starting.
      const worker = new Worker(new URL(file, import.meta.url), { name: 'shoal-state', workerData: options.folder, execArgv: [] })
      const first = await firstMessage(worker)
      if (first.type === 'refused') throw new DaemonError(first.code, first.message)
      if (first.type !== 'open') throw new Error(`Cannot happen: the state thread began with ${first.type}`)
      return new StateStore(options, lock, worker, first)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  private constructor(
    options: StateStoreOptions,
    lock: StateLock,
    worker: Worker,
    found: { readonly documents: readonly StoredDocument[]; readonly points: readonly StoredPoint[]; readonly notes: readonly string[] },
  ) {
    this.#system = options.system
    this.#onTrouble = options.onTrouble
    this.#lock = lock
    this.#worker = worker
    this.notes = [...found.notes]
    this.#points = [...found.points]
    for (const { kind, id, json } of found.documents) this.#kind(kind).set(id, json)
    worker.on('message', (message: FromStateThread) => this.#settle(message))
    worker.on('error', (error) => this.#settle({ type: 'failed', message: error.message }))
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#hasEnded = true
        this.#settle(THREAD_ENDED)
        resolve()
      })
    })
    this.#copying = options.system.every(COPY_INTERVAL_MS, () => this.#copy())
  }

  /** Why nothing is saved at the moment; undefined while all is. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  get points(): readonly StoredPoint[] {
    return this.#points
  }

  /**
   * All documents of one kind. One that breaks the schema is left out, left where it is, and told in `notes`: a version that
   * understands it may come back. `defaults` are for fields that came with a later version than the one that wrote it.
   */
  collection<S extends TSchema>(kind: string, schema: S, defaults: Partial<Static<S>> = {}): Documents<Static<S>> {
    const validator = Compile(schema)
    const values = new Map<string, Static<S>>()
    for (const [id, json] of this.#kind(kind)) {
      const value = withDefaults(parsed(json), defaults)
      if (validator.Check(value)) values.set(id, value as Static<S>)
      else this.notes.push(`Cannot use the ${kind} '${id}' of the state: ${firstError(validator.Errors(value))}. It is left out`)
    }
    return new Documents(values, (id, value) => {
      if (value === undefined) {
        this.#kind(kind).delete(id)
        return this.#change({ type: 'delete', kind, id })
      }
      const json = JSON.stringify(value)
      if (this.#kind(kind).get(id) === json) return this.whenSaved()
      this.#kind(kind).set(id, json)
      return this.#change({ type: 'put', document: { kind, id, json } })
    })
  }

  /** Instead of one of the same moment; those before `keepFrom` are forgotten. */
  addPoint(point: StoredPoint, keepFrom: number): Promise<void> {
    const { span } = point
    const kept = this.#points.filter((each) => each.span !== span || (each.at >= keepFrom && each.at !== point.at))
    this.#points = [...kept, point]
    void this.#change({ type: 'forget-points', span, before: keepFrom })
    return this.#change({ type: 'point', point })
  }

  /** Everything so far is on the disk, or there is `trouble`. */
  async whenSaved(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.whenSaved()
    this.#isClosed = true
    this.#retry?.cancel()
    this.#copying.cancel()
    // What waits because of trouble gets its last chance.
    if (this.#trouble !== undefined) await this.#ask({ type: 'write', changes: this.#everything(), replacesAll: true })
    else await this.#ask({ type: 'copy' })
    this.#worker.postMessage({ type: 'close' } satisfies ToStateThread)
    await this.#ended
    this.#lock.release()
  }

  #kind(kind: string): Map<string, string> {
    let documents = this.#documents.get(kind)
    if (documents === undefined) {
      documents = new Map()
      this.#documents.set(kind, documents)
    }
    return documents
  }

  #change(change: StateChange): Promise<void> {
    if (this.#isClosed) throw new Error('Cannot happen: the state is closed, and something still changes it')
    this.#revision++
    if (this.#trouble !== undefined) return Promise.resolve() // `#everything` will have it
    this.#waiting.push(change)
    const saved = this.#nextBatch.promise
    this.#writing ??= this.#write()
    return saved
  }

  async #write(): Promise<void> {
    await Promise.resolve() // what this call stack changes goes together
    while (this.#waiting.length > 0 && this.#trouble === undefined) {
      const [changes, batch] = [this.#waiting, this.#nextBatch]
      this.#waiting = []
      this.#nextBatch = Promise.withResolvers()
      const answer = await this.#ask({ type: 'write', changes, replacesAll: false })
      if (answer.type === 'failed') this.#begin(answer.message)
      batch.resolve()
    }
    this.#waiting = []
    this.#nextBatch.resolve()
    this.#nextBatch = Promise.withResolvers()
    // Not in a `finally` of the promise: a change between the two would wait for ever.
    this.#writing = undefined
  }

  #begin(message: string): void {
    this.#trouble = `The state cannot be saved: ${message}. This peer goes on from memory, and tries again every ${RETRY_MS / 1000} s`
    this.#onTrouble(this.#trouble)
    this.#retry = this.#system.after(RETRY_MS, () => this.#tryAgain())
  }

  #tryAgain(): void {
    this.#writing ??= this.#rewrite()
  }

  async #rewrite(): Promise<void> {
    let written: number
    do {
      written = this.#revision
      const answer = await this.#ask({ type: 'write', changes: this.#everything(), replacesAll: true })
      if (answer.type === 'failed') {
        this.#retry = this.#system.after(RETRY_MS, () => this.#tryAgain())
        this.#writing = undefined
        return
      }
    } while (written !== this.#revision)
    this.#trouble = undefined
    this.#writing = undefined
    this.#onTrouble(undefined)
  }

  #everything(): StateChange[] {
    const puts = [...this.#documents].flatMap(([kind, documents]) =>
      [...documents].map(([id, json]) => ({ type: 'put' as const, document: { kind, id, json } })),
    )
    return [...puts, ...this.#points.map((point) => ({ type: 'point' as const, point }))]
  }

  #copy(): void {
    if (this.#writing === undefined && this.#trouble === undefined) this.#writing = this.#copyThenWrite() // else the next hour will do
  }

  async #copyThenWrite(): Promise<void> {
    await this.#ask({ type: 'copy' })
    await this.#write()
  }

  /** One question at a time: `#writing` sees to that. */
  #ask(message: ToStateThread): Promise<FromStateThread> {
    if (this.#hasEnded) return Promise.resolve(THREAD_ENDED)
    const answer = Promise.withResolvers<FromStateThread>()
    this.#answer = answer
    this.#worker.postMessage(message)
    return answer.promise
  }

  #settle(message: FromStateThread): void {
    this.#answer?.resolve(message)
    this.#answer = undefined
  }
}

/** The documents of one kind: read from memory, written through. */
export class Documents<T> {
  readonly #values: Map<string, T>
  readonly #save: (id: string, value: T | undefined) => Promise<void>

  constructor(values: Map<string, T>, save: (id: string, value: T | undefined) => Promise<void>) {
    this.#values = values
    this.#save = save
  }

  get(id: string): T | undefined {
    return this.#values.get(id)
  }

  get all(): ReadonlyMap<string, T> {
    return this.#values
  }

  /** Seen by readers at once; on the disk when it resolves. */
  put(id: string, value: T): Promise<void> {
    this.#values.set(id, value)
    return this.#save(id, value)
  }

  delete(id: string): Promise<void> {
    return this.#values.delete(id) ? this.#save(id, undefined) : Promise.resolve()
  }
}

function firstMessage(worker: Worker): Promise<FromStateThread> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The state thread ended before it was ready')))
  })
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function withDefaults(value: unknown, defaults: object): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...defaults, ...value } : value
}

function firstError(errors: readonly { readonly instancePath: string; readonly message: string }[]): string {
  const [error] = errors
  return error === undefined ? 'it breaks its rules' : `${error.instancePath || 'it'} ${error.message}`
}
