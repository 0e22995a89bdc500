import { encodePieceMap } from '@shoal/api/piece-map'
import type { AddTorrent as EngineInput, Info, TorrentSnapshot } from '@shoal/engine'
import type { TorrentRecord } from './torrent-record.ts'

/** What the engine is told of a torrent. */
export function engineInput(record: TorrentRecord, metainfo: Uint8Array | undefined): EngineInput {
  const { magnet, trackers, pathsOnDisk, files } = record
  if (metainfo === undefined && magnet === undefined) throw new Error(`Cannot happen: ${record.id} has neither metainfo nor magnet`)
  return {
    ...(metainfo === undefined ? { magnet: magnet! } : { metainfo }),
    dir: record.dir,
    skipCheck: record.skipCheck,
    uploadOnly: record.isUploadOnly,
    peers: record.peers,
    ...(trackers === undefined ? {} : { trackerTiers: trackers }),
    ...(pathsOnDisk === undefined ? {} : { pathsOnDisk }),
    ...(metainfo === undefined && files !== undefined ? { files } : {}),
  }
}

/** What a record says of it when it no longer runs. */
export function remembered(snapshot: TorrentSnapshot): Partial<TorrentRecord> {
  const { wantedSize, haveBytes, downloaded, uploaded, havePieces } = snapshot
  return { wantedSize, haveBytes, downloaded, uploaded, ...(havePieces === undefined ? {} : { pieces: encodePieceMap(havePieces) }) }
}

/** What a record says of the content itself. */
export function factsOf(info: Info): Pick<TorrentRecord, 'name' | 'size' | 'wantedSize' | 'isPrivate'> {
  const size = info.files.reduce((sum, file) => sum + (file.isPadding ? 0 : file.length), 0)
  return { name: info.name, size, wantedSize: size, isPrivate: info.isPrivate }
}

/** The same when only some files are wanted. */
export function wantedOf(info: Info, files: readonly number[] | undefined): Pick<TorrentRecord, 'priorities' | 'wantedSize'> {
  const { size } = factsOf(info)
  if (files === undefined) return { wantedSize: size }
  const wanted = new Set(files)
  return {
    priorities: info.files.map((_, index) => (wanted.has(index) ? '4' : '0')).join(''),
    wantedSize: info.files.reduce((sum, file, index) => sum + (wanted.has(index) && !file.isPadding ? file.length : 0), 0),
  }
}
