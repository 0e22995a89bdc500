import Type, { type Static, type TProperties } from 'typebox'
import { ROLES, type Role, SCOPES, type Scope } from './permissions.ts'

/**
 * What a hub says and hears over HTTP, under `/v1`. Each schema is a value that checks what arrives, and a type of the
 * same name. Moments are milliseconds since 1970, sizes bytes. What a client does not know it ignores: answers may grow.
 */

const closed = { additionalProperties: false } as const
/** A body: what is not named here is refused. */
function body<P extends TProperties>(properties: P) {
  return Type.Object(properties, closed)
}

const Moment = Type.Integer({ minimum: 0, description: 'Milliseconds since 1970' })
const Count = Type.Integer({ minimum: 0 })
const Text = (most: number) => Type.String({ minLength: 1, maxLength: most })
/** 40 hex digits (v1), lower case. */
export const InfoHashHex = Type.String({ pattern: '^[0-9a-f]{40}$' })
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const RoleName = Type.Unsafe<Role>(Type.String({ enum: [...ROLES] }))
const ScopeName = Type.Unsafe<Scope>(Type.String({ enum: Object.keys(SCOPES) }))

/** Names of accounts and of peers: letters and digits of any script, inside also space . _ - */
export const NAME_PATTERN = '^[\\p{L}\\p{N}]([\\p{L}\\p{M}\\p{N} ._-]{0,38}[\\p{L}\\p{M}\\p{N}])?$'
export const PersonName = Type.String({ minLength: 1, maxLength: 40, pattern: NAME_PATTERN })
/** Not trimmed, not normalised, every character counts. Long enough to be a sentence. */
export const Password = Type.String({ minLength: 8, maxLength: 256 })
export const FILE_NAME_CHARACTERS = 200
export const MAX_TAGS = 20

// --- the hub itself -----------------------------------------------------------------------------------------------

/** What anybody may know: `GET /v1/hub`. */
export const HubFacts = Type.Object({
  name: Type.String(),
  version: Type.String(),
  /** What somebody without an account may do; `none` is: look at the front page, register, sign in. */
  visitors: Type.Unsafe<Role | 'none'>(Type.String({ enum: ['member', 'guest', 'none'] })),
  registration: Type.Unsafe<'open' | 'invite' | 'closed'>(Type.String({ enum: ['open', 'invite', 'closed'] })),
  /** Nobody owns it yet: the person who started it was given a set-up link. */
  needsSetup: Type.Boolean(),
  /** For torrents that are made for this hub. Whoever has an account gets them with a key: `GET /v1/account`. */
  announceUrls: Type.Array(Type.String()),
  startedAt: Moment,
})
export type HubFacts = Static<typeof HubFacts>

/** `GET /v1/stats` */
export const HubStats = Type.Object({
  files: Count,
  torrents: Count,
  bytes: Count,
  members: Count,
  connectedPeers: Count,
  swarms: Count,
  swarmPeers: Count,
  httpAnnounces: Count,
  udpAnnounces: Count,
  uptimeMs: Count,
})
export type HubStats = Static<typeof HubStats>

export const Settings = Type.Object({
  name: Text(60),
  visitors: HubFacts.properties.visitors,
  registration: HubFacts.properties.registration,
  /** Which torrents may be announced: every one, or those of the catalogue only. */
  torrents: Type.Unsafe<'any' | 'listed'>(Type.String({ enum: ['any', 'listed'] })),
  maxFilesPerMember: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** Entries whose host was not seen for so long, and that nobody holds, are withdrawn. 0: never. */
  forgetAfterDays: Type.Integer({ minimum: 0, maximum: 3_650 }),
})
export type Settings = Static<typeof Settings>
export const SettingsChange = Type.Partial(Settings, closed)
export type SettingsChange = Static<typeof SettingsChange>

/** One copy of the database in the state directory of the hub: `POST /v1/backups`. */
export const BackupInfo = Type.Object({ name: Type.String(), size: Count, madeAt: Moment })
export type BackupInfo = Static<typeof BackupInfo>
/** `GET /v1/backups`, the newest first. */
export const BackupList = Type.Object({ items: Type.Array(BackupInfo) })
export type BackupList = Static<typeof BackupList>

// --- accounts -----------------------------------------------------------------------------------------------------

/** One's own account: `GET /v1/account`. */
export const Account = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: RoleName,
  createdAt: Moment,
  permissions: Type.Array(Type.String()),
  /** With one's own announce key in them: not to be shown around. */
  announceUrls: Type.Array(Type.String()),
})
export type Account = Static<typeof Account>

/** `POST /v1/accounts` (and `POST /register`). */
export const Registration = body({ name: PersonName, password: Password, invite: Type.Optional(Text(100)) })
export type Registration = Static<typeof Registration>

/** `POST /v1/setup`: the first owner, with the code of the link that the hub printed. */
export const Setup = body({ code: Text(100), name: PersonName, password: Password })
export type Setup = Static<typeof Setup>

/** `POST /v1/sessions` (and `POST /login`). With `cookie` the browser keeps the token and no script ever sees it. */
export const SignIn = body({ name: Text(40), password: Type.String({ maxLength: 256 }), cookie: Type.Optional(Type.Boolean()) })
export type SignIn = Static<typeof SignIn>

export const SignedIn = Type.Object({
  account: Account,
  /** Absent when it went into a cookie. */
  token: Type.Optional(Type.String()),
  expiresAt: Moment,
})
export type SignedIn = Static<typeof SignedIn>

export const PasswordChange = body({ current: Type.String({ maxLength: 256 }), password: Password })
export type PasswordChange = Static<typeof PasswordChange>

/** `DELETE /v1/account`: for good, and only by somebody who knows the password. */
export const AccountDeletion = body({ current: Type.String({ maxLength: 256 }) })
export type AccountDeletion = Static<typeof AccountDeletion>

export const SessionInfo = Type.Object({
  id: Type.String(),
  createdAt: Moment,
  lastUsedAt: Moment,
  expiresAt: Moment,
  /** What the program called itself. */
  agent: Type.String(),
  isCurrent: Type.Boolean(),
})
export type SessionInfo = Static<typeof SessionInfo>

export const NewToken = body({
  label: Text(60),
  scopes: Type.Array(ScopeName, { minItems: 1, maxItems: 5, uniqueItems: true }),
  /** Absent: 90 days. */
  expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650 })),
})
export type NewToken = Static<typeof NewToken>

export const TokenInfo = Type.Object({
  id: Type.String(),
  label: Type.String(),
  scopes: Type.Array(ScopeName),
  createdAt: Moment,
  expiresAt: Moment,
  lastUsedAt: Type.Union([Moment, Type.Null()]),
})
export type TokenInfo = Static<typeof TokenInfo>
/** The only time that the token itself is shown. */
export const CreatedToken = Type.Object({ ...TokenInfo.properties, token: Type.String() })
export type CreatedToken = Static<typeof CreatedToken>

/** A key that stands in announce URLs. One a device, if one likes. */
export const AnnounceKeyInfo = Type.Object({
  id: Type.String(),
  label: Type.String(),
  createdAt: Moment,
  lastUsedAt: Type.Union([Moment, Type.Null()]),
  announceUrls: Type.Array(Type.String()),
})
export type AnnounceKeyInfo = Static<typeof AnnounceKeyInfo>
export const NewAnnounceKey = body({ label: Text(60) })
export type NewAnnounceKey = Static<typeof NewAnnounceKey>

export const Member = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: RoleName,
  createdAt: Moment,
  lastSeenAt: Type.Union([Moment, Type.Null()]),
  isBanned: Type.Boolean(),
  banReason: Type.Optional(Type.String()),
  files: Count,
  isOnline: Type.Boolean(),
})
export type Member = Static<typeof Member>
/** `PATCH /v1/members/{id}` */
export const MemberChange = body({
  role: Type.Optional(RoleName),
  isBanned: Type.Optional(Type.Boolean()),
  banReason: Type.Optional(Text(200)),
})
export type MemberChange = Static<typeof MemberChange>

export const NewInvite = body({
  role: Type.Optional(Type.Unsafe<Exclude<Role, 'owner'>>(Type.String({ enum: ROLES.slice(1) }))),
  uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  expiresInHours: Type.Optional(Type.Integer({ minimum: 1, maximum: 24 * 365 })),
  note: Type.Optional(Text(100)),
})
export type NewInvite = Static<typeof NewInvite>
export const InviteInfo = Type.Object({
  id: Type.String(),
  role: RoleName,
  usesLeft: Count,
  createdBy: Type.String(),
  createdAt: Moment,
  expiresAt: Moment,
  note: Type.Optional(Type.String()),
})
export type InviteInfo = Static<typeof InviteInfo>
/** The only time that the code itself is shown. */
export const CreatedInvite = Type.Object({ ...InviteInfo.properties, code: Type.String(), link: Type.String() })
export type CreatedInvite = Static<typeof CreatedInvite>

export const AuditEntry = Type.Object({
  id: Type.Integer(),
  at: Moment,
  actor: Type.String({ description: 'The name of who did it; `hub` for the hub itself' }),
  action: Type.String({ description: 'For example member.ban' }),
  subject: Type.String(),
  detail: Type.Optional(Type.String()),
})
export type AuditEntry = Static<typeof AuditEntry>

// --- files --------------------------------------------------------------------------------------------------------

/** The host that published an entry. */
export const EntryHost = Type.Object({
  id: Type.String(),
  name: Type.String(),
  isOnline: Type.Boolean(),
  /** Only for whoever has `peers:read`. */
  ip: Type.Optional(Type.String()),
  port: Type.Optional(Type.Integer()),
})
export type EntryHost = Static<typeof EntryHost>

export const Availability = Type.Object({
  /** Peers that have everything, and that still miss something, as the tracker counts them. */
  seeds: Count,
  leechers: Count,
  /** Connected Shoal peers of which the pieces are known. */
  holders: Count,
  /** How many of those (and of the seeds) have the rarest piece. */
  rarestCopies: Count,
  /** Copies in all: the rarest piece's, and the share of pieces above it (`2.37`). */
  distributedCopies: Type.Number({ minimum: 0 }),
})
export type Availability = Static<typeof Availability>

/** "This host shares this torrent under this name." An upload without a host (the hub keeps only the .torrent) has none. */
export const FileEntry = Type.Object({
  id: Type.String(),
  name: Type.String(),
  infoHash: InfoHashHex,
  infoHashV2: Type.Optional(Type.String()),
  size: Count,
  pieceLength: Count,
  pieceCount: Count,
  fileCount: Count,
  isPrivate: Type.Boolean(),
  description: Type.Optional(Type.String()),
  tags: Type.Array(Type.String()),
  host: Type.Optional(EntryHost),
  owner: Type.Optional(Type.Object({ id: Type.String(), name: Type.String() })),
  /** Where it lies at its host: for its owner, and for admins. */
  localPath: Type.Optional(Type.String()),
  publishedAt: Moment,
  availability: Availability,
})
export type FileEntry = Static<typeof FileEntry>

export const FileListQuery = body({
  /** Words; marks, case and the borders of words do not matter. */
  q: Type.Optional(Type.String({ maxLength: 200 })),
  tag: Type.Optional(Text(40)),
  /** The exact name, or the id of a host, or of an account. */
  name: Type.Optional(Type.String({ maxLength: FILE_NAME_CHARACTERS })),
  host: Type.Optional(Type.String({ maxLength: 64 })),
  owner: Type.Optional(Type.String({ maxLength: 64 })),
  sort: Type.Optional(
    Type.Unsafe<'newest' | 'oldest' | 'name' | 'largest' | 'smallest' | 'relevance'>(
      Type.String({ enum: ['newest', 'oldest', 'name', 'largest', 'smallest', 'relevance'] }),
    ),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  /** As long as the longest name, and then some. */
  cursor: Type.Optional(Type.String({ maxLength: 2_500 })),
})
export type FileListQuery = Static<typeof FileListQuery>

/** `GET /v1/files` and the like: `nextCursor` is absent on the last page. */
export const FilePage = Type.Object({ items: Type.Array(FileEntry), nextCursor: Type.Optional(Type.String()) })
export type FilePage = Static<typeof FilePage>

/** What can be said of an entry besides its torrent. */
export const FileTexts = {
  name: Text(FILE_NAME_CHARACTERS),
  description: Type.String({ maxLength: 4_000 }),
  tags: Type.Array(Type.String({ minLength: 1, maxLength: 40 }), { maxItems: MAX_TAGS }),
} as const

/** `POST /v1/files` as JSON; as a multipart form the torrent is the file `torrent` and the rest are fields of these names. */
export const NewFile = body({
  /** base64 */
  torrent: Type.String({ minLength: 1, maxLength: 14_000_000 }),
  /** Absent: the torrent's own. */
  name: Type.Optional(FileTexts.name),
  description: Type.Optional(FileTexts.description),
  tags: Type.Optional(FileTexts.tags),
})
export type NewFile = Static<typeof NewFile>
export const FileChange = body({
  name: Type.Optional(FileTexts.name),
  description: Type.Optional(FileTexts.description),
  tags: Type.Optional(FileTexts.tags),
})
export type FileChange = Static<typeof FileChange>

/** The answer to a `NewFile`. */
export const PublishedFile = Type.Object({
  ...FileEntry.properties,
  /** What is odd about the torrent, for people: it is not private on a members-only hub, a tracker was left out, … */
  warnings: Type.Array(Type.String()),
})
export type PublishedFile = Static<typeof PublishedFile>

export const TagCount = Type.Object({ tag: Type.String(), files: Count })
export type TagCount = Static<typeof TagCount>

/** A file inside a torrent: `GET /v1/torrents/{infoHash}/files`. */
export const TorrentFile = Type.Object({ path: Type.Array(Type.String()), length: Count })
export type TorrentFile = Static<typeof TorrentFile>

/** `nextCursor` is absent on the last page. */
export const TorrentFilePage = Type.Object({ items: Type.Array(TorrentFile), total: Count, nextCursor: Type.Optional(Type.String()) })
export type TorrentFilePage = Static<typeof TorrentFilePage>

/** One content, whoever shares it under whatever names: `GET /v1/torrents/{infoHash}`. */
export const TorrentFacts = Type.Object({
  infoHash: InfoHashHex,
  infoHashV2: Type.Optional(Type.String()),
  /** The torrent's own name for itself. */
  name: Type.String(),
  size: Count,
  pieceLength: Count,
  pieceCount: Count,
  fileCount: Count,
  isPrivate: Type.Boolean(),
  availability: Availability,
  /** The newest hundred. */
  entries: Type.Array(FileEntry),
})
export type TorrentFacts = Static<typeof TorrentFacts>

/** `GET /v1/torrents/{infoHash}/magnet` */
export const MagnetLink = Type.Object({ magnet: Type.String() })
export type MagnetLink = Static<typeof MagnetLink>

/** Who has which pieces of a torrent: `GET /v1/torrents/{infoHash}/pieces`, the founding documents' list_chunkinfo. */
export const PieceHolders = Type.Object({
  infoHash: InfoHashHex,
  name: Type.String(),
  pieceCount: Count,
  availability: Availability,
  holders: Type.Array(
    Type.Object({
      peer: EntryHost,
      /** Pieces it has, at least. */
      have: Count,
      /** See piece-map. */
      map: Type.String(),
      /** false: the map is of buckets, and there may be more. */
      isExact: Type.Boolean(),
    }),
  ),
  /** Copies of the pieces in each of up to 256 equal spans (the least in the span), from the first to the last. */
  copies: Type.Array(Count),
})
export type PieceHolders = Static<typeof PieceHolders>

// --- peers --------------------------------------------------------------------------------------------------------

/** A peer that is connected over the control channel: `GET /v1/peers`. */
export const PeerEntry = Type.Object({
  id: Type.String(),
  name: Type.String(),
  ip: Type.String(),
  port: Port,
  version: Type.String(),
  account: Type.Optional(Type.String()),
  files: Count,
  connectedAt: Moment,
})
export type PeerEntry = Static<typeof PeerEntry>

/** One of the two ways to name a peer. */
export const PeerAddress = body({ ip: Text(45), port: Port })
export type PeerAddress = Static<typeof PeerAddress>

/** `POST /v1/pings` with a `PeerAddress`: hub to peer, there and back. */
export const Ping = Type.Object({
  peer: EntryHost,
  /** Round trip over the control channel, to the microsecond. */
  roundTripMs: Type.Number({ minimum: 0 }),
  /** Whether its BitTorrent port takes connections, and after how long. */
  isReachable: Type.Boolean(),
  connectMs: Type.Optional(Type.Number({ minimum: 0 })),
  /** Why not, in words. */
  reachability: Type.String(),
})
export type Ping = Static<typeof Ping>

// --- events -------------------------------------------------------------------------------------------------------

/**
 * News, in the order in which it happened: `GET /v1/events` (Server-Sent Events; `id` is `seq`, `event` is `type`). After a
 * gap that cannot be filled comes `reset`: whoever gets it asks for everything anew.
 */
export const HubEvent = Type.Union([
  Type.Object({ type: Type.Literal('reset') }),
  Type.Object({ type: Type.Literal('file-published'), file: FileEntry }),
  Type.Object({ type: Type.Literal('file-changed'), file: FileEntry }),
  Type.Object({ type: Type.Literal('file-withdrawn'), id: Type.String(), name: Type.String() }),
  Type.Object({ type: Type.Literal('peer-connected'), peer: EntryHost }),
  Type.Object({ type: Type.Literal('peer-gone'), peer: EntryHost }),
  /** At most once in a second and torrent. */
  Type.Object({ type: Type.Literal('availability'), infoHash: InfoHashHex, availability: Availability }),
  /** Only while somebody watches the torrent (`GET /v1/events?watch=<infoHash>`), at most once in a second and peer. */
  Type.Object({ type: Type.Literal('pieces'), infoHash: InfoHashHex, peer: EntryHost, have: Count, map: Type.String() }),
  Type.Object({ type: Type.Literal('settings-changed') }),
])
export type HubEvent = Static<typeof HubEvent>
