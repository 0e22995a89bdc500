import { createHash } from 'node:crypto'
import type { Measure } from './measure.ts'
import type { Payload } from './payload.ts'
import type { Contender } from './turns.ts'

/** What hashing is measured by. */
export const HASHING_MEASURES: readonly Measure[] = [
  { key: 'wallSeconds', label: 'wall', unit: 's' },
  { key: 'cpuSeconds', label: 'CPU', unit: 's' },
  { key: 'peakMiB', label: 'memory', unit: 'MiB' },
]

const STEP = 256 * 1024

/**
 * The yardstick of hashing: as many bytes as the payload has through the SHA-1 of OpenSSL on one core, from a block that
 * stays in the cache. No reading, no start of a program, so nobody with one core can be as fast.
 */
export function oneCore(payload: Payload): Contender {
  return {
    name: 'one core, SHA-1 alone',
    isOurs: false,
    run: () => {
      const block = new Uint8Array(STEP)
      const hash = createHash('sha1')
      const cpuBefore = process.cpuUsage()
      const startedAtMs = performance.now()
      for (let left = payload.bytes; left > 0; left -= STEP) hash.update(block.subarray(0, Math.min(left, STEP)))
      hash.digest()
      const wallSeconds = (performance.now() - startedAtMs) / 1000
      const { user, system } = process.cpuUsage(cpuBefore)
      return Promise.resolve({ wallSeconds, cpuSeconds: (user + system) / 1e6, peakMiB: 0 })
    },
  }
}
