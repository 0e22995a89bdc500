import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LogLine } from '@shoal/api/daemon-api'
import { cleanText } from '@shoal/protocol/clean-text'

/** A file of the log; the last three are kept beside it. */
export const LOG_BYTES: number = 4 << 20
const KEPT_FILES = 3
const MAX_LINE_CHARACTERS = 4_096

/**
 * What the daemon has to say, a line each, in a file that does not grow for ever. A line is on its way to the disk when `write`
 * returns, so that the last words of a process that is killed are there.
 */
export class DaemonLog {
  readonly path: string
  readonly #maxBytes: number
  readonly #echo: ((line: string) => void) | undefined
  #bytes: number

  /** @param echo hears each line as well */
  constructor(path: string, echo?: (line: string) => void, maxBytes: number = LOG_BYTES) {
    this.path = path
    this.#echo = echo
    this.#maxBytes = maxBytes
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }

  /** @param about the torrent or the call that the line is about */
  write({ at, level, text }: LogLine, about: string = ''): void {
    const said = cleanText(text, MAX_LINE_CHARACTERS)
    const line = `${new Date(at).toISOString()} ${level.padEnd(7)} ${about === '' ? '' : `${about.slice(0, 8)} `}${said}`
    this.#echo?.(line)
    try {
      if (this.#bytes > this.#maxBytes) this.#turn()
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
      appendFileSync(this.path, `${line}\n`, { mode: 0o600 })
      this.#bytes += Buffer.byteLength(line) + 1
    } catch {
      // A full disk takes no words about it either; the daemon goes on.
    }
  }

  /** `daemon.log` -> `daemon.log.1` -> … */
  #turn(): void {
    for (let age = KEPT_FILES - 1; age >= 0; age--) {
      const from = age === 0 ? this.path : `${this.path}.${age}`
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${this.path}.${age + 1}`)
    }
    this.#bytes = 0
  }
}
