import Type, { type Static, type TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { bytesOf, decodedText, parseJson, problemIn } from './answer.ts'
import { ClientError, hubUrl, unreachable, wasCutOff } from './client-error.ts'
import {
  Account,
  AuditEntry,
  BackupInfo,
  CreatedInvite,
  FileEntry,
  type FileListQuery,
  FilePage,
  HubFacts,
  HubStats,
  InviteInfo,
  Member,
  type MemberChange,
  type NewInvite,
  type PeerAddress,
  PeerEntry,
  PieceHolders,
  Ping,
  type Registration,
  Settings,
  type SettingsChange,
  type Setup,
  SignedIn,
  type SignIn,
  TorrentFacts,
} from './hub-api.ts'
import { THIS_PLATFORM, type WebAbortSignal, type WebPlatform } from './web-platform.ts'

export interface HubClientOptions {
  /** Where the hub is; a path is a prefix (`https://example.org/hub`). */
  readonly url: string
  /** Of a session, an API token, or the operator's. Absent: as a visitor. */
  readonly token?: string
  /** What the hub calls the host that asks (`welcome`): then it does not ping itself. */
  readonly hostId?: string
  /** For one call, from its beginning to the last byte of the answer. */
  readonly timeoutMs?: number
  readonly platform?: WebPlatform
}

const DEFAULT_TIMEOUT_MS = 15_000
/** No answer of a hub is larger: a page of 100 entries with all their texts is less than one MiB. */
const MAX_ANSWER_BYTES = 16 << 20

/** Any list: `nextCursor` is absent on the last page. */
function page<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })
}
const SetupLink = Type.Object({ link: Type.String() })
const PeerPage = page(PeerEntry)
const MemberPage = page(Member)
const InvitePage = page(InviteInfo)
const AuditPage = page(AuditEntry)

type Query = Readonly<Record<string, string | number | undefined>>

interface Call<R extends TSchema> {
  readonly query?: Query
  readonly body?: unknown
  /** Absent: nothing is expected (204). */
  readonly reply?: R
  readonly accept?: string
  readonly signal?: WebAbortSignal | undefined
}

/**
 * A hub's API as functions. Answers are checked before anybody sees them, and what is not known in them is ignored.
 *
 * Every function throws {ProblemError} for what the hub refuses, {ClientError} where there was no usable answer, and the
 * signal's reason when it was cancelled. A write is sent with a key of its own: if the connection breaks before the
 * answer it is sent once more, and the hub does it once.
 */
export class HubClient {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
  readonly #hostId: string | undefined
  readonly #timeoutMs: number
  readonly #platform: WebPlatform

  /** @throws {ClientError} `HUB_URL` */
  constructor({ url, token, hostId, timeoutMs = DEFAULT_TIMEOUT_MS, platform = THIS_PLATFORM }: HubClientOptions) {
    this.url = hubUrl(url)
    this.token = token
    this.#hostId = hostId
    this.#timeoutMs = timeoutMs
    this.#platform = platform
  }

  /** The same hub, as somebody else. */
  as(token: string): HubClient {
    const hostId = this.#hostId === undefined ? {} : { hostId: this.#hostId }
    return new HubClient({ url: this.url, token, ...hostId, timeoutMs: this.#timeoutMs, platform: this.#platform })
  }

  facts(signal?: WebAbortSignal): Promise<HubFacts> {
    return this.#call('GET', '/v1/hub', { reply: HubFacts, signal })
  }

  stats(signal?: WebAbortSignal): Promise<HubStats> {
    return this.#call('GET', '/v1/stats', { reply: HubStats, signal })
  }

  /** Signed in at once: whoever does not want that signs out. */
  register(registration: Registration, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#call('POST', '/v1/accounts', { body: registration, reply: SignedIn, signal })
  }

  /** The first account, as the owner, with the code of a set-up link. */
  setUp(setup: Setup, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#call('POST', '/v1/setup', { body: setup, reply: SignedIn, signal })
  }

  signIn(who: SignIn, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#call('POST', '/v1/sessions', { body: who, reply: SignedIn, signal })
  }

  /** Whose the token is. */
  account(signal?: WebAbortSignal): Promise<Account> {
    return this.#call('GET', '/v1/account', { reply: Account, signal })
  }

  /** Ends the session of the token. */
  async signOut(signal?: WebAbortSignal): Promise<void> {
    await this.#call('DELETE', '/v1/sessions/current', { signal })
  }

  /** A link by which the first owner of the hub sets it up; earlier ones end. */
  async setupLink(signal?: WebAbortSignal): Promise<string> {
    return (await this.#call('POST', '/v1/setup-links', { reply: SetupLink, signal })).link
  }

  async members(signal?: WebAbortSignal): Promise<readonly Member[]> {
    return this.#every('/v1/members', MemberPage, signal)
  }

  changeMember(id: string, change: MemberChange, signal?: WebAbortSignal): Promise<Member> {
    return this.#call('PATCH', `/v1/members/${encodeURIComponent(id)}`, { body: change, reply: Member, signal })
  }

  async invites(signal?: WebAbortSignal): Promise<readonly InviteInfo[]> {
    return this.#every('/v1/invites', InvitePage, signal)
  }

  invite(invite: NewInvite, signal?: WebAbortSignal): Promise<CreatedInvite> {
    return this.#call('POST', '/v1/invites', { body: invite, reply: CreatedInvite, signal })
  }

  async withdrawInvite(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#call('DELETE', `/v1/invites/${encodeURIComponent(id)}`, { signal })
  }

  /** The newest first. */
  async audit(most: number, signal?: WebAbortSignal): Promise<readonly AuditEntry[]> {
    return (await this.#call('GET', '/v1/audit', { query: { limit: most }, reply: AuditPage, signal })).items
  }

  settings(signal?: WebAbortSignal): Promise<Settings> {
    return this.#call('GET', '/v1/settings', { reply: Settings, signal })
  }

  changeSettings(change: SettingsChange, signal?: WebAbortSignal): Promise<Settings> {
    return this.#call('PATCH', '/v1/settings', { body: change, reply: Settings, signal })
  }

  /** A copy of the database, in the state directory of the hub. */
  backUp(signal?: WebAbortSignal): Promise<BackupInfo> {
    return this.#call('POST', '/v1/backups', { reply: BackupInfo, signal })
  }

  files(query: FileListQuery, signal?: WebAbortSignal): Promise<FilePage> {
    return this.#call('GET', '/v1/files', { query, reply: FilePage, signal })
  }

  file(id: string, signal?: WebAbortSignal): Promise<FileEntry> {
    return this.#call('GET', `/v1/files/${encodeURIComponent(id)}`, { reply: FileEntry, signal })
  }

  /** One content, and the newest hundred entries that share it. */
  torrentFacts(infoHash: string, signal?: WebAbortSignal): Promise<TorrentFacts> {
    return this.#call('GET', `/v1/torrents/${infoHash}`, { reply: TorrentFacts, signal })
  }

  async withdrawFile(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#call('DELETE', `/v1/files/${encodeURIComponent(id)}`, { signal })
  }

  /** The .torrent file, with the trackers of the hub and the key of whoever asks: not to be shown around. */
  async torrent(infoHash: string, signal?: WebAbortSignal): Promise<Uint8Array> {
    return await this.#answer('GET', `/v1/torrents/${infoHash}/file`, { signal, accept: 'application/x-bittorrent' })
  }

  pieces(infoHash: string, signal?: WebAbortSignal): Promise<PieceHolders> {
    return this.#call('GET', `/v1/torrents/${infoHash}/pieces`, { reply: PieceHolders, signal })
  }

  async peers(signal?: WebAbortSignal): Promise<readonly PeerEntry[]> {
    return this.#every('/v1/peers', PeerPage, signal)
  }

  async peerFiles(id: string, signal?: WebAbortSignal): Promise<readonly FileEntry[]> {
    return this.#every(`/v1/peers/${encodeURIComponent(id)}/files`, FilePage, signal)
  }

  ping(address: PeerAddress, signal?: WebAbortSignal): Promise<Ping> {
    return this.#call('POST', '/v1/pings', { body: address, reply: Ping, signal })
  }

  /** All pages of a list; a list that never ends is cut. */
  async #every<T extends TSchema>(path: string, reply: T & TSchema, signal?: WebAbortSignal): Promise<Items<T>> {
    const items: unknown[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const got = (await this.#call('GET', path, { query: { cursor }, reply, signal })) as { items: unknown[]; nextCursor?: string }
      items.push(...got.items)
      cursor = got.nextCursor
      if (cursor === undefined) break
    }
    return items as Items<T>
  }

  async #call<R extends TSchema>(method: string, path: string, call: Call<R>): Promise<Static<R>> {
    const bytes = await this.#answer(method, path, call)
    if (call.reply === undefined) return undefined as Static<R>
    const answer = parseJson(decodedText(bytes, this.#platform))
    if (Check(call.reply, answer)) return answer as Static<R>
    throw new ClientError(
      'HUB_ANSWER',
      `Cannot use what ${this.url} answers to ${method} ${path}: it does not have the form of a hub's answer. Is it a Shoal hub, and of this version?`,
    )
  }

  /** The body of an answer that went well. */
  async #answer(method: string, path: string, call: Call<TSchema>): Promise<Uint8Array> {
    const headers: Record<string, string> = { accept: call.accept ?? 'application/json' }
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`
    if (this.#hostId !== undefined) headers['x-shoal-host'] = this.#hostId
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    if (method !== 'GET') headers['idempotency-key'] = this.#platform.randomUuid()
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) }
    const send = (): Promise<{ status: number; type: string; bytes: Uint8Array }> =>
      this.#exchange(this.url + path + queryOf(call.query), { method, headers, ...body }, call.signal)
    // A server may close a kept-alive connection in the moment in which it is used again; the key makes a second try harmless.
    const { status, type, bytes } = await send().catch((error: unknown) => {
      if (wasCutOff(error)) return send()
      throw error
    })
    if (status >= 200 && status < 300) return bytes
    const problem = problemIn(decodedText(bytes, this.#platform), type)
    if (problem !== undefined) throw problem
    throw new ClientError(
      'HUB_ANSWER',
      status >= 300 && status < 400
        ? `Cannot call ${this.url}: it sends callers elsewhere (status ${status}). Use the address that it leads to`
        : `Cannot use what ${this.url} answers to ${method} ${path}: status ${status}, without the words of a hub. Is it a Shoal hub?`,
    )
  }

  async #exchange(
    url: string,
    request: { method: string; headers: Record<string, string>; body?: string },
    signal: WebAbortSignal | undefined,
  ): Promise<{ status: number; type: string; bytes: Uint8Array }> {
    const controller = this.#platform.abortController()
    const cancel = (): void => controller.abort(signal?.reason)
    if (signal?.aborted) cancel()
    signal?.addEventListener('abort', cancel)
    let isLate = false
    const stopWaiting = this.#platform.after(this.#timeoutMs, () => {
      isLate = true
      controller.abort()
    })
    try {
      const response = await this.#platform.fetch(url, { ...request, signal: controller.signal, redirect: 'manual' })
      const bytes = await bytesOf(response, MAX_ANSWER_BYTES)
      return { status: response.status, type: response.headers.get('content-type') ?? '', bytes }
    } catch (cause) {
      if (signal?.aborted) throw signal.reason
      if (cause instanceof ClientError) throw cause
      if (!isLate) throw unreachable(this.url, cause)
      throw new ClientError(
        'HUB_SILENT',
        `No answer from ${this.url} within ${this.#timeoutMs / 1000} s. Is the hub, or the network, busy?`,
        {
          cause,
        },
      )
    } finally {
      stopWaiting()
      signal?.removeEventListener('abort', cancel)
    }
  }
}

type Items<T extends TSchema> = Static<T> extends { items: infer I } ? I : never

/** 100,000 items of the largest pages. */
const MAX_PAGES = 1_000

function queryOf(query: Query | undefined): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
  if (given.length === 0) return ''
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`
}
