import { createHash } from 'node:crypto'
import { encodeInfo, encodeMetainfo, type NewFile } from '@shoal/protocol/metainfo/metainfo'

export interface MadeTorrent {
  readonly bytes: Uint8Array
  readonly infoRaw: Uint8Array
  readonly infoHash: string
}

export interface TorrentWish {
  readonly name?: string
  /** Equal seeds make equal content. */
  readonly seed?: string
  readonly length?: number
  readonly pieceLength?: number
  readonly files?: readonly NewFile[]
  readonly isPrivate?: boolean
  readonly trackers?: readonly (readonly string[])[]
  readonly comment?: string
}

/** A .torrent of content that nobody has: the hashes are of its seed. */
export function madeTorrent(wish: TorrentWish = {}): MadeTorrent {
  const { name = 'lecture-04.mp4', seed = name, length = 100_000, pieceLength = 16_384, isPrivate = false, trackers = [], comment } = wish
  const files = wish.files ?? [{ path: [name], length }]
  const pieceCount = Math.ceil(files.reduce((sum, file) => sum + file.length, 0) / pieceLength)
  const pieceHashes = new Uint8Array(20 * pieceCount)
  for (let piece = 0; piece < pieceCount; piece++) pieceHashes.set(createHash('sha1').update(`${seed} ${piece}`).digest(), 20 * piece)
  const infoRaw = encodeInfo({ name, pieceLength, pieceHashes, files, isPrivate })
  const bytes = encodeMetainfo({ infoRaw, trackers, ...(comment === undefined ? {} : { comment }) })
  return { bytes, infoRaw, infoHash: createHash('sha1').update(infoRaw).digest('hex') }
}
