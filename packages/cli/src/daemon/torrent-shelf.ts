import type { TorrentItem } from '@shoal/api/daemon-api'
import type { Bitfield, Endpoint } from '@shoal/engine'

/** What the hub room does with the torrents of its daemon, besides what everybody may: it is never reached from outside. */
export interface TorrentShelf {
  /** Adds what a hub gave us or we just made. @throws {ProblemError} `TAKEN`: it is here already, and `choices` has its id. */
  place(what: PlacedTorrent): Promise<TorrentItem>
  find(id: string): TorrentItem | undefined
  /** Undefined while the metadata is missing. */
  metainfoOf(id: string): Promise<Uint8Array | undefined>
  /** What is verified; a copy. Undefined while nothing is known. */
  piecesOf(id: string): Bitfield | undefined
  /** The file or folder of the torrent on this disk. */
  pathOf(id: string): Promise<string | undefined>
  /** Complete copies among the peers that we are connected to. */
  copiesElsewhere(id: string): number
  addPeers(id: string, peers: readonly Endpoint[]): void
  /** Under which names it is on which hubs, for people. */
  setPublications(id: string, publications: TorrentItem['publications']): void
  /** Hears the ids of torrents that have new pieces, another status, or are gone; at most four times a second. */
  onChange(listener: (ids: ReadonlySet<string>) => void): () => void
}

/** A torrent that a room of this daemon adds. */
export interface PlacedTorrent {
  readonly metainfo: Uint8Array
  /** The folder that holds, or will hold, the file or folder. */
  readonly dir: string
  /** Where each file really is below `dir`: other names than the torrent's. */
  readonly pathsOnDisk?: readonly (readonly string[])[]
  /** The data was hashed a moment ago. */
  readonly skipCheck?: boolean
  readonly isUploadOnly?: boolean
  readonly isPaused?: boolean
  readonly labels?: readonly string[]
  readonly peers?: readonly Endpoint[]
  readonly trackers?: readonly string[]
  /** Only the given peers: no tracker is asked and nobody else is met. */
  readonly onlyGivenPeers?: boolean
}
