import type { DoorSystem } from './system.ts'

/** An event in the order of a feed; what else there is to it is the matter of whoever makes it. */
export interface NumberedEvent {
  readonly seq: number
  /** As it stands in the stream, for whoever may see all of it. */
  readonly full: string
}

/** Events that are kept for whoever comes back after a gap … */
const RING_EVENTS = 1_000
/** … and how much text. */
const RING_CHARACTERS = 4 << 20

/**
 * The last events, numbered. Numbers go on over a restart (they begin with the time of it), so that whoever comes
 * back with a number of the server before notices.
 */
export class EventFeed<E, N extends NumberedEvent> {
  readonly #numbered: (seq: number, event: E) => N
  readonly #ring: N[] = []
  readonly #listeners = new Set<(event: N) => void>()
  #characters = 0
  #seq: number

  constructor(system: Pick<DoorSystem, 'wallClock'>, numbered: (seq: number, event: E) => N) {
    this.#numbered = numbered
    this.#seq = Math.floor(system.wallClock()) * 1_000
  }

  /** The number of the newest event. */
  get seq(): number {
    return this.#seq
  }

  readonly emit = (event: E): void => {
    const numbered = this.#numbered(++this.#seq, event)
    this.#ring.push(numbered)
    this.#characters += numbered.full.length
    while (this.#ring.length > RING_EVENTS || this.#characters > RING_CHARACTERS) this.#characters -= this.#ring.shift()?.full.length ?? 0
    for (const listener of this.#listeners) listener(numbered)
  }

  /** Something happened that nobody told: whoever comes back with a number from before asks for everything anew. */
  forget(): void {
    this.#ring.length = 0
    this.#characters = 0
    this.#seq++
  }

  /** What has happened since `seq`; undefined when that is no longer known. */
  since(seq: number): N[] | undefined {
    const oldest = this.#ring[0]?.seq ?? this.#seq + 1
    if (seq > this.#seq || seq < oldest - 1) return undefined
    return this.#ring.filter((event) => event.seq > seq)
  }

  /** @returns how to stop */
  listen(listener: (event: N) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** An event as Server-Sent Events have it. */
export function sentEvent(seq: number, event: { readonly type: string }): string {
  return `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
