import { hash } from 'node:crypto'
import { ProtocolError } from '@shoal/protocol/errors'
import type { HashFunctions } from '@shoal/protocol/metainfo/info'
import { type Magnet, parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { type Metainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { quoted } from '../render/text.ts'
import { readTorrentBytes } from '../shell/peer/torrent-bytes.ts'

/** What `<file.torrent|magnet>` was. */
export type TorrentSource =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly metainfo: Metainfo }
  | { readonly kind: 'magnet'; readonly text: string; readonly magnet: Magnet }

/**
 * @throws {ProtocolError} what is wrong with the bytes or the link
 * @throws {CliError} `FILE_MISSING`, `NOT_A_FILE`, `NOT_READABLE`
 */
export async function readTorrentSource(argument: string): Promise<TorrentSource> {
  if (/^\s*magnet:/i.test(argument)) return { kind: 'magnet', text: argument, magnet: parseMagnet(argument.trim()) }
  return { kind: 'file', ...(await readTorrentFile(argument)) }
}

/** The same where only a file will do. */
export async function readTorrentFile(path: string): Promise<{ bytes: Uint8Array; metainfo: Metainfo }> {
  const bytes = await readTorrentBytes(path)
  try {
    return { bytes, metainfo: parseMetainfo(bytes, HASHES) }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new ProtocolError(error.code, `${quoted(path)} is not a torrent that can be used. ${error.message}`, { cause: error })
  }
}

const HASHES: HashFunctions = {
  sha1: (bytes) => new Uint8Array(hash('sha1', bytes, 'buffer')),
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
}
