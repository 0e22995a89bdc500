import { createInterface, type Interface } from 'node:readline'
import type { LineSource } from './line-source.ts'

/** When so many lines wait, the pipe has to. */
const MANY_LINES = 1_000

/** Lines from a pipe or a file, one after the other; the answer to a question is the line that follows. */
export class PipedLines implements LineSource {
  readonly isInteractive = false
  readonly #reader: Interface
  readonly #write: (text: string) => void
  readonly #lines: string[] = []
  #isClosed = false
  #onChange = (): void => {}

  constructor(input: NodeJS.ReadableStream, write: (text: string) => void) {
    this.#write = write
    this.#reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, terminal: false })
    this.#reader.on('line', (line) => {
      this.#lines.push(line)
      if (this.#lines.length >= MANY_LINES) this.#reader.pause()
      this.#onChange()
    })
    this.#reader.on('close', () => {
      this.#isClosed = true
      this.#onChange()
    })
  }

  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isClosed) {
      this.#reader.resume()
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
    }
    return this.#lines.shift()
  }

  async ask(_question: string, _kind: 'open' | 'secret', signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted()
    return this.next()
  }

  write(text: string): void {
    this.#write(text)
  }

  close(): void {
    this.#lines.length = 0
    this.#isClosed = true
    this.#reader.close()
    this.#onChange()
  }
}
