import { parseArgs } from 'node:util'
import { planSwarm, runSwarm } from '../../packages/engine/test/random-swarm.ts'

/*
 * Simulated swarms for as long as it takes: each seed draws another one, from two peers to fifty, with all that can go
 * wrong between them. A failure names its seed, and the same seed fails again.
 *
 *     npm run simulate -- --seeds 1000 --from 1
 */

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
})
const from = Number(values.from)
const count = Number(values.seeds)
const began = performance.now()
const failed: number[] = []
let peers = 0
let bytes = 0
let virtualMs = 0

for (let seed = from; seed < from + count; seed++) {
  const seedBegan = performance.now()
  try {
    const outcome = await runSwarm(planSwarm(seed))
    peers += outcome.peerCount
    bytes += outcome.contentBytes
    virtualMs += outcome.virtualMs
    if (values.verbose) {
      const wallMs = Math.round(performance.now() - seedBegan)
      process.stdout.write(`${JSON.stringify({ seed, wallMs, ...outcome })}\n`)
    }
  } catch (error) {
    failed.push(seed)
    process.stdout.write(`seed ${seed} FAILED\n`)
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) process.stdout.write(`${cause.stack}\n`)
  }
}

const wallSeconds = Number(((performance.now() - began) / 1000).toFixed(1))
process.stdout.write(`${JSON.stringify({ seeds: count, from, failed, peers, bytes, virtualHours: virtualMs / 3_600_000, wallSeconds })}\n`)
process.exitCode = failed.length > 0 ? 1 : 0
