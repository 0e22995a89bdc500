import { parentPort, workerData } from 'node:worker_threads'
import { fuzzTarget } from './fuzz-run.ts'
import { LENGTH_AT, RUN_AT, sharedInput, type TargetOrder } from './fuzz-thread.ts'
import { TARGETS } from './targets.ts'

/** The thread behind `fuzz-thread.ts`: an order in, a report out. */

const { counters, bytes } = sharedInput(workerData as SharedArrayBuffer)

async function fuzz(order: TargetOrder): Promise<void> {
  const { seed, maxRuns = Number.POSITIVE_INFINITY, maxMs = Number.POSITIVE_INFINITY } = order
  const target = TARGETS.find(({ name }) => name === order.target)!
  const report = await fuzzTarget(target, {
    seed,
    goesOn: (runs, elapsedMs) => runs < maxRuns && elapsedMs < maxMs,
    onInput: (run, input) => {
      bytes.set(input.subarray(0, bytes.length))
      counters[LENGTH_AT] = Math.min(input.length, bytes.length)
      counters[RUN_AT] = run
    },
  })
  await target.close?.()
  parentPort!.postMessage(report)
}

parentPort!.on('message', (order: TargetOrder) => {
  fuzz(order).catch((error: unknown) => {
    // A fault of the fuzzer itself: it ends the thread, and whoever started it is told.
    process.nextTick(() => {
      throw error
    })
  })
})
