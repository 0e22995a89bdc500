import type { Client } from './client.ts'
import { aria2 } from './clients/aria2.ts'
import { libtorrent } from './clients/libtorrent.ts'
import { qbittorrent } from './clients/qbittorrent.ts'
import { rtorrent } from './clients/rtorrent.ts'
import { shoal } from './clients/shoal.ts'
import { webtorrent } from './clients/webtorrent.ts'

/** Every client that the bench knows, ours first: the others are what it is compared with. */
const CLIENTS: readonly Client[] = [shoal, libtorrent, aria2, rtorrent, qbittorrent, webtorrent]
/** `--clients` unless given. */
export const USUAL_CLIENTS = 'shoal,libtorrent,aria2'

/** @throws when there is none of that name. */
export function clientsNamed(names: string): Client[] {
  if (names === 'all') return [...CLIENTS]
  return names.split(',').map((name) => {
    const client = CLIENTS.find((each) => each.name === name)
    if (client === undefined)
      throw new Error(`There is no client ${name}: choose from ${CLIENTS.map((each) => each.name).join(', ')}, or all`)
    return client
  })
}
