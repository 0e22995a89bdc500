import { stat } from 'node:fs/promises'
import type { AddTorrent } from '@shoal/api/daemon-api'
import { readTorrentBytes } from './torrent-bytes.ts'

/** What the daemon is told of a torrent: its file, or a link. */
export type TorrentSource = Pick<AddTorrent, 'metainfo' | 'link'>

/** A magnet link, an info hash (hex or base32), an address of a .torrent file. */
const LINK = /^(?:magnet:|https?:\/\/|[0-9a-f]{40}$|[a-z2-7]{32}$)/i

export function isLink(word: string): boolean {
  return LINK.test(word.trim())
}

/** @throws {ProtocolError} or {CliError} what is wrong with the file */
export async function readSource(word: string, path: string): Promise<TorrentSource> {
  if (isLink(word)) return { link: word.trim() }
  return { metainfo: Buffer.from(await readTorrentBytes(path)).toString('base64') }
}

/** Whether there is a file or folder of that name; what cannot be looked at is none. */
export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
