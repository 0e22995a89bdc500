import type { HubEvent } from '@shoal/api/hub-api'
import { EventFeed as AnyEventFeed, type NumberedEvent, sentEvent } from '@shoal/door/event-feed'
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
export interface HubNumberedEvent extends NumberedEvent {
  readonly reduced: string | undefined
  readonly topic: Topic | 'pieces'
  /** The torrent that it is about. */
  readonly infoHash: string | undefined
}

/** The last news of a hub. */
export class EventFeed extends AnyEventFeed<HubEvent, HubNumberedEvent> {
  constructor(system: HubSystem) {
    super(system, numberedEvent)
  }
}

/** The text of an event for a reader; undefined when it is none of its business. */
export function textFor(event: HubNumberedEvent, reader: Reader): string | undefined {
  if (event.topic === 'pieces') {
    if (event.infoHash === undefined || !reader.watches.has(event.infoHash)) return undefined
  } else if (!reader.topics.has(event.topic)) return undefined
  return reader.seesPeers ? event.full : event.reduced
}

/** Not always all of an event. */
type HubEventText = { readonly type: HubEvent['type']; readonly [field: string]: unknown }

function numberedEvent(seq: number, event: HubEvent): HubNumberedEvent {
  const text = (shown: { readonly type: string }): string => sentEvent(seq, shown)
  const numbered = (
    topic: HubNumberedEvent['topic'],
    full: HubEventText,
    reduced: HubEventText | undefined,
    infoHash?: string,
  ): HubNumberedEvent => ({
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
