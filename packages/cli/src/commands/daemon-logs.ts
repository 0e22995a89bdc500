import { open, stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from '../render/failure.ts'
import type { CommandContext } from './command.ts'
import { StopSignals } from './stop-signals.ts'

/** So much of the end is looked at for the last lines. */
const TAIL_BYTES = 1 << 20
const LOOK_MS = 300

/** The last lines of a log that somebody else writes, and with `follows` those that come. */
export async function showLog(log: { path: string; lines: number; follows: boolean }, { output }: CommandContext): Promise<void> {
  const { path } = log
  const signals = new StopSignals()
  try {
    const size = await sizeOf(path)
    if (size === undefined && !log.follows) throw new CliError('FILE_MISSING', `There is no log at ${path}: no daemon has run here yet`)
    const tail = await textFrom(path, Math.max(0, (size ?? 0) - TAIL_BYTES), size ?? 0)
    const lines = tail
      .split('\n')
      .slice(0, -1)
      .slice(-log.lines || Number.POSITIVE_INFINITY)
    if (log.lines > 0 && lines.length > 0) output.write(`${lines.join('\n')}\n`)
    let at = size ?? 0
    while (log.follows && signals.first === undefined) {
      await pause(LOOK_MS)
      const now = (await sizeOf(path)) ?? 0
      // A new file has taken its place.
      if (now < at) at = 0
      if (now > at) output.write(await textFrom(path, at, now))
      at = now
    }
  } finally {
    signals.ignore()
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size // not there: nothing was said yet
}

async function textFrom(path: string, begin: number, end: number): Promise<string> {
  if (end <= begin) return ''
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - begin), 0, end - begin, begin)
  return buffer.toString('utf8', 0, bytesRead)
}
