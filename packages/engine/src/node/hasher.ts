import { createHash, type Hash, hash } from 'node:crypto'
import { getCompileCacheDir } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { EngineError } from '../base/errors.ts'
import type { FileSlice, Hasher, RunningHash } from '../ports/hasher.ts'
import { NodeDiskFile } from './disk-file.ts'
import type { Answer, FromWorker, HashJob, ToWorker, WorkerSlices } from './hash-worker.ts'
import { diskError } from './system-error.ts'

/** More threads than this only wait for the memory. */
const MAX_DEFAULT_THREADS = 4
/** Pieces come from a thread that is busy itself, receiving them: on two cores a second thread for them only took turns. */
const CORES_OF_OTHERS = 1
/** To start a thread takes 40 ms of a core, in which 64 MiB are hashed; and those who receive should not do it for long. */
const BYTES_WORTH_A_THREAD = 32 * 1024 * 1024
/** From the sources and from the built package alike: both are run as they are. */
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url)

/**
 * A thread keeps nothing but the job in hand. Left to itself its heap takes what a whole program may, and grows for as
 * long as it is used: 50 MiB a thread after three gigabytes.
 */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 }

export interface NodeHasherOptions {
  /** Worker threads; as many as the machine has cores, at most four, unless given. */
  readonly threads?: number
  /**
   * Pieces are hashed on the receiving thread while they come in; only where there is one core, or little to hash and no
   * thread that has started, unless given. Measured for
   * 1 GiB with the seeder on a core of its own, wall and the leecher's CPU: on one core 1.86 s and 1.83 s so, 1.99 s and
   * 1.98 s with threads (pieces of 256 KiB: 2.05 and 2.03, 2.28 and 2.26); on two cores 1.75 s and 1.91 s so, 1.43 s and
   * 2.07 s with threads.
   */
  readonly hashWhileReceiving?: boolean
}

/**
 * A program's compile cache is not its threads' too, unless they are told where it lies: without it a thread loads a whole
 * TypeScript parser first, and is up after 100 ms instead of 40.
 */
function threadEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir()
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) }
}

/** What a job still needs when its answer comes. */
interface Job {
  readonly doing: 'write to' | 'read'
  readonly slices: readonly FileSlice[]
  /** The hash right or wrong, or the digest: each kind of job knows which. */
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

/**
 * A pool of worker threads. Pieces lie in shared memory, so a job is one small message each way.
 * A thread starts with the first job that finds all others busy, but for one core that is left to those who bring the jobs;
 * the last starts only when it is woken. An idle one does not keep the process alive.
 */
export class NodeHasher implements Hasher {
  readonly threads: number
  readonly #hashesWhileReceiving: boolean | undefined
  readonly #threads: HashThread[] = []
  readonly #slabIds = new Map<ArrayBufferLike, number>()
  /** All of the memory that `copyIn` last copied from, nearly always the receive buffer. */
  #source: Uint8Array = new Uint8Array(0)
  #isClosed = false

  constructor(options: NodeHasherOptions = {}) {
    this.#hashesWhileReceiving = options.hashWhileReceiving ?? (availableParallelism() === 1 || undefined)
    this.threads = options.threads ?? Math.min(Math.max(availableParallelism(), 1), MAX_DEFAULT_THREADS)
    if (!Number.isSafeInteger(this.threads) || this.threads < 1) {
      throw new EngineError('OPTION_INVALID', `Cannot hash with ${this.threads} threads: give a whole number from 1 up.`)
    }
  }

  allocate(byteLength: number): Uint8Array {
    const memory = new SharedArrayBuffer(byteLength)
    this.#slabIds.set(memory, this.#slabIds.size)
    return new Uint8Array(memory)
  }

  /**
   * `Uint8Array.set` into shared memory moves single words, as the language demands of it: 300 ms for a GiB in blocks, and
   * 75 ms this way. (`Buffer.copy` of a whole buffer would be `set` again: hence offsets into the memory behind the view.)
   */
  copyIn(memory: Uint8Array, at: number, bytes: Uint8Array): void {
    if (bytes.buffer !== this.#source.buffer) this.#source = new Uint8Array(bytes.buffer)
    const { byteOffset, byteLength } = bytes
    if (at + byteLength > memory.length) throw new Error('Cannot happen: bytes are copied beyond their memory') // it would only copy less
    Buffer.prototype.copy.call(this.#source, memory, at, byteOffset, byteOffset + byteLength)
  }

  wake(threads: number): void {
    while (!this.#isClosed && this.#threads.length < Math.min(threads, this.threads)) this.#start()
  }

  async verifyAndWrite(bytes: Uint8Array, expected: Uint8Array, targets: readonly FileSlice[]): Promise<boolean> {
    const slabId = this.#slabIds.get(bytes.buffer)
    if (slabId === undefined) throw new Error('Cannot happen: a piece that does not lie in memory allocated by this hasher')
    const { byteOffset, byteLength } = bytes
    return await new Promise<boolean>((resolve, reject) => {
      this.#run({ doing: 'write to', slices: targets, resolve, reject }, (thread, jobId, borrowed) => {
        thread.show(slabId, bytes.buffer as SharedArrayBuffer)
        thread.send({ type: 'verify', jobId, slabId, byteOffset, byteLength, expected: asCharacters(expected), targets: borrowed })
      })
    })
  }

  hashesWhileReceiving(totalSize: number): boolean {
    return this.#hashesWhileReceiving ?? (this.#threads.length === 0 && totalSize < BYTES_WORTH_A_THREAD)
  }

  startPiece(): RunningHash {
    return new NodeRunningHash()
  }

  hashSlices(slices: readonly FileSlice[]): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#run({ doing: 'read', slices, resolve, reject }, (thread, jobId, borrowed) =>
        thread.sendSoon({ jobId, slices: borrowed, inBlocks: false }),
      )
    })
  }

  hashBlocks(slice: FileSlice): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const job: Job = { doing: 'read', slices: [slice], resolve, reject }
      this.#run(job, (thread, jobId, borrowed) => thread.sendSoon({ jobId, slices: borrowed, inBlocks: true }))
    })
  }

  sha1(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(hash('sha1', bytes, 'buffer'))
  }

  sha256(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(hash('sha256', bytes, 'buffer'))
  }

  /** Work that has not finished fails; nothing is known of its files then. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()))
  }

  #run(job: Job, send: (thread: HashThread, jobId: number, slices: WorkerSlices) => void): void {
    if (this.#isClosed) {
      job.reject(new EngineError('CLOSED', 'Cannot hash any more: the hasher has been closed.'))
      return
    }
    let borrowed: WorkerSlices
    try {
      borrowed = borrowAll(job.slices)
    } catch (error) {
      job.reject(error as Error)
      return
    }
    const thread = this.#leastBusy()
    const jobId = thread.accept(job)
    send(thread, jobId, borrowed)
  }

  /** Of the threads that are up, where one is: what waits for one that starts could be done by then. */
  #leastBusy(): HashThread {
    let best: HashThread | undefined
    for (const thread of this.#threads) {
      if (best === undefined || (thread.isUp === best.isUp ? thread.busyCount < best.busyCount : thread.isUp)) best = thread
    }
    if (best === undefined) return this.#start()
    const isAllBusy = best.busyCount > 0 && this.#threads.every((thread) => thread.isUp)
    if (isAllBusy && this.#threads.length < Math.max(1, this.threads - CORES_OF_OTHERS)) this.#start()
    return best
  }

  #start(): HashThread {
    const thread = new HashThread(() => {
      const index = this.#threads.indexOf(thread)
      if (index !== -1) this.#threads.splice(index, 1) // the next job starts another
    })
    this.#threads.push(thread)
    return thread
  }
}

/** One worker and the jobs it has in hand. */
class HashThread {
  readonly #worker: Worker
  readonly #jobs = new Map<number, Job>()
  readonly #knownSlabs = new Set<number>()
  readonly #toHash: HashJob[] = []
  readonly #sendBatch = (): void => this.send({ type: 'hash', jobs: this.#toHash.splice(0) })
  #nextJobId = 0
  /** It has begun to run: what it is given now is done at once. */
  isUp = false
  #lastError: Error | undefined

  constructor(onGone: () => void) {
    // No flags of the main program: some of them (`--eval`, `--input-type`) would stop the thread from starting.
    this.#worker = new Worker(WORKER_URL, {
      name: 'shoal-hash',
      execArgv: [],
      env: threadEnvironment(),
      resourceLimits: HEAP_LIMITS,
    })
    this.#worker.unref()
    this.#worker.once('online', () => {
      this.isUp = true
    })
    this.#worker.on('message', (answers: FromWorker) => {
      for (const answer of answers) this.#answered(answer)
    })
    this.#worker.on('error', (error: Error) => {
      this.#lastError = error
    })
    this.#worker.on('exit', () => {
      onGone()
      this.#failAll()
    })
  }

  get busyCount(): number {
    return this.#jobs.size
  }

  show(slabId: number, memory: SharedArrayBuffer): void {
    if (this.#knownSlabs.has(slabId)) return
    this.#knownSlabs.add(slabId)
    this.send({ type: 'slab', slabId, memory })
  }

  accept(job: Job): number {
    const jobId = this.#nextJobId++
    if (this.#jobs.size === 0) this.#worker.ref()
    this.#jobs.set(jobId, job)
    return jobId
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  /** With all others of this turn, in one message. */
  sendSoon(job: HashJob): void {
    if (this.#toHash.push(job) === 1) process.nextTick(this.#sendBatch)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
    this.#failAll()
  }

  #answered(answer: Answer): void {
    const job = this.#jobs.get(answer.jobId)
    if (job === undefined) throw new Error(`Cannot happen: an answer to job ${answer.jobId}, which was never given`)
    this.#finish(answer.jobId, job)
    switch (answer.type) {
      case 'verified':
        job.resolve(answer.isRight as never)
        break
      case 'hashed':
        job.resolve(answer.digest as never)
        break
      case 'failed': {
        const file = job.slices[answer.sliceIndex]?.file
        job.reject(diskError(answer, job.doing, file instanceof NodeDiskFile ? file.path : 'a piece'))
        break
      }
    }
  }

  #finish(jobId: number, job: Job): void {
    this.#jobs.delete(jobId)
    if (this.#jobs.size === 0) this.#worker.unref()
    giveBackAll(job.slices)
  }

  #failAll(): void {
    const reason = this.#lastError === undefined ? 'it was stopped' : this.#lastError.message
    for (const [jobId, job] of this.#jobs) {
      this.#finish(jobId, job)
      const text = `Cannot finish a piece: the hashing thread is gone (${reason}). The piece will be asked for again.`
      job.reject(new EngineError('DISK_FAILED', text, { cause: this.#lastError }))
    }
  }
}

class NodeRunningHash implements RunningHash {
  readonly #sha1: Hash = createHash('sha1')

  add(bytes: Uint8Array): void {
    this.#sha1.update(bytes)
  }

  digest(): Uint8Array {
    return this.#sha1.digest()
  }
}

/** A message takes the whole memory behind a view along: of one hash that would be the hashes of all pieces. */
function asCharacters({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

/** Descriptors for the thread; each stays open until it is given back. */
function borrowAll(slices: readonly FileSlice[]): WorkerSlices {
  const borrowed: number[] = []
  try {
    for (const { file, offset, length } of slices) {
      if (file !== undefined && !(file instanceof NodeDiskFile)) throw new Error('Cannot happen: a file of another kind of disk')
      borrowed.push(file === undefined ? -1 : file.borrow(), offset, length)
    }
  } catch (error) {
    giveBackAll(slices.slice(0, borrowed.length / 3))
    throw error
  }
  return borrowed
}

function giveBackAll(slices: readonly FileSlice[]): void {
  for (const { file } of slices) {
    if (file instanceof NodeDiskFile) file.giveBack()
  }
}
