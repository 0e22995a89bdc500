import { infoHashHex } from '@shoal/protocol/info-hash'
import type { Info } from '@shoal/protocol/metainfo/info'
import { formatMagnet, type Magnet } from '@shoal/protocol/metainfo/magnet'
import type { Metainfo } from '@shoal/protocol/metainfo/metainfo'

/**
 * A torrent as `shoal show --json` prints it. Scripts rely on these names.
 *
 * Of a magnet link only the hashes are certain: what it does not say is null, and there are no files.
 */
export interface TorrentDescription {
  readonly version: 'v1' | 'v2' | 'hybrid'
  readonly name: string | null
  readonly infoHashV1: string | null
  readonly infoHashV2: string | null
  readonly pieceLength: number | null
  readonly pieceCount: number | null
  readonly totalSize: number | null
  readonly private: boolean | null
  readonly files: readonly FileDescription[]
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
  readonly magnet: string
}

/** Its place in the list, counted from 1, is its number for `--files`. */
export interface FileDescription {
  /** Where it will be in the download folder, with forward slashes. */
  readonly path: string
  readonly length: number
  readonly pad?: true
  readonly symlink?: string
  readonly executable?: true
}

export function describeMetainfo(metainfo: Metainfo): TorrentDescription {
  const { info } = metainfo
  return {
    version: info.version,
    name: info.name,
    infoHashV1: info.infoHashV1 === undefined ? null : infoHashHex(info.infoHashV1),
    infoHashV2: info.infoHashV2 === undefined ? null : infoHashHex(info.infoHashV2),
    pieceLength: info.pieceLength,
    pieceCount: info.pieceCount,
    totalSize: info.totalSize,
    private: info.isPrivate,
    files: info.files.map(describeFile),
    trackers: metainfo.trackers,
    webSeeds: metainfo.webSeeds,
    magnet: magnetOf(metainfo),
  }
}

export function describeMagnet(magnet: Magnet): TorrentDescription {
  const version = magnet.infoHashV1 === undefined ? 'v2' : magnet.infoHashV2 === undefined ? 'v1' : 'hybrid'
  return {
    version,
    name: magnet.name ?? null,
    infoHashV1: magnet.infoHashV1 === undefined ? null : infoHashHex(magnet.infoHashV1),
    infoHashV2: magnet.infoHashV2 === undefined ? null : infoHashHex(magnet.infoHashV2),
    pieceLength: null,
    pieceCount: null,
    totalSize: magnet.exactLength ?? null,
    private: null,
    files: [],
    // A magnet link has no tiers: each tracker stands for itself.
    trackers: magnet.trackers.map((tracker) => [tracker]),
    webSeeds: magnet.webSeeds,
    magnet: formatMagnet(magnet),
  }
}

/** The link that says the same: hashes, name, size, every tracker and web seed. */
export function magnetOf({
  info,
  trackers,
  webSeeds,
}: {
  info: Info
  trackers: Metainfo['trackers']
  webSeeds: Metainfo['webSeeds']
}): string {
  return formatMagnet({
    ...(info.infoHashV1 === undefined ? {} : { infoHashV1: info.infoHashV1 }),
    ...(info.infoHashV2 === undefined ? {} : { infoHashV2: info.infoHashV2 }),
    name: info.name,
    exactLength: info.totalSize,
    trackers: trackers.flat(),
    webSeeds: [...webSeeds],
    peers: [],
  })
}

function describeFile(file: Info['files'][number]): FileDescription {
  return {
    path: file.path.join('/'),
    length: file.length,
    ...(file.isPadding ? { pad: true } : {}),
    ...(file.symlinkTarget === undefined ? {} : { symlink: file.symlinkTarget.join('/') }),
    ...(file.isExecutable ? { executable: true } : {}),
  }
}
