import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ProblemError } from '@shoal/api/problem'
import { MAX_METAINFO_BYTES } from '@shoal/protocol/metainfo/metainfo'
import { tailorTorrent } from './tailored-torrent.ts'
import type { ListedFiles, TorrentAnswer, TorrentJob, TorrentSummary } from './torrent-worker.ts'

const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './torrent-worker.ts' : './torrent-worker.js', import.meta.url)
/** The costliest torrent that the limits allow (200,000 names in 10 MiB) takes about a second on an idle core. */
const DEFAULT_TIME_LIMIT_MS = 10_000
/** Ten megabytes each at most, and each may take seconds: whoever comes behind so many comes again later. */
const MAX_WAITING = 16
/** A torrent this small is tailored within milliseconds, and nobody waits for the thread. */
const SMALL_BYTES = 256 * 1024
const HEAP_LIMITS = { maxOldGenerationSizeMb: 512 }

interface WaitingJob {
  readonly job: TorrentJob
  resolve(outcome: never): void
  reject(error: Error): void
}

/** Reads .torrent files of strangers in a thread of their own, one after another, none longer than its time. */
export class TorrentReader {
  readonly #timeLimitMs: number
  readonly #waiting: WaitingJob[] = []
  #current: WaitingJob | undefined
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(timeLimitMs: number = DEFAULT_TIME_LIMIT_MS) {
    this.#timeLimitMs = timeLimitMs
  }

  /** Starts the thread now, so that the first publish need not wait for it. */
  warmUp(): void {
    if (!this.#isClosed) this.#worker ??= this.#startWorker()
  }

  /** @throws {ProblemError} `TORRENT_INVALID`, `TOO_LARGE`, `BUSY` */
  async summaryOf(bytes: Uint8Array): Promise<TorrentSummary> {
    if (bytes.length > MAX_METAINFO_BYTES) {
      throw new ProblemError(
        'TOO_LARGE',
        `Cannot take a torrent file of ${bytes.length} bytes: the limit is ${MAX_METAINFO_BYTES}. Longer pieces make it smaller`,
      )
    }
    return await this.#run({ type: 'summary', bytes: new Uint8Array(bytes) })
  }

  /** Some of its files, without padding. @throws {ProblemError} as `summaryOf` */
  async filesOf(torrent: { readonly sha256: string; readonly bytes: Uint8Array }, skip: number, limit: number): Promise<ListedFiles> {
    return await this.#run({ type: 'files', bytes: new Uint8Array(torrent.bytes), sha256: torrent.sha256, skip, limit })
  }

  /** See `tailorTorrent`. @throws {ProblemError} as `summaryOf` */
  async tailored(bytes: Uint8Array, announceUrls: readonly string[]): Promise<Uint8Array> {
    if (bytes.length <= SMALL_BYTES) return tailorTorrent(bytes, announceUrls)
    return await this.#run({ type: 'tailor', bytes: new Uint8Array(bytes), announceUrls })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const stopping = new ProblemError('BUSY', 'Cannot read the torrent: the hub is stopping. Try again when it is back')
    for (const job of this.#waiting.splice(0)) job.reject(stopping)
    await this.#end(stopping)
  }

  #run<T>(job: TorrentJob): Promise<T> {
    if (this.#isClosed || this.#waiting.length >= MAX_WAITING) {
      const problem = new ProblemError('BUSY', 'Cannot read the torrent now: many others wait to be read. Try again in a minute', {
        retryAfterSeconds: 60,
      })
      return Promise.reject(problem)
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    if (this.#current !== undefined || this.#waiting.length === 0) return
    this.#current = this.#waiting.shift()!
    this.#worker ??= this.#startWorker()
    this.#worker.ref()
    const { job } = this.#current
    this.#worker.postMessage(job, [job.bytes.buffer])
    this.#timer = setTimeout(() => void this.#end(tookTooLong(this.#timeLimitMs)), this.#timeLimitMs)
  }

  #startWorker(): Worker {
    const cache = getCompileCacheDir()
    const worker = new Worker(WORKER_URL, {
      name: 'shoal-torrents',
      execArgv: [],
      env: cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) },
      resourceLimits: HEAP_LIMITS,
    })
    worker.unref()
    worker.on('message', (answer: TorrentAnswer) => this.#onAnswer(worker, answer))
    // Out of memory, or a bug: the torrent that did it is refused, and the next one gets a new thread.
    worker.on('error', (error) => void this.#end(unreadable(error)))
    return worker
  }

  #onAnswer(worker: Worker, answer: TorrentAnswer): void {
    if (worker !== this.#worker || this.#current === undefined) return
    const job = this.#current
    this.#current = undefined
    clearTimeout(this.#timer)
    worker.unref()
    if (answer.type === 'done') job.resolve(answer.outcome as never)
    else job.reject(new ProblemError('TORRENT_INVALID', answer.detail))
    this.#next()
  }

  async #end(reason: ProblemError): Promise<void> {
    clearTimeout(this.#timer)
    const job = this.#current
    const worker = this.#worker
    this.#current = undefined
    this.#worker = undefined
    job?.reject(reason)
    this.#next()
    await worker?.terminate()
  }
}

function tookTooLong(timeLimitMs: number): ProblemError {
  return new ProblemError(
    'TORRENT_INVALID',
    `Cannot take the torrent: reading it took longer than ${timeLimitMs / 1_000} s. Make one of fewer files`,
  )
}

function unreadable(cause: Error): ProblemError {
  return new ProblemError(
    'TORRENT_INVALID',
    'Cannot take the torrent: reading it took more than the hub can give. Make one of fewer files',
    {},
    { cause },
  )
}
