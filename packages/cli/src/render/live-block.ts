import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from './terminal.ts'
import { widthOf } from './text.ts'

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const ERASE_BELOW = '\u001b[J'

/**
 * A few lines at the bottom of a terminal that are drawn again in place; what is said meanwhile stands above them.
 *
 * Lines must not be wider than the terminal. When it gets narrower, it wraps what stands there: the block counts that.
 */
export class LiveBlock {
  readonly #terminal: Terminal
  #shown: readonly string[] = []
  #cursorIsHidden = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  draw(lines: readonly string[]): void {
    const head = this.#cursorIsHidden ? '' : HIDE_CURSOR
    this.#cursorIsHidden = true
    this.#terminal.write(head + this.#wayBack() + lines.map((line) => `${line}\n`).join(''))
    this.#shown = lines
  }

  /** A line that stays, above the block. */
  say(line: string): void {
    this.#terminal.write(`${this.#wayBack()}${line}\n${this.#shown.map((shown) => `${shown}\n`).join('')}`)
  }

  /** Takes the block away and gives the cursor back. */
  clear(): void {
    this.#terminal.write(this.#wayBack() + (this.#cursorIsHidden ? SHOW_CURSOR : ''))
    this.#cursorIsHidden = false
    this.#shown = []
  }

  /** Moves to where the block begins and erases it. */
  #wayBack(): string {
    const columns = this.#terminal.columns()
    let rows = 0
    for (const line of this.#shown) rows += Math.max(1, Math.ceil(widthOf(stripVTControlCharacters(line)) / columns))
    return rows === 0 ? '' : `\u001b[${rows}A\r${ERASE_BELOW}`
  }
}
