import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'

/** A small generator, so that a test that throws dice prints a seed and can be run again. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.below(256)
  }
}

/** Writes a file that does not repeat itself, the same for the same seed. */
export function writeNoise(path: string, length: number, seed: number): void {
  const block = new Uint8Array(1 << 20)
  new Dice(seed).fill(block)
  const numbers = new DataView(block.buffer)
  const file = openSync(path, 'w')
  for (let at = 0, count = 0; at < length; at += block.length, count++) {
    // Each block of 4 KiB is stamped, so that no two pieces are alike.
    for (let stamp = 0; stamp < block.length; stamp += 4096) numbers.setUint32(stamp, count * 256 + stamp / 4096)
    writeSync(file, block, 0, Math.min(block.length, length - at))
  }
  closeSync(file)
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
