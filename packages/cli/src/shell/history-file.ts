import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LineHistory } from './terminal-lines.ts'

/** What is remembered of earlier sessions. */
export const HISTORY_LINES = 1_000
/** The file grows by lines, and is made short again at a start where it has become longer than this. */
const LONGEST_FILE_LINES = 2 * HISTORY_LINES
const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700

/** What was typed, a line each, in a file that only its owner may read. A history that cannot be kept is no failure: it is a comfort. */
export class HistoryFile implements LineHistory {
  readonly lines: readonly string[]
  readonly #path: string
  #isKept = true

  constructor(path: string) {
    this.#path = path
    const lines = readLines(path)
    this.lines = lines.slice(-HISTORY_LINES).reverse()
    if (lines.length > LONGEST_FILE_LINES) this.#shorten()
  }

  add(line: string): void {
    if (!this.#isKept) return
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: PRIVATE_FOLDER })
      appendFileSync(this.#path, `${line}\n`, { mode: PRIVATE_FILE })
      // One that somebody made before, with rights of his own.
      chmodSync(this.#path, PRIVATE_FILE)
    } catch {
      this.#isKept = false // a full or read-only disk: the session goes on without
    }
  }

  #shorten(): void {
    try {
      const next = `${this.#path}.next`
      writeFileSync(
        next,
        [...this.lines]
          .reverse()
          .map((line) => `${line}\n`)
          .join(''),
        { mode: PRIVATE_FILE },
      )
      renameSync(next, this.#path)
    } catch {
      this.#isKept = false // as above
    }
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return [] // the first session has none
  }
}
