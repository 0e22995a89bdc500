import { readdirSync, readFileSync } from 'node:fs'
import { anonymousMiB, threadSeconds, tickSeconds } from './proc-files.ts'

/** Often enough to see a peak, and cheap: three small files of the kernel, about 0.1 ms. */
const LOOK_EVERY_MS = 50

/**
 * What a process has used so far, asked of Linux from outside.
 *
 * Memory is anonymous memory only (`RssAnon`). A client that maps the payload's files, as libtorrent 2 does, has their
 * pages in its resident size, and when nobody else maps them even in its "private" size; but they are page cache, which
 * every other client uses too without being charged.
 */
export class ProcessMeter {
  #cpuSeconds = 0
  #peakMiB = 0
  readonly #pid: number
  readonly #timer: NodeJS.Timeout

  constructor(pid: number, { lookEveryMs = LOOK_EVERY_MS } = {}) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
  }

  /** User and system time of all its threads until now; what it was at the last look when it has ended. */
  cpuSeconds(): number {
    this.#look()
    return this.#cpuSeconds
  }

  /** The most anonymous memory that it had at any look. */
  peakMiB(): number {
    this.#look()
    return this.#peakMiB
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    // Living threads to the nanosecond, or the process with its ended threads in whole ticks: neither is ever too much.
    const living = this.#threads().reduce((sum, thread) => sum + this.#read(`task/${thread}/schedstat`, threadSeconds), 0)
    this.#cpuSeconds = Math.max(this.#cpuSeconds, living, this.#read('stat', tickSeconds))
    this.#peakMiB = Math.max(this.#peakMiB, this.#read('status', anonymousMiB))
  }

  #threads(): string[] {
    try {
      return readdirSync(`/proc/${this.#pid}/task`)
    } catch {
      return [] // it has ended
    }
  }

  #read(file: string, figure: (text: string) => number): number {
    try {
      return figure(readFileSync(`/proc/${this.#pid}/${file}`, 'latin1'))
    } catch {
      return 0 // the process or the thread has ended
    }
  }
}
