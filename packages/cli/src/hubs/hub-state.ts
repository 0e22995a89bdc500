import Type from 'typebox'
import { Check } from 'typebox/schema'

/**
 * What this peer remembers of hubs between its runs. Tokens and announce keys are in it, so it is a file of its own that only its
 * owner can read, and no part of it is ever shown, logged or told in an event.
 */
export interface HubState {
  readonly version: number
  /** 32 random bytes, base64url: by them hubs know this peer again. */
  readonly hostKey: string
  defaultHub?: string
  hubs: RememberedHub[]
  publications: RememberedPublication[]
  /** Unpublished while their hub was away: it has yet to hear. */
  withdrawals: { readonly hubUrl: string; readonly name: string }[]
  /** Fetched from one host only: they know no tracker until they are complete. */
  lonely: { readonly hubUrl: string; readonly torrentId: string }[]
}

export interface RememberedHub {
  readonly url: string
  /** As the hub called itself last. */
  name: string
  token?: string
  account?: { readonly name: string; readonly role: string }
  /** Where torrents made for this hub are announced: with the account's key, if there is one. */
  announceUrls: string[]
  /** The same without a key: what others may be shown. */
  openUrls: string[]
  /** Its torrents are made private. */
  isMembersOnly: boolean
  mayPublish: boolean
  /** Torrents that were fetched there: the hub hears which pieces of them are here. */
  fetched: string[]
}

export interface RememberedPublication {
  readonly hubUrl: string
  readonly name: string
  readonly path: string
  readonly torrentId: string
  readonly size: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly description?: string
  readonly tags?: string[]
  /** The torrent came with it, and goes with it. */
  readonly isOwnTorrent: boolean
  /** Of the hub. */
  entryId?: string
}

export const HUB_STATE_VERSION = 1

export function newHubState(randomBytes: Uint8Array): HubState {
  return {
    version: HUB_STATE_VERSION,
    hostKey: Buffer.from(randomBytes).toString('base64url'),
    hubs: [],
    publications: [],
    withdrawals: [],
    lonely: [],
  }
}

export function isHubState(value: unknown): value is HubState {
  return Check(SCHEMA, value)
}

const InfoHash = Type.String({ pattern: '^[0-9a-f]{40}$' })
const Count = Type.Integer({ minimum: 0 })

const SCHEMA = Type.Object({
  version: Type.Literal(HUB_STATE_VERSION),
  hostKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  defaultHub: Type.Optional(Type.String()),
  hubs: Type.Array(
    Type.Object({
      url: Type.String(),
      name: Type.String(),
      token: Type.Optional(Type.String()),
      account: Type.Optional(Type.Object({ name: Type.String(), role: Type.String() })),
      announceUrls: Type.Array(Type.String()),
      openUrls: Type.Array(Type.String()),
      isMembersOnly: Type.Boolean(),
      mayPublish: Type.Boolean(),
      fetched: Type.Array(InfoHash),
    }),
  ),
  publications: Type.Array(
    Type.Object({
      hubUrl: Type.String(),
      name: Type.String(),
      path: Type.String(),
      torrentId: InfoHash,
      size: Count,
      pieceLength: Count,
      pieceCount: Count,
      description: Type.Optional(Type.String()),
      tags: Type.Optional(Type.Array(Type.String())),
      isOwnTorrent: Type.Boolean(),
      entryId: Type.Optional(Type.String()),
    }),
  ),
  withdrawals: Type.Array(Type.Object({ hubUrl: Type.String(), name: Type.String() })),
  lonely: Type.Array(Type.Object({ hubUrl: Type.String(), torrentId: InfoHash })),
})
