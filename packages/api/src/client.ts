import Type from 'typebox'
import { ApiCalls, page } from './api-calls.ts'
import { hubUrl } from './client-error.ts'
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

const SetupLink = Type.Object({ link: Type.String() })
const PeerPage = page(PeerEntry)
const MemberPage = page(Member)
const InvitePage = page(InviteInfo)
const AuditPage = page(AuditEntry)

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
  readonly #calls: ApiCalls
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
    this.#calls = new ApiCalls({ kind: 'hub', url: this.url, token, hostId, timeoutMs, platform })
  }

  /** The same hub, as somebody else. */
  as(token: string): HubClient {
    const hostId = this.#hostId === undefined ? {} : { hostId: this.#hostId }
    return new HubClient({ url: this.url, token, ...hostId, timeoutMs: this.#timeoutMs, platform: this.#platform })
  }

  facts(signal?: WebAbortSignal): Promise<HubFacts> {
    return this.#calls.call('GET', '/v1/hub', { reply: HubFacts, signal })
  }

  stats(signal?: WebAbortSignal): Promise<HubStats> {
    return this.#calls.call('GET', '/v1/stats', { reply: HubStats, signal })
  }

  /** Signed in at once: whoever does not want that signs out. */
  register(registration: Registration, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#calls.call('POST', '/v1/accounts', { body: registration, reply: SignedIn, signal })
  }

  /** The first account, as the owner, with the code of a set-up link. */
  setUp(setup: Setup, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#calls.call('POST', '/v1/setup', { body: setup, reply: SignedIn, signal })
  }

  signIn(who: SignIn, signal?: WebAbortSignal): Promise<SignedIn> {
    return this.#calls.call('POST', '/v1/sessions', { body: who, reply: SignedIn, signal })
  }

  /** Whose the token is. */
  account(signal?: WebAbortSignal): Promise<Account> {
    return this.#calls.call('GET', '/v1/account', { reply: Account, signal })
  }

  /** Ends the session of the token. */
  async signOut(signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', '/v1/sessions/current', { signal })
  }

  /** A link by which the first owner of the hub sets it up; earlier ones end. */
  async setupLink(signal?: WebAbortSignal): Promise<string> {
    return (await this.#calls.call('POST', '/v1/setup-links', { reply: SetupLink, signal })).link
  }

  async members(signal?: WebAbortSignal): Promise<readonly Member[]> {
    return this.#calls.every('/v1/members', MemberPage, signal)
  }

  changeMember(id: string, change: MemberChange, signal?: WebAbortSignal): Promise<Member> {
    return this.#calls.call('PATCH', `/v1/members/${encodeURIComponent(id)}`, { body: change, reply: Member, signal })
  }

  async invites(signal?: WebAbortSignal): Promise<readonly InviteInfo[]> {
    return this.#calls.every('/v1/invites', InvitePage, signal)
  }

  invite(invite: NewInvite, signal?: WebAbortSignal): Promise<CreatedInvite> {
    return this.#calls.call('POST', '/v1/invites', { body: invite, reply: CreatedInvite, signal })
  }

  async withdrawInvite(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', `/v1/invites/${encodeURIComponent(id)}`, { signal })
  }

  /** The newest first. */
  async audit(most: number, signal?: WebAbortSignal): Promise<readonly AuditEntry[]> {
    return (await this.#calls.call('GET', '/v1/audit', { query: { limit: most }, reply: AuditPage, signal })).items
  }

  settings(signal?: WebAbortSignal): Promise<Settings> {
    return this.#calls.call('GET', '/v1/settings', { reply: Settings, signal })
  }

  changeSettings(change: SettingsChange, signal?: WebAbortSignal): Promise<Settings> {
    return this.#calls.call('PATCH', '/v1/settings', { body: change, reply: Settings, signal })
  }

  /** A copy of the database, in the state directory of the hub. */
  backUp(signal?: WebAbortSignal): Promise<BackupInfo> {
    return this.#calls.call('POST', '/v1/backups', { reply: BackupInfo, signal })
  }

  files(query: FileListQuery, signal?: WebAbortSignal): Promise<FilePage> {
    return this.#calls.call('GET', '/v1/files', { query, reply: FilePage, signal })
  }

  file(id: string, signal?: WebAbortSignal): Promise<FileEntry> {
    return this.#calls.call('GET', `/v1/files/${encodeURIComponent(id)}`, { reply: FileEntry, signal })
  }

  /** One content, and the newest hundred entries that share it. */
  torrentFacts(infoHash: string, signal?: WebAbortSignal): Promise<TorrentFacts> {
    return this.#calls.call('GET', `/v1/torrents/${infoHash}`, { reply: TorrentFacts, signal })
  }

  async withdrawFile(id: string, signal?: WebAbortSignal): Promise<void> {
    await this.#calls.call('DELETE', `/v1/files/${encodeURIComponent(id)}`, { signal })
  }

  /** The .torrent file, with the trackers of the hub and the key of whoever asks: not to be shown around. */
  torrent(infoHash: string, signal?: WebAbortSignal): Promise<Uint8Array> {
    return this.#calls.bytes(`/v1/torrents/${infoHash}/file`, { signal, accept: 'application/x-bittorrent' })
  }

  pieces(infoHash: string, signal?: WebAbortSignal): Promise<PieceHolders> {
    return this.#calls.call('GET', `/v1/torrents/${infoHash}/pieces`, { reply: PieceHolders, signal })
  }

  async peers(signal?: WebAbortSignal): Promise<readonly PeerEntry[]> {
    return this.#calls.every('/v1/peers', PeerPage, signal)
  }

  async peerFiles(id: string, signal?: WebAbortSignal): Promise<readonly FileEntry[]> {
    return this.#calls.every(`/v1/peers/${encodeURIComponent(id)}/files`, FilePage, signal)
  }

  ping(address: PeerAddress, signal?: WebAbortSignal): Promise<Ping> {
    return this.#calls.call('POST', '/v1/pings', { body: address, reply: Ping, signal })
  }
}
