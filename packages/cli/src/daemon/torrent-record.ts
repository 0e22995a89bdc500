import { Goals } from '@shoal/api/daemon-api'
import { InfoHashHex } from '@shoal/api/hub-api'
import Type, { type Static } from 'typebox'

const Count = Type.Integer({ minimum: 0 })
const Limit = Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])

/** What is remembered of one torrent, besides what the engine remembers of its data. The id is its info hash. */
export const TorrentRecord = Type.Object({
  id: InfoHashHex,
  name: Type.String(),
  dir: Type.String(),
  /** The name of its .torrent file in `MetainfoFiles`; absent while a magnet link fetches it. */
  metainfo: Type.Optional(Type.String()),
  magnet: Type.Optional(Type.String()),
  /** As people want to see it. */
  title: Type.Optional(Type.String()),
  labels: Type.Array(Type.String()),
  addedAt: Count,
  completedAt: Type.Union([Count, Type.Null()]),

  /** Smaller is earlier. */
  order: Type.Number(),
  isPaused: Type.Boolean(),
  isForced: Type.Boolean(),
  isSequential: Type.Boolean(),
  isSuperSeeding: Type.Boolean(),
  isUploadOnly: Type.Boolean(),
  /** All of it was there and right when it was added: believed as long as nobody has written to its files since. */
  skipCheck: Type.Boolean(),
  downloadLimit: Limit,
  uploadLimit: Limit,
  maxConnections: Limit,
  goals: Type.Union([Goals, Type.Null()]),
  /** They were reached, and done as they say; who resumes it then wants it to go on. */
  areGoalsMet: Type.Boolean(),
  /** One digit a file, 0 to 7; absent: all normal. */
  priorities: Type.Optional(Type.String()),
  /** Wanted files of a magnet link whose files are not known yet. */
  files: Type.Optional(Type.Array(Count)),
  /** Instead of those that the torrent names. */
  trackers: Type.Optional(Type.Array(Type.Array(Type.String()))),
  peers: Type.Array(Type.Object({ host: Type.String(), port: Type.Integer() })),
  pathsOnDisk: Type.Optional(Type.Array(Type.Array(Type.String()))),
  publications: Type.Array(Type.Object({ hub: Type.String(), name: Type.String() })),
  /** Where it is being moved to: a daemon that was killed meanwhile goes on with it. */
  movesTo: Type.Union([Type.String(), Type.Null()]),

  // What it was when it last ran, for lists.
  /** See piece-map. */
  pieces: Type.Optional(Type.String()),
  size: Count,
  wantedSize: Count,
  haveBytes: Count,
  isPrivate: Type.Boolean(),
  downloaded: Count,
  uploaded: Count,
  activeMs: Count,
  seedingMs: Count,
})
export type TorrentRecord = Static<typeof TorrentRecord>

type Given = 'id' | 'name' | 'dir' | 'addedAt' | 'order'

/** A torrent as it is when nothing was said about it. */
export const RECORD_DEFAULTS: Omit<TorrentRecord, Given> = Object.freeze({
  labels: [],
  completedAt: null,
  isPaused: false,
  isForced: false,
  isSequential: false,
  isSuperSeeding: false,
  isUploadOnly: false,
  skipCheck: false,
  downloadLimit: null,
  uploadLimit: null,
  maxConnections: null,
  goals: null,
  areGoalsMet: false,
  peers: [],
  publications: [],
  movesTo: null,
  size: 0,
  wantedSize: 0,
  haveBytes: 0,
  isPrivate: false,
  downloaded: 0,
  uploaded: 0,
  activeMs: 0,
  seedingMs: 0,
})

export function newRecord(given: Pick<TorrentRecord, Given> & Partial<TorrentRecord>): TorrentRecord {
  return { ...RECORD_DEFAULTS, ...given }
}
