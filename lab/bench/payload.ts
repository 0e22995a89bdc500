import { createHash, randomFillSync } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

const STEP = 8 * 1024 * 1024

/** A file of random bytes. Returns its SHA-256. */
export function makePayload(path: string, bytes: number): string {
  const hash = createHash('sha256')
  const block = new Uint8Array(STEP)
  const file = openSync(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= STEP) {
      const part = block.subarray(0, Math.min(STEP, left))
      randomFillSync(part)
      hash.update(part)
      for (let at = 0; at < part.length; ) at += writeSync(file, part, at)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

/**
 * Touches as much memory as a run will write to. On a virtual machine the first touch of a page costs more than
 * everything that is measured (2.5 s a GiB), so a cold run says nothing about the program.
 */
export function warmMemory(path: string, bytes: number): void {
  const block = new Uint8Array(STEP)
  const file = openSync(path, 'w+')
  try {
    for (let left = bytes; left > 0; left -= STEP) writeSync(file, block, 0, Math.min(STEP, left))
    for (let at = 0; at < bytes; at += STEP) readSync(file, block, 0, STEP, at)
  } finally {
    closeSync(file)
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: STEP })) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
