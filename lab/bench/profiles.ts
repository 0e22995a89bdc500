import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuProfile, selfTimes } from './profile-summary.ts'

const SHOWN_FUNCTIONS = 25

/** Tells of every profile below the folder: one folder for each process, in it one profile for each of its threads. */
export function showProfiles(folder: string, say: (line: string) => void): void {
  for (const process of readdirSync(folder).sort()) {
    // Node names them after process and thread; the main thread is 0.
    for (const file of readdirSync(join(folder, process)).sort()) {
      const thread = Number(/^CPU\.\d+\.\d+\.\d+\.(\d+)\./.exec(file)?.[1] ?? 0)
      const times = selfTimes(JSON.parse(readFileSync(join(folder, process, file), 'utf8')) as CpuProfile)
      const totalMs = times.reduce((sum, { selfMs }) => sum + selfMs, 0)
      say(`\n${process}, ${thread === 0 ? 'main thread' : `thread ${thread}`}: ${totalMs.toFixed(0)} ms  (${join(folder, process, file)})`)
      for (const { name, selfMs } of times.slice(0, SHOWN_FUNCTIONS)) {
        say(`${selfMs.toFixed(1).padStart(9)} ms ${((100 * selfMs) / totalMs).toFixed(1).padStart(5)} %  ${name}`)
      }
    }
  }
}
