import type { DaemonEvent } from '@shoal/api/daemon-api'
import type { TorrentDesk } from '../daemon/peer-desk.ts'
import type { TorrentShelf } from '../daemon/torrent-shelf.ts'
import type { HubStateFile } from './hub-state-file.ts'
import type { HubsSystem } from './hubs-system.ts'

/** What this room needs of the daemon around it. */
export interface HubsWorld {
  readonly system: HubsSystem
  readonly file: HubStateFile
  readonly shelf: TorrentShelf
  readonly torrents: Pick<TorrentDesk, 'addTorrent' | 'changeTorrent' | 'actOnTorrent' | 'removeTorrent' | 'readSettings' | 'listTrackers'>
  /** `Shoal 0.1.0`: what torrents and hubs are told that this program is. */
  readonly version: string
  emit(event: DaemonEvent): void
  /** Something that a person should know, and that stops nothing. */
  notice(text: string): void
}
