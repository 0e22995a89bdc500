import { replaced } from './byte-mutator.ts'

/** Enough for an input of some kilobytes; a finding need not be perfect to be read. */
const MAX_TRIES = 3_000
const MAX_MS = 10_000
const NOTHING = new Uint8Array(0)

/**
 * The input with as much left out as can be, as long as `stillFails` says that it is the same fault: first large runs of
 * bytes, then small ones, then what is left becomes `0` where it does not matter.
 */
export async function minimised(input: Uint8Array, stillFails: (smaller: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  const begun = performance.now()
  let tries = 0
  let best: Uint8Array = input
  const mayTry = (): boolean => tries++ < MAX_TRIES && performance.now() - begun < MAX_MS
  for (let length = Math.ceil(best.length / 2); length >= 1; length = length === 1 ? 0 : Math.ceil(length / 2)) {
    for (let at = 0; at < best.length && mayTry(); ) {
      const smaller = replaced(best, at, at + length, NOTHING)
      if (await stillFails(smaller)) best = smaller
      else at += length
    }
  }
  for (let at = 0; at < best.length && mayTry(); at++) {
    if (best[at] === 0x30) continue
    const plainer = best.slice()
    plainer[at] = 0x30
    if (await stillFails(plainer)) best = plainer
  }
  return best
}
