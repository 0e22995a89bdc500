import { Worker } from 'node:worker_threads'
import type { TargetReport } from './fuzz-run.ts'

/** What the thread is told about one target. */
export interface TargetOrder {
  readonly target: string
  readonly seed: string
  readonly maxRuns: number | undefined
  readonly maxMs: number | undefined
}

/** The memory that both threads see: which run it is, how long its input is, and the input. */
export interface SharedInput {
  readonly counters: Int32Array
  readonly bytes: Uint8Array
}

export const RUN_AT = 0
export const LENGTH_AT = 1
const COUNTER_BYTES = 8
const MAX_INPUT_BYTES = 1 << 20
/** An input that takes so long never ends: one that is only slow is found, and said, by the thread itself. */
const HUNG_MS = 20_000
const LOOK_MS = 500
/** Nothing of ours needs more for one input after another; without a limit the platform would rather grow than clean up. */
const MEMORY_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 }

export function sharedInput(memory: SharedArrayBuffer): SharedInput {
  return { counters: new Int32Array(memory, 0, COUNTER_BYTES / 4), bytes: new Uint8Array(memory, COUNTER_BYTES) }
}

/** Fuzzes one target after another on a thread of its own, which can be stopped where it hangs. */
export class FuzzThread {
  readonly #memory = new SharedArrayBuffer(COUNTER_BYTES + MAX_INPUT_BYTES)
  #worker: Worker | undefined

  /** @returns what the thread reports; or, when it hangs, the input that it hangs on */
  run(order: TargetOrder): Promise<TargetReport> {
    this.#worker ??= new Worker(new URL('./fuzz-worker.ts', import.meta.url), { workerData: this.#memory, resourceLimits: MEMORY_LIMITS })
    const worker = this.#worker
    const { counters, bytes } = sharedInput(this.#memory)
    counters.fill(0)
    const begun = performance.now()
    return new Promise((resolve, reject) => {
      let seenRun = -1
      let seenAt = begun
      const look = (): void => {
        const run = counters[RUN_AT]!
        if (run !== seenRun) {
          seenRun = run
          seenAt = performance.now()
          return
        }
        if (performance.now() - seenAt < HUNG_MS) return
        end()
        this.close().then(() => resolve(lost(`It hangs: nothing for ${HUNG_MS / 1000} s`)), reject)
      }
      const lost = (reason: string): TargetReport => {
        const run = counters[RUN_AT]!
        const finding = { target: order.target, seed: order.seed, run, reason, input: bytes.slice(0, counters[LENGTH_AT]) }
        return { target: order.target, runs: run, elapsedMs: performance.now() - begun, outcomes: new Map(), finding }
      }
      const timer = setInterval(look, LOOK_MS)
      const end = (): void => {
        clearInterval(timer)
        worker.off('message', onReport).off('error', onError)
      }
      const onReport = (report: TargetReport): void => {
        end()
        resolve(report)
      }
      const onError = (error: Error & { code?: string }): void => {
        end()
        this.#worker = undefined
        if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve(lost(`It takes more than ${MEMORY_LIMITS.maxOldGenerationSizeMb} MiB`))
        else reject(error)
      }
      worker.on('message', onReport).on('error', onError)
      worker.postMessage(order)
    })
  }

  /** Also in the middle of something. The next run starts a new thread. */
  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}
