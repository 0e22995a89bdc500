import type { Creation, DaemonEvent, HubItem, Publication, TorrentItem } from '@shoal/api/daemon-api'
import { formatCounted } from '@shoal/api/human'
import { clean, quoted } from '../../render/text.ts'
import type { View } from '../verb.ts'
import { doneText } from './add-verbs.ts'
import { hashingLine } from './hash-progress.ts'
import { isComplete, isGoingOn, transferLines } from './torrent-text.ts'

/** Transfers that are drawn above a prompt; the others are counted. */
const SHOWN_TRANSFERS = 3

export interface LiveTransfersOwner {
  readonly view: View
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Lines for the moment, in the place of those before. */
  draw(lines: readonly string[]): void
  /** One sentence that stays. */
  say(text: string): void
}

/** What goes on in a daemon, as somebody with a prompt sees it: bars of what runs, and a sentence when something is done. */
export class LiveTransfers {
  readonly #owner: LiveTransfersOwner
  readonly #torrents = new Map<string, TorrentItem>()
  /** Since when something is got, and how much had come before. */
  readonly #begun = new Map<string, { readonly at: number; readonly downloaded: number }>()
  readonly #hashing = new Map<string, Creation>()
  readonly #hubs = new Map<string, HubItem['status']>()
  /** Publications of which somebody else has everything. */
  readonly #safe = new Set<string>()

  constructor(owner: LiveTransfersOwner) {
    this.#owner = owner
  }

  /** How everything is now: nothing of it is news. */
  begin(torrents: readonly TorrentItem[], hubs: readonly HubItem[], publications: readonly Publication[]): void {
    this.#torrents.clear()
    this.#hashing.clear()
    for (const torrent of torrents) this.#remember(torrent)
    for (const { id, status } of hubs) this.#hubs.set(id, status)
    for (const publication of publications) if (publication.mayLeave) this.#safe.add(keyOf(publication))
    this.#draw()
  }

  onEvent(event: DaemonEvent): void {
    switch (event.type) {
      case 'torrents':
        for (const torrent of event.changed) this.#onTorrent(torrent)
        for (const id of event.removed) {
          this.#torrents.delete(id)
          this.#begun.delete(id)
        }
        this.#draw()
        break
      case 'creation':
        this.#hashing.delete(event.creation.id)
        if (event.creation.status === 'hashing') this.#hashing.set(event.creation.id, event.creation)
        this.#draw()
        break
      case 'hub':
        this.#onHub(event.hub)
        break
      case 'publication':
        this.#onPublication(event.publication)
        break
      default:
        break
    }
  }

  #onTorrent(torrent: TorrentItem): void {
    const before = this.#torrents.get(torrent.id)
    const begun = this.#begun.get(torrent.id)
    if (before !== undefined && isComplete(torrent) && !isComplete(before) && before.status !== 'checking') {
      const { at, downloaded } = begun ?? { at: this.#owner.now(), downloaded: torrent.downloaded }
      this.#owner.say(doneText(torrent, torrent.downloaded - downloaded, this.#owner.now() - at))
    }
    if (torrent.status !== before?.status && torrent.error !== undefined) {
      this.#owner.say(`${quoted(torrent.name)}: ${clean(torrent.error.detail)} (${torrent.error.code})`)
    }
    this.#remember(torrent)
  }

  #remember(torrent: TorrentItem): void {
    this.#torrents.set(torrent.id, torrent)
    if (isComplete(torrent)) this.#begun.delete(torrent.id)
    else if (!this.#begun.has(torrent.id)) this.#begun.set(torrent.id, { at: this.#owner.now(), downloaded: torrent.downloaded })
  }

  #onHub({ id, name, status, detail }: HubItem): void {
    const before = this.#hubs.get(id)
    this.#hubs.set(id, status)
    if (before === undefined || before === status) return
    if (status === 'connected' && before === 'away') this.#owner.say(`${quoted(name)} is back.`)
    else if (before === 'connected')
      this.#owner.say(`${quoted(name)} is away: ${clean(detail ?? status)}. Transfers go on, and it is tried again.`)
  }

  #onPublication(publication: Publication): void {
    const key = keyOf(publication)
    if (!publication.mayLeave) {
      this.#safe.delete(key)
      return
    }
    if (this.#safe.has(key)) return
    this.#safe.add(key)
    this.#owner.say(`Others hold every piece of ${quoted(publication.name)}: this machine may go off line.`)
  }

  #draw(): void {
    const { view } = this.#owner
    const running = [...this.#torrents.values()].filter(isGoingOn)
    const hashing = [...this.#hashing.values()].map((creation) => view.palette.dim(hashingLine(creation, view.columns())))
    const lines = running.slice(0, SHOWN_TRANSFERS).flatMap((torrent) => transferLines(torrent, undefined, view.columns(), view.palette))
    const others = running.length - SHOWN_TRANSFERS
    if (others > 0) lines.push(view.palette.dim(`  and ${formatCounted(others, 'other')} (list shows all)`))
    this.#owner.draw([...hashing, ...lines])
  }
}

function keyOf({ hub, name }: Publication): string {
  return JSON.stringify([hub, name])
}
