import assert from 'node:assert/strict'
import type { HubEvent } from '@shoal/api/hub-api'

/** Reads a stream event by event; what has no data is skipped. */
export class EventReader implements AsyncDisposable {
  readonly answer: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #text = ''
  lastId = ''

  constructor(answer: Response) {
    this.answer = answer
    assert.ok(answer.body !== null)
    this.#reader = answer.body.getReader()
  }

  static async open(hub: { readonly url: string }, query: string = '', headers: Record<string, string> = {}): Promise<EventReader> {
    const answer = await fetch(`${hub.url}/v1/events${query}`, { headers })
    assert.equal(answer.status, 200)
    return new EventReader(answer)
  }

  /** undefined at the end of the stream. */
  async next(): Promise<HubEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = await this.#reader.read()
        if (done) return undefined
        this.#text += Buffer.from(value).toString()
        continue
      }
      const lines = this.#text.slice(0, end).split('\n')
      this.#text = this.#text.slice(end + 2)
      this.lastId = lines.find((line) => line.startsWith('id: '))?.slice(4) ?? this.lastId
      const data = lines.find((line) => line.startsWith('data: '))?.slice(6)
      if (data !== undefined) return JSON.parse(data) as HubEvent
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel()
  }
}
