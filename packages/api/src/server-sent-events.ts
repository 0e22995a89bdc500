/** One event as it stands in the stream (HTML Standard, "Server-sent events"). */
export interface SentEvent {
  readonly type: string
  readonly data: string
}

/** No event of ours is longer; a stream that goes on without an end of line is none. */
export const MAX_EVENT_CHARACTERS: number = 1 << 20

/** Cuts the text of a stream into events, however it was cut into pieces on its way. */
export class SentEventReader {
  readonly #onEvent: (event: SentEvent) => void
  #rest = ''
  #type = ''
  #data: string[] = []
  #length = 0
  /** Of the event that is being read; it counts when that is whole. */
  #id = ''
  #lastId = ''
  #retryMs: number | undefined

  constructor(onEvent: (event: SentEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Of the last event that was whole: where to go on after a break. */
  get lastId(): string {
    return this.#lastId
  }

  /** How long the stream wants to be left alone before it is opened again, if it said so. */
  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** @throws {RangeError} when an event is longer than `MAX_EVENT_CHARACTERS` */
  push(text: string): void {
    this.#rest += text
    // A CR at the end may be half of a CR LF: it waits for what comes.
    for (let end = LINE_END.exec(this.#rest); end !== null; end = LINE_END.exec(this.#rest)) {
      if (end[0] === '\r' && end.index === this.#rest.length - 1) break
      const line = this.#rest.slice(0, end.index)
      this.#rest = this.#rest.slice(end.index + end[0].length)
      this.#onLine(line)
    }
    if (this.#rest.length + this.#length > MAX_EVENT_CHARACTERS) throw new RangeError('An event is too long')
  }

  /** Forgets what is half here; a new stream begins. */
  restart(): void {
    this.#rest = ''
    this.#id = this.#lastId
    this.#clear()
  }

  #onLine(line: string): void {
    if (line === '') {
      this.#lastId = this.#id
      if (this.#data.length > 0) this.#onEvent({ type: this.#type === '' ? 'message' : this.#type, data: this.#data.join('\n') })
      this.#clear()
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.#type = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value)
    else if (field === 'data') {
      this.#data.push(value)
      this.#length += value.length + 1
    }
  }

  #clear(): void {
    this.#type = ''
    this.#data = []
    this.#length = 0
  }
}

const LINE_END = /\r\n|\n|\r/
