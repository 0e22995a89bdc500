import Type, { type Static, type TProperties } from 'typebox'
import { FILE_NAME_CHARACTERS, FileTexts, InfoHashHex, NAME_PATTERN } from './hub-api.ts'
import { PIECE_MAP_CHARACTERS } from './piece-map.ts'
import { Problem } from './problem.ts'

/**
 * The control channel: one WebSocket (`/v1/control`, text frames, one JSON object each) between a Shoal peer and its hub.
 *
 *     peer ── hello ──────────────►  hub      within 10 s of the connection, else it is closed
 *          ◄─ welcome ────────────
 *     peer ── publish · withdraw ─►           each with a number of the peer's own; the answer repeats it
 *          ◄─ done | refused ─────
 *     peer ── pieces ─────────────►           no answer; at most one in `piecesEveryMs` and torrent
 *          ◄─ ping ───────────────           the hub measures the round trip
 *     peer ── pong ───────────────►
 *          ◄─ watch · unwatch ────           somebody looks at a torrent: send maps of it more often
 *          ◄─ copies ─────────────           others have it all now, too: the publisher may leave
 *          ◄─ goodbye ────────────           why the hub closes the channel
 *
 * Who the peer is for the hub's accounts is said by the `Authorization: Bearer` header of the upgrade. Its address is where
 * the connection comes from, never what it says. Besides, WebSocket pings go both ways every 10 s: who is silent for 25 s is gone.
 */

function message<T extends string, P extends TProperties>(type: T, properties: P) {
  return Type.Object({ type: Type.Literal(type), ...properties }, { additionalProperties: false })
}

const Call = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** No frame is larger: a .torrent of 10 MiB in base64, and what is around it. */
export const CONTROL_FRAME_BYTES: number = 15 << 20
export const CONTROL_PATH = '/v1/control'
export const CONTROL_HELLO_MS = 10_000
/** Both sides send a WebSocket ping so often … */
export const CONTROL_HEARTBEAT_MS = 10_000
/** … and give the other up after so long without anything from it. */
export const CONTROL_SILENCE_MS = 25_000
/** Between two maps of one torrent, unless it is watched: so who has what is true within two seconds. @public for peers */
export const PIECES_EVERY_MS = 1_200
/** … and while it is. @public for peers */
export const WATCHED_PIECES_EVERY_MS = 1_000

export const PeerMessage = Type.Union([
  message('hello', {
    /** 32 random bytes that the peer keeps, as 43 characters of base64url: by them the hub knows it again. */
    hostKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    /** What others call it. When another connected peer has the name, the hub adds a number: see `welcome`. */
    name: Type.String({ minLength: 1, maxLength: 40, pattern: NAME_PATTERN }),
    /** Where it takes BitTorrent connections. */
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    version: Type.String({ minLength: 1, maxLength: 60 }),
  }),
  message('publish', {
    call: Call,
    name: Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS }),
    /** The .torrent file, base64. */
    torrent: Type.String({ minLength: 1, maxLength: 14_000_000 }),
    localPath: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
    description: Type.Optional(FileTexts.description),
    tags: Type.Optional(FileTexts.tags),
  }),
  message('withdraw', { call: Call, name: Type.String({ minLength: 1, maxLength: FILE_NAME_CHARACTERS }) }),
  message('pieces', { infoHash: InfoHashHex, map: Type.String({ maxLength: PIECE_MAP_CHARACTERS }) }),
  message('pong', { call: Call }),
])
export type PeerMessage = Static<typeof PeerMessage>

export const HubMessage = Type.Union([
  message('welcome', {
    hostId: Type.String(),
    name: Type.String(),
    /** Where the hub sees the peer: what others are told. */
    ip: Type.String(),
    hubName: Type.String(),
    /** What the peer published before and the hub still lists. */
    published: Type.Array(Type.Object({ name: Type.String(), infoHash: InfoHashHex })),
  }),
  /** `entryId` for a publish. */
  message('done', { call: Call, entryId: Type.Optional(Type.String()) }),
  message('refused', { call: Call, problem: Problem }),
  message('ping', { call: Call }),
  message('watch', { infoHash: InfoHashHex }),
  message('unwatch', { infoHash: InfoHashHex }),
  message('copies', {
    infoHash: InfoHashHex,
    /** Complete copies elsewhere. */
    elsewhere: Type.Integer({ minimum: 0 }),
    /** Every piece is somewhere else, in one copy or in parts. */
    mayLeave: Type.Boolean(),
  }),
  message('goodbye', { code: Type.String(), detail: Type.String() }),
])
export type HubMessage = Static<typeof HubMessage>
