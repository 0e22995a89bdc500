import type { HashFunctions, Info } from '@shoal/protocol/metainfo/info'
import { parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { isTrackerUrl, MAX_TRACKERS } from '@shoal/protocol/metainfo/tracker-list'
import { makePeerId } from '@shoal/protocol/peer-id'
import { EngineError } from '../base/errors.ts'
import type { Endpoint } from '../ports/network.ts'
import type { System } from '../ports/system.ts'

/** What to share or fetch, from where, and how. */
export interface AddTorrent {
  /** The bytes of a `.torrent` file; or: */
  readonly metainfo?: Uint8Array
  /** A magnet link. */
  readonly magnet?: string
  /** The folder that holds (or will hold) the file or folder of the torrent; absolute. */
  readonly dir: string
  /** Indexes of the wanted files, counted from 0; all when not given. */
  readonly files?: readonly number[]
  /** In the order of the file rather than the rarest first. */
  readonly sequential?: boolean
  /** As a seed, shows each peer only what hardly anybody has, until others have everything (BEP 16). */
  readonly superSeeding?: boolean
  /** Waits for `start`: until then nothing is looked at, and nobody is told. */
  readonly isStopped?: boolean
  /** Believes that all data is there, until a read disagrees. */
  readonly skipCheck?: boolean
  /** Where each file really is below `dir`, one path a file: for data that has names which a torrent may not have. */
  readonly pathsOnDisk?: readonly (readonly string[])[]
  /** Shares what is there and fetches nothing. */
  readonly uploadOnly?: boolean
  readonly preallocation?: 'sparse' | 'full'
  /** Peers to try besides those that trackers tell of. */
  readonly peers?: readonly Endpoint[]
  /** Trackers besides those of the torrent: only those that somebody asked for. */
  readonly trackers?: readonly string[]
  /** Trackers instead of all others, in tiers. */
  readonly trackerTiers?: readonly (readonly string[])[]
  /** Connections that it may have; as the session says when not given. */
  readonly maxConnections?: number
  readonly uploadRateBytesPerSecond?: number
  readonly downloadRateBytesPerSecond?: number
}

/** What is known of a torrent before anything was asked of anybody. */
export interface TorrentSource {
  readonly infoHash: Uint8Array
  readonly info: Info | undefined
  readonly name: string | undefined
  readonly trackers: readonly (readonly string[])[]
  readonly peers: readonly Endpoint[]
  readonly selectedFiles: readonly number[] | undefined
  makePeerId(system: System): Uint8Array
}

const PEER_ID_PREFIX = '-SH0100-'

/** @throws {ProtocolError} of the metainfo or magnet. @throws {EngineError} `OPTION_INVALID`, `TORRENT_UNSUPPORTED` */
export function torrentSource(what: AddTorrent, hashes: HashFunctions): TorrentSource {
  const extraTier = what.trackers === undefined || what.trackers.length === 0 ? [] : [what.trackers]
  const common = { makePeerId: (system: System) => makePeerId(PEER_ID_PREFIX, system.randomBytes(12)) }
  if (what.metainfo !== undefined) {
    const { info, trackers } = parseMetainfo(what.metainfo, hashes)
    return {
      ...common,
      infoHash: info.infoHashV1 ?? v2Only(info.name),
      info,
      name: info.name,
      trackers: [...trackers, ...extraTier],
      peers: [],
      selectedFiles: undefined,
    }
  }
  if (what.magnet === undefined) throw new EngineError('OPTION_INVALID', 'Give the bytes of a torrent file or a magnet link')
  const magnet = parseMagnet(what.magnet)
  return {
    ...common,
    infoHash: magnet.infoHashV1 ?? v2Only(magnet.name ?? 'This magnet link'),
    info: undefined,
    name: magnet.name,
    // A magnet link has no tiers: each of its trackers is one.
    trackers: [...magnet.trackers.map((url) => [url]), ...extraTier],
    // Names in x.pe would have to be resolved: trackers do better.
    peers: magnet.peers.filter(({ host }) => /^[\d.]+$|:/.test(host)),
    selectedFiles: magnet.selectedFiles,
  }
}

/** A copy of the tiers. @throws {EngineError} `OPTION_INVALID` for what is no address of a tracker, or too many */
export function checkedTiers(tiers: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const urls = tiers.flat()
  if (urls.length > MAX_TRACKERS) {
    throw new EngineError('OPTION_INVALID', `Cannot use ${urls.length} trackers: a torrent may have ${MAX_TRACKERS}`)
  }
  const wrong = urls.find((url) => !isTrackerUrl(url))
  if (wrong !== undefined) {
    throw new EngineError(
      'OPTION_INVALID',
      `Cannot use ${JSON.stringify(wrong.slice(0, 200))} as a tracker: it is no http, https, udp, ws or wss address`,
    )
  }
  return tiers.map((tier) => [...tier]).filter((tier) => tier.length > 0)
}

function v2Only(name: string): never {
  throw new EngineError(
    'TORRENT_UNSUPPORTED',
    `'${name}' is v2-only (BEP 52), which Shoal reads but does not transfer yet. Ask whoever made it for a hybrid torrent.`,
  )
}
