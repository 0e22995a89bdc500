import { InfoHashHex } from '@shoal/api/hub-api'
import { SentEventStreams, type StreamLimits } from '@shoal/door/sent-event-streams'
import Type from 'typebox'
import type { HubSystem } from '../system.ts'
import { type EventFeed, type HubNumberedEvent, type Reader, TOPICS, type Topic, textFor } from './event-feed.ts'
import { type Caller, type HubRoute, route } from './route.ts'

/** Whoever must know that somebody looks at a torrent: the control channel. */
export interface Watching {
  watch(infoHash: string): void
  unwatch(infoHash: string): void
}

const MAX_WATCHES = 20

/** The readers of `GET /v1/events`. */
export class EventStreams extends SentEventStreams<HubNumberedEvent, Reader, Caller> {
  constructor(feed: EventFeed, watching: Watching, system: HubSystem, limits: Partial<StreamLimits> = {}) {
    const owner = {
      textFor,
      readerFor: (reader: Reader, caller: Caller) =>
        caller.may('files:read') ? { ...reader, seesPeers: caller.may('peers:read') } : undefined,
      onOpen: ({ watches }: Reader) => {
        for (const infoHash of watches) watching.watch(infoHash)
      },
      onClose: ({ watches }: Reader) => {
        for (const infoHash of watches) watching.unwatch(infoHash)
      },
    }
    super(feed, owner, system, limits)
  }

  readonly route: HubRoute = route({
    method: 'GET',
    url: '/v1/events',
    summary: 'News as they happen, as Server-Sent Events: `event` is the type, `data` a HubEvent, `id` its number',
    needs: 'files:read',
    query: Type.Object(
      {
        /** Words with commas between: files, peers, availability, settings. Absent: all of them. */
        topics: Type.Optional(Type.String({ maxLength: 100, pattern: `^(?:${TOPICS.join('|')})(?:,(?:${TOPICS.join('|')}))*$` })),
        /** Torrents of which the pieces are told, too. */
        watch: Type.Optional(Type.Array(InfoHashHex, { maxItems: MAX_WATCHES })),
        /** As the header Last-Event-ID, for a client that cannot send it. */
        since: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      { additionalProperties: false },
    ),
    handle: (call) => {
      const { topics, watch = [], since } = call.query
      const chosen = topics === undefined ? TOPICS : (topics.split(',') as Topic[])
      const reader = { topics: new Set<Topic>(chosen), watches: new Set(watch), seesPeers: call.caller.may('peers:read') }
      this.open(call, reader, since)
      return undefined
    },
  })
}
