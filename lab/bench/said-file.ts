import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Program } from '../interop/program.ts'
import { STALLED_AFTER_MS } from './client.ts'

const LOOK_EVERY_MS = 5

/** Resolves when the file has the line: for programs that do not talk, but run a command when something has happened. */
export async function saidInFile(program: Program, path: string, line: string): Promise<void> {
  let hasEnded = false
  void program.ended.then(() => {
    hasEnded = true
  })
  const end = performance.now() + STALLED_AFTER_MS
  while (!linesOf(path).includes(line)) {
    if (hasEnded) throw new Error(`${program.name} ended without saying ${line}\n${program.story()}`)
    if (performance.now() > end) throw new Error(`${program.name} did not say ${line} within ${STALLED_AFTER_MS / 1000} s`)
    await pause(LOOK_EVERY_MS)
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return [] // nothing has been said yet
  }
}
