/**
 * The thread that reads .torrent files of strangers: a hostile one may keep it busy for seconds, and then it is ended and
 * nobody else has waited for it (SAFETY T12).
 */
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { ProtocolError } from '@shoal/protocol/errors'
import { infoHashHex, truncateInfoHash } from '@shoal/protocol/info-hash'
import type { FileEntry } from '@shoal/protocol/metainfo/file-list'
import { type Metainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { lookAlikeHost } from './look-alike.ts'
import { tailorTorrent } from './tailored-torrent.ts'

/** What the hub remembers of a torrent. */
export interface TorrentSummary {
  /** v1, or the first 20 bytes of v2: 40 hex digits. */
  readonly infoHash: string
  /** 64 hex digits. */
  readonly infoHashV2: string | undefined
  readonly name: string
  /** Of its files, without padding. */
  readonly size: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly fileCount: number
  readonly isPrivate: boolean
  /** What was left out or is odd, for people. */
  readonly warnings: readonly string[]
}

export interface ListedFiles {
  readonly total: number
  readonly items: readonly { readonly path: string[]; readonly length: number }[]
}

/** All of its memory, which goes to the thread without a copy. */
export type OwnBytes = Uint8Array<ArrayBuffer>

export type TorrentJob =
  | { readonly type: 'summary'; readonly bytes: OwnBytes }
  | { readonly type: 'files'; readonly bytes: OwnBytes; readonly sha256: string; readonly skip: number; readonly limit: number }
  | { readonly type: 'tailor'; readonly bytes: OwnBytes; readonly announceUrls: readonly string[] }

export type TorrentAnswer =
  | { readonly type: 'done'; readonly outcome: TorrentSummary | ListedFiles | Uint8Array }
  /** It breaks a rule: in the words of whoever noticed. */
  | { readonly type: 'refused'; readonly detail: string }

/** Somebody who pages through a list of files does not make us read them all again for each page. */
let lastListed: { readonly sha256: string; readonly files: readonly FileEntry[] } | undefined

const HASHES = {
  sha1: (bytes: Uint8Array) => new Uint8Array(createHash('sha1').update(bytes).digest()),
  sha256: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()),
}

const port = parentPort
if (port === null) throw new Error('Cannot happen: the torrent worker runs outside a worker thread')
port.on('message', (job: TorrentJob) => port.postMessage(answer(job)))

function answer(job: TorrentJob): TorrentAnswer {
  try {
    return { type: 'done', outcome: outcomeOf(job) }
  } catch (error) {
    if (error instanceof ProtocolError) return { type: 'refused', detail: error.message }
    throw error
  }
}

function outcomeOf(job: TorrentJob): TorrentSummary | ListedFiles | Uint8Array {
  switch (job.type) {
    case 'summary':
      return summaryOf(parseMetainfo(job.bytes, HASHES))
    case 'files': {
      if (lastListed?.sha256 !== job.sha256) {
        lastListed = { sha256: job.sha256, files: parseMetainfo(job.bytes, HASHES).info.files.filter((file) => !file.isPadding) }
      }
      const files = lastListed.files.slice(job.skip, job.skip + job.limit)
      return { total: lastListed.files.length, items: files.map(({ path, length }) => ({ path: [...path], length })) }
    }
    case 'tailor':
      return tailorTorrent(job.bytes, job.announceUrls)
  }
}

function summaryOf(metainfo: Metainfo): TorrentSummary {
  const { info } = metainfo
  const trickster = lookAlikeHost(metainfo.trackers.flat())
  if (trickster !== undefined) {
    throw new ProtocolError(
      'TRACKER_URL',
      `Cannot take a torrent with the tracker ${trickster}: its host is written to look like another name (xn--…). Take the tracker out`,
    )
  }
  const files = info.files.filter((file) => !file.isPadding)
  const v1 = info.infoHashV1 ?? truncateInfoHash(info.infoHashV2!)
  return {
    infoHash: infoHashHex(v1),
    infoHashV2: info.infoHashV2 && infoHashHex(info.infoHashV2),
    name: info.name,
    size: files.reduce((sum, file) => sum + file.length, 0),
    pieceLength: info.pieceLength,
    pieceCount: info.pieceCount,
    fileCount: files.length,
    isPrivate: info.isPrivate,
    warnings: [...metainfo.warnings, ...info.warnings],
  }
}
