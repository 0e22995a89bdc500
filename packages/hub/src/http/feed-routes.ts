import type { FileEntry } from '@shoal/api/hub-api'
import { SCOPES } from '@shoal/api/permissions'
import { ProblemError } from '@shoal/api/problem'
import { RawReply } from '@shoal/door/route'
import Type from 'typebox'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { RulesSource } from '../catalogue/catalogue-needs.ts'
import { capsDocument, type Feed, feedDocument, torznabError } from '../catalogue/feed.ts'
import { TORZNAB_LIMITS, TORZNAB_MAX_OFFSET, TorznabRefusal, torznabQuestion } from '../catalogue/torznab-query.ts'
import { type Caller, type HubCall, type HubRoute, route } from './route.ts'
import { type AnnounceUrls, torrentReply } from './torrent-reply.ts'

/** Knows tokens: the web door's authenticator does. */
export interface KeyHolders {
  callerOf(facts: {
    readonly authorization: string | undefined
    readonly cookie: string | undefined
    readonly ip: string
    readonly agent: string
    readonly isLoopback: boolean
  }): Promise<Caller>
}

interface FeedNeeds {
  readonly catalogue: Catalogue
  readonly accounts: AnnounceUrls
  readonly keyHolders: KeyHolders
  readonly rules: RulesSource
}

const RSS_TYPE = 'application/rss+xml; charset=utf-8'
const XML_TYPE = 'application/xml; charset=utf-8'
/** With a key in its address, an answer is for nobody else to keep. */
const PRIVATE = { 'cache-control': 'private, max-age=60' }
const KeyText = Type.String({ minLength: 1, maxLength: 100 })
const closed = { additionalProperties: false } as const

const FeedQuery = Type.Object(
  {
    q: Type.Optional(Type.String({ maxLength: 200 })),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    host: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  },
  closed,
)
/** Its names come in any case, so that the schema cannot name them. */
const TorznabParameters = Type.Record(Type.String(), Type.String({ maxLength: 400 }))
/** They hold the key themselves, and cannot send a header. */
const KeyedTorrent = Type.Object({ key: KeyText, file: Type.String({ pattern: '^[0-9a-f]{40}\\.torrent$' }) })

/** What readers of feeds and search programs subscribe to. */
export function feedRoutes(needs: FeedNeeds): HubRoute[] {
  const { catalogue, accounts } = needs
  return [
    route({
      method: 'GET',
      url: '/rss',
      summary: 'New files as RSS, for whoever needs no key',
      needs: 'files:read',
      query: FeedQuery,
      handle: (call) => rss(needs, call, call.caller, undefined),
    }),
    route({
      method: 'GET',
      url: '/rss/:key',
      summary: 'New files as RSS; the key is a token with the scope `feed`',
      needs: 'public',
      params: Type.Object({ key: KeyText }),
      query: FeedQuery,
      handle: async (call) => rss(needs, call, await keyHolder(needs, call, call.params.key), call.params.key),
    }),
    route({
      method: 'GET',
      url: '/rss/:key/torrents/:file',
      summary: 'A .torrent of a feed, with the announce key of whoever the feed belongs to',
      needs: 'public',
      params: KeyedTorrent,
      handle: async (call) => {
        const holder = await keyHolder(needs, call, call.params.key)
        if (!holder.may('files:download')) throw new ProblemError('FORBIDDEN', 'This key may not download')
        const announceUrls = await accounts.announceUrls(holder.accountId, call.origin)
        return await torrentReply(catalogue, call.params.file.slice(0, 40), announceUrls)
      },
    }),
    route({
      method: 'GET',
      url: '/torznab/api',
      summary: 'Search for programs that speak Torznab; `apikey` is a token with the scope `feed`',
      needs: 'public',
      query: TorznabParameters,
      handle: async (call) => {
        try {
          return await torznab(needs, call)
        } catch (error) {
          const { code, message } = asTorznabRefusal(error)
          return new RawReply(XML_TYPE, torznabError(code, message), { 'cache-control': 'no-store' })
        }
      },
    }),
  ]
}

async function rss(
  needs: FeedNeeds,
  call: HubCall<unknown, { q?: string; tag?: string; host?: string; limit?: number }>,
  reader: Caller,
  key: string | undefined,
): Promise<RawReply> {
  const { q = '', tag, host } = call.query
  const page = await needs.catalogue.list({ ...call.query, sort: 'newest' }, reader)
  const { hubName } = await needs.rules.rules()
  const asked = [q.trim(), tag, host].filter((part) => part !== undefined && part !== '')
  const search = new URLSearchParams(Object.entries(call.query).map(([name, value]): [string, string] => [name, String(value)])).toString()
  const path = key === undefined ? '/rss' : `/rss/${encodeURIComponent(key)}`
  const feed: Feed = {
    title: asked.length === 0 ? hubName : `${hubName}: ${asked.join(', ')}`,
    link: `${call.origin}/`,
    selfLink: `${call.origin}${path}${search === '' ? '' : `?${search}`}`,
    entries: page.items,
    downloadLink: downloads(call.origin, key),
  }
  return new RawReply(RSS_TYPE, feedDocument(feed), PRIVATE)
}

async function torznab(needs: FeedNeeds, call: HubCall<unknown, Record<string, string>>): Promise<RawReply> {
  const given = new Map(Object.entries(call.query).map(([name, value]) => [name.toLowerCase(), value]))
  const question = torznabQuestion(given)
  const { hubName } = await needs.rules.rules()
  // Programs ask what can be asked before they have a key.
  if (question.type === 'caps') return new RawReply(XML_TYPE, capsDocument(hubName, TORZNAB_LIMITS), PRIVATE)
  const key = given.get('apikey') || undefined
  const reader = key === undefined ? call.caller : await keyHolder(needs, call, key)
  if (!reader.may('files:read')) throw new TorznabRefusal(100, 'Incorrect user credentials: give a token with the scope feed as apikey')
  const range = { skip: question.offset, limit: question.limit, most: TORZNAB_MAX_OFFSET + TORZNAB_LIMITS.max }
  const { items, total } =
    question.filter === undefined ? { items: [], total: 0 } : await needs.catalogue.slice(question.filter, range, reader)
  // A magnet link gets around, so none has a key in it: without an account none is needed.
  const magnets = reader.accountId === undefined ? await magnetLinks(needs, call.origin, items) : undefined
  const feed: Feed = {
    title: hubName,
    link: `${call.origin}/`,
    selfLink: `${call.origin}/torznab/api`,
    entries: items,
    downloadLink: downloads(call.origin, key),
    range: { offset: question.offset, total },
    ...(magnets !== undefined && { magnetLink: (entry: FileEntry) => magnets.get(entry.infoHash) ?? '' }),
  }
  return new RawReply(RSS_TYPE, feedDocument(feed), PRIVATE)
}

async function magnetLinks(needs: FeedNeeds, origin: string, entries: readonly FileEntry[]): Promise<ReadonlyMap<string, string>> {
  const announceUrls = await needs.accounts.announceUrls(undefined, origin)
  const hashes = [...new Set(entries.map((entry) => entry.infoHash))]
  const links = await Promise.all(hashes.map((infoHash) => needs.catalogue.shelf.magnet(infoHash, announceUrls).catch(ignoreGone)))
  return new Map(hashes.map((infoHash, at) => [infoHash, links[at]!]))
}

/** Withdrawn between the two questions. */
function ignoreGone(error: unknown): string {
  if (error instanceof ProblemError && error.code === 'NOT_FOUND') return ''
  throw error
}

/** Whoever has no key gets what anybody gets. */
function downloads(origin: string, key: string | undefined): Feed['downloadLink'] {
  if (key === undefined) return ({ infoHash }) => `${origin}/v1/torrents/${infoHash}/file`
  return ({ infoHash }) => `${origin}/rss/${encodeURIComponent(key)}/torrents/${infoHash}.torrent`
}

/**
 * Addresses end up in logs, histories and on screens, so a key in one must be weak: a token for feeds and for nothing else.
 * @throws {ProblemError} `NOT_SIGNED_IN`, `FORBIDDEN`
 */
async function keyHolder({ keyHolders }: FeedNeeds, { caller }: HubCall, key: string): Promise<Caller> {
  const { ip, agent } = caller
  const holder = await keyHolders.callerOf({ authorization: `Bearer ${key}`, cookie: undefined, ip, agent, isLoopback: false })
  const weak: ReadonlySet<string> = new Set(SCOPES.feed)
  if ([...holder.permissions].some((permission) => !weak.has(permission))) {
    throw new ProblemError(
      'FORBIDDEN',
      'This token may do more than read feeds, and the address of a feed gets around. Make one with the scope feed',
    )
  }
  if (!holder.may('files:read')) throw new ProblemError('FORBIDDEN', 'This key may not read the files of this hub')
  return holder
}

function asTorznabRefusal(error: unknown): TorznabRefusal {
  if (error instanceof TorznabRefusal) return error
  if (!(error instanceof ProblemError)) throw error
  if (error.code === 'NOT_SIGNED_IN') return new TorznabRefusal(100, 'Incorrect user credentials')
  if (error.code === 'FORBIDDEN') return new TorznabRefusal(102, `Insufficient privileges: ${error.message}`)
  if (error.code === 'BUSY' || error.code === 'STORAGE') return new TorznabRefusal(900, error.message)
  throw error
}
