import type { HubEvent } from '@shoal/api/hub-api'
import type { HubSystem } from '../system.ts'

/** What a reader may be told. */
export interface Reader {
  readonly topics: ReadonlySet<Topic>
  readonly watches: ReadonlySet<string>
  /** Whether it may see the addresses of peers. */
  readonly seesPeers: boolean
}

export const TOPICS = ['files', 'peers', 'availability', 'settings'] as const
export type Topic = (typeof TOPICS)[number]

/** An event as it stands in the stream: as whoever may see peers gets it, and as others do (`undefined`: not at all). */
export interface NumberedEvent {
  readonly seq: number
  readonly full: string
  readonly reduced: string | undefined
  readonly topic: Topic | 'pieces'
  /** The torrent that it is about. */
  readonly infoHash: string | undefined
}

/** Events that are kept for whoever comes back after a gap … */
const RING_EVENTS = 1_000
/** … and how much text. */
const RING_CHARACTERS = 4 << 20

/**
 * The last events, numbered. Numbers go on over a restart (they begin with the time of it), so that whoever comes
 * back with a number of the hub before notices.
 */
export class EventFeed {
  readonly #ring: NumberedEvent[] = []
  readonly #listeners = new Set<(event: NumberedEvent) => void>()
  #characters = 0
  #seq: number

  constructor(system: HubSystem) {
    this.#seq = Math.floor(system.wallClock()) * 1_000
  }

  /** The number of the newest event. */
  get seq(): number {
    return this.#seq
  }

  readonly emit = (event: HubEvent): void => {
    const numbered = numberedEvent(++this.#seq, event)
    this.#ring.push(numbered)
    this.#characters += numbered.full.length
    while (this.#ring.length > RING_EVENTS || this.#characters > RING_CHARACTERS) this.#characters -= this.#ring.shift()?.full.length ?? 0
    for (const listener of this.#listeners) listener(numbered)
  }

  /** What has happened since `seq`; undefined when that is no longer known. */
  since(seq: number): NumberedEvent[] | undefined {
    const oldest = this.#ring[0]?.seq ?? this.#seq + 1
    if (seq > this.#seq || seq < oldest - 1) return undefined
    return this.#ring.filter((event) => event.seq > seq)
  }

  /** @returns how to stop */
  listen(listener: (event: NumberedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** The text of an event for a reader; undefined when it is none of its business. */
export function textFor(event: NumberedEvent, reader: Reader): string | undefined {
  if (event.topic === 'pieces') {
    if (event.infoHash === undefined || !reader.watches.has(event.infoHash)) return undefined
  } else if (!reader.topics.has(event.topic)) return undefined
  return reader.seesPeers ? event.full : event.reduced
}

function numberedEvent(seq: number, event: HubEvent): NumberedEvent {
  const text = (shown: object): string => `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(shown)}\n\n`
  const numbered = (topic: NumberedEvent['topic'], full: object, reduced: object | undefined, infoHash?: string): NumberedEvent => ({
    seq,
    full: text(full),
    reduced: reduced === undefined ? undefined : text(reduced),
    topic,
    infoHash,
  })
  switch (event.type) {
    case 'file-published':
    case 'file-changed': {
      // Where it lies is for its owner and for admins, who ask for it.
      const { localPath: _, host, owner, ...file } = event.file
      const full = { ...file, ...(host !== undefined && { host }), ...(owner !== undefined && { owner }) }
      const reduced = host === undefined ? file : { ...file, host: { id: host.id, name: host.name, isOnline: host.isOnline } }
      return numbered('files', { ...event, file: full }, { ...event, file: reduced })
    }
    case 'file-withdrawn':
      return numbered('files', event, event)
    case 'peer-connected':
    case 'peer-gone':
      return numbered('peers', event, undefined)
    case 'availability':
      return numbered('availability', event, event)
    case 'pieces':
      return numbered('pieces', event, undefined, event.infoHash)
    case 'reset':
    case 'settings-changed':
      return numbered('settings', event, event)
    default:
      return event satisfies never
  }
}
