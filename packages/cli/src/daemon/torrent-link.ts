import { ProblemError } from '@shoal/api/problem'
import type { Endpoint } from '@shoal/engine'
import { ProtocolError } from '@shoal/protocol/errors'
import { infoHashHex, toInfoHash } from '@shoal/protocol/info-hash'
import { parseIp } from '@shoal/protocol/ip-address'
import { formatMagnet, type Magnet, parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { type Metainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { HASHES } from './metainfo-files.ts'

/** What somebody gave us to add, read. */
export type TorrentSource =
  | { readonly kind: 'metainfo'; readonly id: string; readonly bytes: Uint8Array; readonly metainfo: Metainfo }
  | { readonly kind: 'magnet'; readonly id: string; readonly text: string; readonly magnet: Magnet }

export type Download = (address: string, signal: AbortSignal | undefined) => Promise<Uint8Array>

/** A magnet link, an info hash, or the address of a .torrent file. @throws {ProblemError} `VALIDATION`, `TORRENT_INVALID`, and of `download` */
export async function readLink(text: string, download: Download, signal: AbortSignal | undefined): Promise<TorrentSource> {
  const link = text.trim()
  if (/^magnet:/i.test(link)) return readMagnet(link)
  if (/^(?:[0-9a-f]{40}|[a-z2-7]{32})$/i.test(link)) {
    return readMagnet(asProblem(() => formatMagnet({ infoHashV1: toInfoHash(link), trackers: [], webSeeds: [], peers: [] })))
  }
  if (/^https?:\/\//i.test(link)) return readMetainfo(await download(link, signal))
  throw new ProblemError(
    'VALIDATION',
    `Cannot add '${link.slice(0, 100)}': it is no magnet link, no info hash (40 hex digits or 32 letters) and no http(s) address of a .torrent file`,
  )
}

/** @throws {ProblemError} `TORRENT_INVALID` */
export function readMetainfo(bytes: Uint8Array): TorrentSource {
  const metainfo = asProblem(() => parseMetainfo(bytes, HASHES))
  return { kind: 'metainfo', id: idOf(metainfo.info.infoHashV1, metainfo.info.name), bytes, metainfo }
}

/** `ip:port` or `[ipv6]:port`. @throws {ProblemError} `VALIDATION` */
export function readPeer(text: string): Endpoint {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  if (parseIp(host) !== undefined && port >= 1 && port <= 65_535) return { host, port }
  throw new ProblemError('VALIDATION', `Cannot use the peer '${text}': give ip:port, with brackets around an IPv6 address`)
}

function readMagnet(text: string): TorrentSource {
  const magnet = asProblem(() => parseMagnet(text))
  return { kind: 'magnet', id: idOf(magnet.infoHashV1, magnet.name ?? 'This link'), text, magnet }
}

function idOf(infoHashV1: Uint8Array | undefined, name: string): string {
  if (infoHashV1 !== undefined) return infoHashHex(infoHashV1)
  throw new ProblemError(
    'TORRENT_INVALID',
    `'${name}' is v2-only (BEP 52), which is not transferred yet. Ask whoever made it for a hybrid one`,
  )
}

function asProblem<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) throw new ProblemError('TORRENT_INVALID', error.message, {}, { cause: error })
    throw error
  }
}
