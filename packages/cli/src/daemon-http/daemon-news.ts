import type { DaemonEvent } from '@shoal/api/daemon-api'
import { InfoHashHex } from '@shoal/api/hub-api'
import { EventFeed, type NumberedEvent, sentEvent } from '@shoal/door/event-feed'
import { SentEventStreams } from '@shoal/door/sent-event-streams'
import type { DoorSystem } from '@shoal/door/system'
import Type from 'typebox'
import type { PeerDesk, TorrentDesk } from '../daemon/peer-desk.ts'
import type { DaemonCaller } from './daemon-callers.ts'
import { type DaemonRoute, route } from './daemon-route.ts'

interface DaemonNumberedEvent extends NumberedEvent {
  /** The torrent whose pieces these are. */
  readonly piecesOf: string | undefined
}

interface Reader {
  readonly watches: ReadonlySet<string>
}

/** One for all readers that look at the same torrent. */
interface Watch {
  readers: number
  readonly stop: () => void
}

const MAX_WATCHES = 20
/** So long the news are kept coming after the last reader has gone: it may only have lost its connection. */
const LINGER_MS = 30_000
/** Torrents in one event; all of 2,000 at once would be a text that is too long for a reader's buffer. */
const TORRENTS_AN_EVENT = 200
const STREAM_LIMITS = { streams: 256, streamsPerAddress: 256, unsentBytes: 4 << 20 } as const

/** The readers of `GET /v1/events`. While there are none, the desk need not tell anything. */
export class DaemonNews {
  readonly #desk: Pick<TorrentDesk, 'watchPieces'>
  readonly #subscribe: PeerDesk['subscribe']
  readonly #feed: EventFeed<DaemonEvent, DaemonNumberedEvent>
  readonly #streams: SentEventStreams<DaemonNumberedEvent, Reader, DaemonCaller>
  readonly #watches = new Map<string, Watch>()
  #readers = 0
  #unsubscribe: (() => void) | undefined
  #linger: NodeJS.Timeout | undefined

  constructor(desk: Pick<TorrentDesk, 'watchPieces'>, subscribe: PeerDesk['subscribe'], system: DoorSystem) {
    this.#desk = desk
    this.#subscribe = subscribe
    this.#feed = new EventFeed(system, (seq, event) => ({
      seq,
      full: sentEvent(seq, event),
      piecesOf: event.type === 'pieces' ? event.id : undefined,
    }))
    const owner = {
      textFor: ({ full, piecesOf }: DaemonNumberedEvent, { watches }: Reader) =>
        piecesOf === undefined || watches.has(piecesOf) ? full : undefined,
      readerFor: (reader: Reader, caller: DaemonCaller) => (caller.may('peer:use') ? reader : undefined),
      onOpen: (reader: Reader) => this.#onOpen(reader),
      onClose: (reader: Reader) => this.#onClose(reader),
    }
    this.#streams = new SentEventStreams(this.#feed, owner, system, STREAM_LIMITS)
    this.#streams.start()
  }

  close(): void {
    this.#streams.close()
    clearTimeout(this.#linger)
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  readonly route: DaemonRoute = route({
    method: 'GET',
    url: '/v1/events',
    summary: 'News as they happen, as Server-Sent Events: `event` is the type, `data` a DaemonEvent, `id` its number',
    needs: 'peer:use',
    query: Type.Object(
      {
        /** Torrents of which the pieces are told, too. */
        watch: Type.Optional(Type.Array(InfoHashHex, { maxItems: MAX_WATCHES })),
        /** As the header Last-Event-ID, for a client that cannot send it. */
        since: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      { additionalProperties: false },
    ),
    handle: (call) => {
      const { watch = [], since } = call.query
      // refuses what is not here, while it still can be refused
      for (const id of watch) this.#desk.watchPieces(id)()
      this.#streams.open(call, { watches: new Set(watch) }, since)
      return undefined
    },
  })

  #onOpen(reader: Reader): void {
    this.#readers++
    clearTimeout(this.#linger)
    if (this.#unsubscribe === undefined) {
      this.#feed.forget()
      this.#unsubscribe = this.#subscribe((event) => this.#onEvent(event))
    }
    for (const id of reader.watches) {
      const watch = this.#watches.get(id) ?? { readers: 0, stop: this.#desk.watchPieces(id) }
      watch.readers++
      this.#watches.set(id, watch)
    }
  }

  #onClose(reader: Reader): void {
    for (const id of reader.watches) {
      const watch = this.#watches.get(id)
      if (watch === undefined || --watch.readers > 0) continue
      watch.stop()
      this.#watches.delete(id)
    }
    if (--this.#readers > 0) return
    clearTimeout(this.#linger)
    this.#linger = setTimeout(() => {
      this.#unsubscribe?.()
      this.#unsubscribe = undefined
    }, LINGER_MS).unref()
  }

  #onEvent(event: DaemonEvent): void {
    if (event.type !== 'torrents' || event.changed.length <= TORRENTS_AN_EVENT) {
      this.#feed.emit(event)
      return
    }
    for (let at = 0; at < event.changed.length; at += TORRENTS_AN_EVENT) {
      const changed = event.changed.slice(at, at + TORRENTS_AN_EVENT)
      this.#feed.emit({ type: 'torrents', changed, removed: at === 0 ? event.removed : [] })
    }
  }
}
