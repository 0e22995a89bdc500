import { hash } from 'node:crypto'

const SAMPLE_BYTES = 256 * 1024
const SAMPLES = 4

/**
 * Bytes a second of SHA-1 on this thread: the best of four samples, because the first ones wake the processor up.
 * It takes a millisecond; processors with instructions for it reach 1.5 to 2 GB/s, others 0.5 to 0.9.
 */
export function sha1BytesPerSecond(): number {
  const sample = new Uint8Array(SAMPLE_BYTES)
  let bestMs = Infinity
  for (let at = 0; at < SAMPLES; at++) {
    const startedAt = performance.now()
    hash('sha1', sample, 'buffer')
    bestMs = Math.min(bestMs, performance.now() - startedAt)
  }
  return (SAMPLE_BYTES * 1000) / Math.max(bestMs, 0.001)
}
