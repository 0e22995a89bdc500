import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { planSwarm, runSwarm, type SwarmOutcome } from './random-swarm.ts'

interface Seeds {
  readonly first: number
  readonly last: number
}

/**
 * Runs random swarms on a thread of their own: the runner of tests follows every promise, and a simulation consists of
 * promises. There it takes three times as long.
 */
export function runSwarms(seeds: Seeds): Promise<readonly SwarmOutcome[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: seeds })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

if (!isMainThread) {
  const { first, last } = workerData as Seeds
  const outcomes: SwarmOutcome[] = []
  for (let seed = first; seed <= last; seed++) outcomes.push(await runSwarm(planSwarm(seed)))
  parentPort?.postMessage(outcomes)
}
