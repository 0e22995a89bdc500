import type { TorrentItem } from '@shoal/api/daemon-api'
import type { Bitfield, Endpoint } from '@shoal/engine'
import type { MetainfoFiles } from './metainfo-files.ts'
import type { News } from './news.ts'
import type { TorrentAdder } from './torrent-adder.ts'
import type { PlacedTorrent, TorrentShelf } from './torrent-shelf.ts'
import type { Torrents } from './torrents.ts'

/** The torrents of this daemon, for its other rooms. */
export class LocalShelf implements TorrentShelf {
  readonly #torrents: Torrents
  readonly #adder: TorrentAdder
  readonly #metainfoFiles: Pick<MetainfoFiles, 'read'>
  readonly #news: News

  constructor(parts: { torrents: Torrents; adder: TorrentAdder; metainfoFiles: Pick<MetainfoFiles, 'read'>; news: News }) {
    this.#torrents = parts.torrents
    this.#adder = parts.adder
    this.#metainfoFiles = parts.metainfoFiles
    this.#news = parts.news
  }

  async place(what: PlacedTorrent): Promise<TorrentItem> {
    return (await this.#adder.place(what)).item
  }

  find(id: string): TorrentItem | undefined {
    return this.#torrents.find(id)?.item
  }

  async metainfoOf(id: string): Promise<Uint8Array | undefined> {
    const name = this.#torrents.find(id)?.record.metainfo
    return name === undefined ? undefined : await this.#metainfoFiles.read(name)
  }

  piecesOf(id: string): Bitfield | undefined {
    return this.#torrents.find(id)?.pieces
  }

  async pathOf(id: string): Promise<string | undefined> {
    const held = this.#torrents.find(id)
    const metainfo = await held?.readMetainfo()
    return held === undefined || metainfo === undefined ? undefined : held.pathOf(metainfo)
  }

  copiesElsewhere(id: string): number {
    return this.#torrents.find(id)?.engine?.copiesElsewhere ?? 0
  }

  addPeers(id: string, peers: readonly Endpoint[]): void {
    this.#torrents.find(id)?.engine?.addPeers(peers)
  }

  setPublications(id: string, publications: TorrentItem['publications']): void {
    void this.#torrents.find(id)?.change({ publications })
  }

  onChange(listener: (ids: ReadonlySet<string>) => void): () => void {
    return this.#news.onChange(listener)
  }
}
