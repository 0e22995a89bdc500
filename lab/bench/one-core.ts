import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Figures, Measure } from './measure.ts'
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
 * The yardsticks of hashing, on one core and without the start of a program: OpenSSL's SHA-1 of as many bytes as the payload
 * has, from a block that stays in the cache; and the same of its one file, read into that block.
 */
export function yardsticks(payload: Payload): Contender[] {
  const block = new Uint8Array(STEP)
  const alone = (hash: Hash): void => {
    for (let left = payload.bytes; left > 0; left -= STEP) hash.update(block.subarray(0, Math.min(left, STEP)))
  }
  const reading = (hash: Hash): void => {
    const file = openSync(payload.content, 'r')
    try {
      for (let got = readSync(file, block); got > 0; got = readSync(file, block)) hash.update(block.subarray(0, got))
    } finally {
      closeSync(file)
    }
  }
  return [
    { name: 'one core, SHA-1 alone', isOurs: false, run: () => timed(alone) },
    { name: 'one core, reading too', isOurs: false, run: () => timed(reading) },
  ]
}

function timed(feed: (hash: Hash) => void): Promise<Figures> {
  const hash = createHash('sha1')
  const cpuBefore = process.cpuUsage()
  const startedAtMs = performance.now()
  feed(hash)
  hash.digest()
  const wallSeconds = (performance.now() - startedAtMs) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return Promise.resolve({ wallSeconds, cpuSeconds: (user + system) / 1e6, peakMiB: 0 })
}
