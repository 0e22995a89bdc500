import Type, { type Static, type TProperties } from 'typebox'
import { FILE_NAME_CHARACTERS, FileTexts, InfoHashHex } from './hub-api.ts'

/**
 * What the peer's daemon says and hears over HTTP on this machine, under `/v1`. Each schema is a value that checks what
 * arrives, and a type of the same name. Moments are milliseconds since 1970, sizes bytes, rates bytes a second; a limit that is
 * null is none. A torrent's id is its info hash (40 hex digits).
 */

function body<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

const Moment = Type.Integer({ minimum: 0, description: 'Milliseconds since 1970' })
const Count = Type.Integer({ minimum: 0 })
const Rate = Type.Number({ minimum: 0, description: 'Bytes a second' })
const Limit = Type.Union([Type.Integer({ minimum: 1, maximum: 1e15 }), Type.Null()])
/** An absolute path of the machine that the daemon runs on. */
const Path = Type.String({ minLength: 1, maxLength: 4_096 })
const Label = Type.String({ minLength: 1, maxLength: 40 })
const oneOf = <T extends string>(...values: readonly T[]) => Type.Unsafe<T>(Type.String({ enum: [...values] }))

// --- torrents -----------------------------------------------------------------------------------------------------

/**
 * `queued` waits for its turn, `finished` has all that is wanted, `waiting-for-disk` goes on by itself, `failed` waits for
 * somebody; `error` says why.
 */
export const TORRENT_STATUSES = [
  'fetching-metadata',
  'checking',
  'downloading',
  'waiting-for-disk',
  'finished',
  'seeding',
  'paused',
  'queued',
  'moving',
  'failed',
] as const
export type TorrentStatus = (typeof TORRENT_STATUSES)[number]

/** When to stop sharing, and what then. Whatever is reached first counts; null is never. */
export const Goals = body({
  /** Uploaded bytes over the size. */
  ratio: Type.Union([Type.Number({ minimum: 0, maximum: 1e6 }), Type.Null()]),
  /** Time of sharing. */
  seedMinutes: Limit,
  /** Time without anybody to share with. */
  idleMinutes: Limit,
  action: oneOf('pause', 'remove', 'remove-with-data'),
})
export type Goals = Static<typeof Goals>

export const TorrentError = Type.Object({ code: Type.String(), detail: Type.String() })
export type TorrentError = Static<typeof TorrentError>

export const TorrentItem = Type.Object({
  id: InfoHashHex,
  name: Type.String(),
  status: oneOf(...TORRENT_STATUSES),
  error: Type.Optional(TorrentError),
  labels: Type.Array(Type.String()),
  dir: Type.String(),
  /** 0 until the metadata of a magnet link is known. */
  size: Count,
  wantedSize: Count,
  /** Verified, of what is wanted. */
  haveBytes: Count,
  /** Of `checking` and `moving`: 0 to 1. */
  workProgress: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  downloadRate: Rate,
  uploadRate: Rate,
  downloaded: Count,
  uploaded: Count,
  wasted: Count,
  peers: Count,
  seeds: Type.Union([Count, Type.Null()]),
  leechers: Type.Union([Count, Type.Null()]),
  etaMs: Type.Union([Count, Type.Null()]),
  addedAt: Moment,
  completedAt: Type.Union([Moment, Type.Null()]),
  /** Place among those that wait or run, from 1; null when it is paused. */
  queuePosition: Type.Union([Count, Type.Null()]),
  isPrivate: Type.Boolean(),
  isSequential: Type.Boolean(),
  isSuperSeeding: Type.Boolean(),
  isForced: Type.Boolean(),
  downloadLimit: Limit,
  uploadLimit: Limit,
  maxConnections: Limit,
  goals: Type.Union([Goals, Type.Null()], { description: 'null: as the settings say' }),
  /** Under these names it is published on these hubs. */
  publications: Type.Array(Type.Object({ hub: Type.String(), name: Type.String() })),
})
export type TorrentItem = Static<typeof TorrentItem>

/** `GET /v1/torrents/{id}`: what does not change every second comes along. */
export const TorrentDetail = Type.Object({
  ...TorrentItem.properties,
  magnet: Type.String(),
  comment: Type.Optional(Type.String()),
  createdBy: Type.Optional(Type.String()),
  createdAt: Type.Optional(Moment),
  pieceLength: Count,
  pieceCount: Count,
  /** See piece-map. */
  pieces: Type.String(),
  activeMs: Count,
  seedingMs: Count,
})
export type TorrentDetail = Static<typeof TorrentDetail>

/** The answer to `POST /v1/torrents`. */
export const AddedTorrent = Type.Object({
  torrent: TorrentItem,
  /** Not so: it was here already, and `notes` say what it has got from this call. */
  isNew: Type.Boolean(),
  notes: Type.Array(Type.String()),
})
export type AddedTorrent = Static<typeof AddedTorrent>

/** `GET /v1/torrents/{id}/files`. Priority 0 is not wanted, 4 normal, 7 first. */
export const TorrentFileItem = Type.Object({
  index: Count,
  path: Type.Array(Type.String()),
  size: Count,
  haveBytes: Count,
  priority: Type.Integer({ minimum: 0, maximum: 7 }),
  /** Where its bytes can be read, also while it is not complete: HTTP with ranges. Below the daemon's address. */
  contentUrl: Type.String(),
})
export type TorrentFileItem = Static<typeof TorrentFileItem>

/** `POST /v1/torrents/{id}/player-keys`: what a player shows in the address (`…/content?key=`) instead of the token; good for the files of one torrent. */
export const PlayerKey = Type.Object({ key: Type.String(), expiresAt: Moment })
export type PlayerKey = Static<typeof PlayerKey>

export const PeerItem = Type.Object({
  ip: Type.String(),
  port: Count,
  client: Type.String(),
  /** Where we know it from; `incoming` came by itself. */
  isIncoming: Type.Boolean(),
  isSeed: Type.Boolean(),
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  downloadRate: Rate,
  uploadRate: Rate,
  downloaded: Count,
  uploaded: Count,
  /** `D` we get, `d` we want and are choked, `U` we give, `u` they want and are choked, `S` snubbed. */
  flags: Type.String(),
})
export type PeerItem = Static<typeof PeerItem>

export const TrackerItem = Type.Object({
  url: Type.String({ description: 'Announce keys in it are cut' }),
  tier: Count,
  status: oneOf('waiting', 'announcing', 'working', 'failing'),
  message: Type.Optional(Type.String()),
  seeds: Type.Union([Count, Type.Null()]),
  leechers: Type.Union([Count, Type.Null()]),
  nextAnnounceAt: Type.Union([Moment, Type.Null()]),
})
export type TrackerItem = Static<typeof TrackerItem>

/** One line of what happened to a torrent, for people. */
export const LogLine = Type.Object({ at: Moment, level: oneOf('note', 'warning', 'error'), text: Type.String() })
export type LogLine = Static<typeof LogLine>

/** `POST /v1/torrents`: exactly one of `metainfo`, `link`. */
export const AddTorrent = body({
  /** A .torrent file, base64. */
  metainfo: Type.Optional(Type.String({ minLength: 1, maxLength: 14_000_000 })),
  /** A magnet link, an info hash, or an http(s) address of a .torrent file. */
  link: Type.Optional(Type.String({ minLength: 1, maxLength: 8_192 })),
  /** Absent: the folder of the settings. */
  dir: Type.Optional(Path),
  labels: Type.Optional(Type.Array(Label, { maxItems: 20 })),
  /** Wanted files, counted from 0. */
  files: Type.Optional(Type.Array(Count, { minItems: 1, maxItems: 100_000 })),
  isPaused: Type.Optional(Type.Boolean()),
  isSequential: Type.Optional(Type.Boolean()),
  skipCheck: Type.Optional(Type.Boolean()),
  /** Shares what is there and fetches nothing. */
  isUploadOnly: Type.Optional(Type.Boolean()),
  trackers: Type.Optional(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 })),
  peers: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 })),
})
export type AddTorrent = Static<typeof AddTorrent>

/** `PATCH /v1/torrents/{id}` */
export const TorrentChange = body({
  /** As people see it; files keep their names. */
  name: Type.Optional(Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS })),
  labels: Type.Optional(Type.Array(Label, { maxItems: 20 })),
  isSequential: Type.Optional(Type.Boolean()),
  isSuperSeeding: Type.Optional(Type.Boolean()),
  /** Runs whatever the queue says. */
  isForced: Type.Optional(Type.Boolean()),
  downloadLimit: Type.Optional(Limit),
  uploadLimit: Type.Optional(Limit),
  maxConnections: Type.Optional(Limit),
  goals: Type.Optional(Type.Union([Goals, Type.Null()])),
  queuePosition: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Tiers of addresses, all of them. */
  trackers: Type.Optional(Type.Array(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 }), { maxItems: 100 })),
  /** By index of the file. */
  priorities: Type.Optional(
    Type.Array(body({ index: Count, priority: Type.Integer({ minimum: 0, maximum: 7 }) }), { minItems: 1, maxItems: 100_000 }),
  ),
})
export type TorrentChange = Static<typeof TorrentChange>

/** `POST /v1/torrents/{id}/{action}` */
export const TORRENT_ACTIONS = ['pause', 'resume', 'recheck', 'announce'] as const
export type TorrentAction = (typeof TORRENT_ACTIONS)[number]

/** `POST /v1/torrents/{id}/move`: copies, verifies, then switches; also to another file system. */
export const MoveTorrent = body({ dir: Path })
export type MoveTorrent = Static<typeof MoveTorrent>

/** `DELETE /v1/torrents/{id}?data=…`: `recycle` moves the data to the recycle folder first, where it can be taken back. */
export const RemoveQuery = body({ data: Type.Optional(oneOf('keep', 'recycle')) })
export type RemoveQuery = Static<typeof RemoveQuery>

/** What was down- and uploaded: what `stop` prints. */
export const Totals = Type.Object({ id: InfoHashHex, name: Type.String(), downloaded: Count, uploaded: Count })
export type Totals = Static<typeof Totals>

// --- making torrents ----------------------------------------------------------------------------------------------

/** `POST /v1/creations`: hashes a file or folder. */
export const NewCreation = body({
  path: Path,
  name: Type.Optional(Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS })),
  pieceLength: Type.Optional(Type.Integer({ minimum: 16_384, maximum: 134_217_728 })),
  isPrivate: Type.Optional(Type.Boolean()),
  isHybrid: Type.Optional(Type.Boolean()),
  padding: Type.Optional(Type.Boolean()),
  source: Type.Optional(Type.String({ maxLength: 200 })),
  comment: Type.Optional(Type.String({ maxLength: 2_000 })),
  trackers: Type.Optional(Type.Array(Type.Array(Type.String({ maxLength: 2_000 })), { maxItems: 100 })),
  webSeeds: Type.Optional(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 })),
  exclude: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 100 })),
  /** Shares it when it is made. On unless said. */
  share: Type.Optional(Type.Boolean()),
})
export type NewCreation = Static<typeof NewCreation>

export const Creation = Type.Object({
  id: Type.String(),
  path: Type.String(),
  status: oneOf('hashing', 'done', 'failed', 'cancelled'),
  hashedBytes: Count,
  totalBytes: Count,
  error: Type.Optional(TorrentError),
  torrentId: Type.Optional(InfoHashHex),
  warnings: Type.Array(Type.String()),
})
export type Creation = Static<typeof Creation>

// --- hubs ---------------------------------------------------------------------------------------------------------

/** A hub that this peer knows: `GET /v1/hubs`. Its id is made of its address. */
export const HubItem = Type.Object({
  id: Type.String(),
  url: Type.String(),
  name: Type.String(),
  status: oneOf('connecting', 'connected', 'away', 'refused'),
  /** Why it is not connected, and when it is tried again. */
  detail: Type.Optional(Type.String()),
  /** What others there call this peer, and where the hub sees it. */
  peerName: Type.Optional(Type.String()),
  peerIp: Type.Optional(Type.String()),
  account: Type.Optional(Type.Object({ name: Type.String(), role: Type.String() })),
  isDefault: Type.Boolean(),
})
export type HubItem = Static<typeof HubItem>
/** `POST /v1/hubs`: the connect of the founding documents. `url` may be `host:port`. */
export const ConnectHub = body({ url: Type.String({ minLength: 1, maxLength: 2_000 }), isDefault: Type.Optional(Type.Boolean()) })
export type ConnectHub = Static<typeof ConnectHub>
/** `POST /v1/hubs/{id}/session` (login), and with an invite or where registration is open `POST /v1/hubs/{id}/account` (register). */
export const HubSignIn = body({
  name: Type.String({ minLength: 1, maxLength: 40 }),
  password: Type.String({ minLength: 1, maxLength: 256 }),
  invite: Type.Optional(Type.String({ maxLength: 100 })),
})
export type HubSignIn = Static<typeof HubSignIn>

/** `POST /v1/publications`: make the torrent, tell the hub, share. Done when the hub has it. */
export const Publish = body({
  path: Path,
  /** Absent: the name of the file or folder. */
  name: Type.Optional(Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS })),
  /** Absent: the default hub. */
  hub: Type.Optional(Type.String({ maxLength: 2_000 })),
  description: Type.Optional(FileTexts.description),
  tags: Type.Optional(FileTexts.tags),
})
export type Publish = Static<typeof Publish>
export const Publication = Type.Object({
  hub: Type.String(),
  name: Type.String(),
  path: Type.String(),
  torrentId: InfoHashHex,
  size: Count,
  pieceCount: Count,
  pieceLength: Count,
  link: Type.String(),
  magnet: Type.String(),
  /** The hub has it; otherwise it will be told as soon as it is back. */
  isKnown: Type.Boolean(),
  copiesElsewhere: Count,
  /** Others hold every piece: the publisher may go off line. */
  mayLeave: Type.Boolean(),
})
export type Publication = Static<typeof Publication>

/** `POST /v1/fetches`: looks the name up, then downloads from all holders, or from one. */
export const Fetch = body({
  /** A name on the hub, a link of a hub, a magnet link, an info hash, an address of a .torrent file. */
  what: Type.String({ minLength: 1, maxLength: 8_192 }),
  /** The path that the file or folder is to have; it must not exist. Absent: its own name in the download folder. */
  destination: Type.Optional(Path),
  hub: Type.Optional(Type.String({ maxLength: 2_000 })),
  /** Only from this host: `ip:port`, or its name. */
  from: Type.Optional(Type.String({ maxLength: 100 })),
})
export type Fetch = Static<typeof Fetch>

// --- the daemon ---------------------------------------------------------------------------------------------------

/** One box of the week: from Monday 0:00. */
export const ScheduleEntry = body({
  /** 0 is Monday. */
  days: Type.Array(Type.Integer({ minimum: 0, maximum: 6 }), { minItems: 1, maxItems: 7, uniqueItems: true }),
  /** `08:30`, local time. An end before the start is on the next day. */
  from: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' }),
  to: Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' }),
  downloadLimit: Limit,
  uploadLimit: Limit,
})
export type ScheduleEntry = Static<typeof ScheduleEntry>

export const WatchFolder = body({ path: Path, dir: Type.Optional(Path), labels: Type.Optional(Type.Array(Label, { maxItems: 20 })) })
export type WatchFolder = Static<typeof WatchFolder>

export const DaemonSettings = Type.Object({
  /** What hubs call this peer. */
  peerName: Type.String({ minLength: 1, maxLength: 40 }),
  downloadDir: Path,
  downloadLimit: Limit,
  uploadLimit: Limit,
  /** The first entry that fits this moment counts instead of the two limits above. */
  schedule: Type.Array(ScheduleEntry, { maxItems: 100 }),
  /** Peers in this machine's own networks are not limited. */
  lanIsUnlimited: Type.Boolean(),
  maxActiveDownloads: Type.Integer({ minimum: 1, maximum: 100_000 }),
  maxActiveSeeds: Type.Integer({ minimum: 1, maximum: 100_000 }),
  /** Torrents below this rate do not count as active. */
  slowRate: Type.Integer({ minimum: 0 }),
  maxConnections: Type.Integer({ minimum: 1, maximum: 100_000 }),
  goals: Goals,
  watchFolders: Type.Array(WatchFolder, { maxItems: 20 }),
  recycleDays: Type.Integer({ minimum: 0, maximum: 3_650 }),
  notify: Type.Boolean(),
  /** For experiments: each of this peer's answers to other peers waits so long. */
  delayMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
})
export type DaemonSettings = Static<typeof DaemonSettings>
export const DaemonSettingsChange = Type.Partial(DaemonSettings, { additionalProperties: false })
export type DaemonSettingsChange = Static<typeof DaemonSettingsChange>

/** `GET /v1/daemon` */
export const DaemonFacts = Type.Object({
  version: Type.String(),
  pid: Type.Integer(),
  startedAt: Moment,
  peerPort: Type.Integer(),
  home: Type.String(),
  torrents: Count,
  connections: Count,
  downloadRate: Rate,
  uploadRate: Rate,
  /** Of all time. */
  downloaded: Count,
  uploaded: Count,
  freeBytes: Type.Union([Count, Type.Null()]),
  /** The limits that count at this moment. */
  downloadLimit: Limit,
  uploadLimit: Limit,
})
export type DaemonFacts = Static<typeof DaemonFacts>

/** `GET /v1/history`: one point a minute for a day, one an hour for a year. */
export const HistoryPoint = Type.Object({ at: Moment, downloaded: Count, uploaded: Count })
export type HistoryPoint = Static<typeof HistoryPoint>

/** News of the daemon: `GET /v1/events` (Server-Sent Events, as the hub's). `torrents` has what changed, at most four times a second. */
export const DaemonEvent = Type.Union([
  Type.Object({ type: Type.Literal('reset') }),
  Type.Object({ type: Type.Literal('torrents'), changed: Type.Array(TorrentItem), removed: Type.Array(Type.String()) }),
  Type.Object({ type: Type.Literal('daemon'), facts: DaemonFacts }),
  Type.Object({ type: Type.Literal('log'), id: Type.String(), line: LogLine }),
  /** Only while somebody watches the torrent (`?watch=<id>`). */
  Type.Object({ type: Type.Literal('pieces'), id: Type.String(), pieces: Type.String() }),
  Type.Object({ type: Type.Literal('creation'), creation: Creation }),
  Type.Object({ type: Type.Literal('hub'), hub: HubItem }),
  Type.Object({ type: Type.Literal('publication'), publication: Publication }),
  Type.Object({ type: Type.Literal('settings-changed') }),
])
export type DaemonEvent = Static<typeof DaemonEvent>
