import { HubClient } from '@shoal/api/client'
import { ClientError } from '@shoal/api/client-error'
import type { HubItem } from '@shoal/api/daemon-api'
import type { Account, HubFacts, SignedIn } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { cleanText } from '@shoal/protocol/clean-text'
import type { OpenControlSocket } from './control-socket.ts'
import { hubIdOf } from './hub-address.ts'
import { type Copies, HubLink, type LinkIdentity, type LinkStatus, type Welcome } from './hub-link.ts'
import type { RememberedHub } from './hub-state.ts'
import type { HubsSystem } from './hubs-system.ts'
import { PieceReporter, type PieceReporterOptions } from './piece-reporter.ts'

export interface KnownHubOptions {
  readonly memory: RememberedHub
  readonly identity: () => LinkIdentity
  readonly system: HubsSystem
  readonly openSocket: OpenControlSocket
  readonly pieces: PieceReporterOptions['pieces']
  /** For one call of the hub's API. */
  readonly callTimeoutMs?: number
}

export interface KnownHubOwner {
  /** Something that `item` says is different. */
  onChange(hub: KnownHub): void
  /** What is remembered of it has changed. */
  onMemory(hub: KnownHub): void
  onWelcome(hub: KnownHub, welcome: Welcome): void
  onCopies(hub: KnownHub, copies: Copies): void
  /** The hub has other announce URLs for us than before. */
  onAnnounceUrls(hub: KnownHub): void
}

/** Whoever asks a hub that is away hears so soon; it may be that only its channel broke. */
const AWAY_TIMEOUT_MS = 2_000
/**
 * A hub that has started anew may have forgotten everything, and learns what torrents there are as their publishers come back: maps
 * of pieces that it was told before are lost on it. So long after the welcome they are told again.
 */
const RENEW_AFTER_MS = [3_000, 15_000, 60_000] as const

/** One hub that this peer knows: its channel, its API, and what is remembered of it. */
export class KnownHub {
  readonly id: string
  readonly memory: RememberedHub
  readonly link: HubLink
  readonly reporter: PieceReporter
  readonly #options: KnownHubOptions
  readonly #owner: KnownHubOwner
  #hostId: string | undefined
  #startedAt: number | undefined
  #settling: (() => void)[] = []
  #renewals: { cancel(): void }[] = []

  constructor(options: KnownHubOptions, owner: KnownHubOwner) {
    this.#options = options
    this.#owner = owner
    this.memory = options.memory
    this.id = hubIdOf(options.memory.url)
    const { system, openSocket, identity, pieces } = options
    this.link = new HubLink(
      { url: this.memory.url, token: this.memory.token, identity, system, openSocket },
      {
        onStatus: (status) => this.#onStatus(status),
        onWatch: (infoHash, isWatched) => this.reporter.watch(infoHash, isWatched),
        onCopies: (copies) => this.#owner.onCopies(this, copies),
      },
    )
    this.reporter = new PieceReporter({ system, pieces, tell: (infoHash, map) => this.link.tellPieces(infoHash, map) })
  }

  get url(): string {
    return this.memory.url
  }

  /** As its people call it; before it has said so, its address. */
  get name(): string {
    return this.memory.name === '' ? this.url : this.memory.name
  }

  /** What the hub calls this peer; also while it is away. */
  get hostId(): string | undefined {
    return this.#hostId
  }

  /** Where the hub sees this peer. */
  get ownIp(): string | undefined {
    const { status } = this.link
    return status.status === 'connected' ? status.welcome.ip : undefined
  }

  get client(): HubClient {
    const { url, token } = this.memory
    const { callTimeoutMs = this.link.status.status === 'away' ? AWAY_TIMEOUT_MS : undefined } = this.#options
    return new HubClient({
      url,
      ...(token !== undefined && { token }),
      ...(this.#hostId !== undefined && { hostId: this.#hostId }),
      ...(callTimeoutMs !== undefined && { timeoutMs: callTimeoutMs }),
    })
  }

  /** As people see it: no token, no key. */
  item(isDefault: boolean): HubItem {
    const { url, account } = this.memory
    const { status } = this.link
    const shown = status.status === 'stopped' ? 'away' : status.status
    const detail = this.#detail(status)
    return {
      id: this.id,
      url,
      name: this.name,
      status: shown,
      ...(detail !== undefined && { detail }),
      ...(status.status === 'connected' && { peerName: status.welcome.name, peerIp: status.welcome.ip }),
      ...(account !== undefined && { account: { ...account } }),
      isDefault,
    }
  }

  /** What one call of the API says. @throws {ProblemError} `NOT_CONNECTED` when it says nothing; and what the hub refuses */
  async ask<T>(call: (client: HubClient) => Promise<T>): Promise<T> {
    try {
      const answer = await call(this.client)
      if (this.link.status.status === 'away') this.link.retryNow()
      return answer
    } catch (error) {
      throw problemOfCall(error)
    }
  }

  /** What the hub is and what this account may do there, as of now. @throws {ProblemError} as `ask` */
  async refresh(): Promise<void> {
    const facts = await this.ask((client) => client.facts())
    this.#onStartedAt(facts.startedAt)
    if (this.memory.token === undefined) this.#learn(facts, undefined)
    else {
      const account = await this.ask((client) => client.account()).catch(endedToken)
      // Else the token has ended, the channel says so, and what was announced with the key of the account goes on.
      if (account !== undefined) this.#learn(facts, account)
    }
  }

  /** @throws {ProblemError} `CREDENTIALS`, `RATE_LIMITED`, `NOT_CONNECTED` … */
  async enter(how: (client: HubClient) => Promise<SignedIn>): Promise<void> {
    const signedIn = await this.ask((client) => how(new HubClient({ url: client.url })))
    if (signedIn.token === undefined)
      throw new ProblemError('NOT_CONNECTED', `The hub at ${this.url} has given no token. Is it of this version?`)
    this.memory.token = signedIn.token
    const facts = await this.ask((client) => client.facts())
    this.#learn(facts, signedIn.account)
    this.link.setToken(signedIn.token)
  }

  /** Also when the hub does not hear of it: the token is forgotten here. */
  async leave(): Promise<void> {
    if (this.memory.token === undefined) return
    const { client } = this
    delete this.memory.token
    delete this.memory.account
    // It ends by itself on the hub, too.
    await client.signOut().catch(() => undefined)
    this.link.setToken(undefined)
    this.#owner.onMemory(this)
    await this.refresh().catch(() => undefined)
  }

  /** Waits until it is known whether the hub takes us, but not for longer than `mostMs`. */
  settled(mostMs: number): Promise<void> {
    if (this.link.status.status !== 'connecting') return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#options.system.after(mostMs, resolve)
      this.#settling.push(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #onStatus(status: LinkStatus): void {
    if (status.status === 'connected') {
      this.#hostId = status.welcome.hostId
      if (status.welcome.hubName !== '') this.memory.name = status.welcome.hubName
      this.reporter.open()
      this.#owner.onWelcome(this, status.welcome)
    } else {
      this.reporter.close()
      for (const renewal of this.#renewals.splice(0)) renewal.cancel()
    }
    if (status.status !== 'connecting') for (const settle of this.#settling.splice(0)) settle()
    this.#owner.onChange(this)
  }

  #learn(facts: HubFacts, account: Account | undefined): void {
    const { memory } = this
    const { announceUrls: before, account: wasAccount } = memory
    memory.name = cleanText(facts.name, 60)
    memory.isMembersOnly = facts.visitors === 'none'
    memory.announceUrls = [...(account?.announceUrls ?? facts.announceUrls)]
    memory.openUrls = [...facts.announceUrls]
    memory.mayPublish = account === undefined ? facts.visitors === 'member' : account.permissions.includes('files:publish')
    if (account === undefined) delete memory.account
    else memory.account = { name: cleanText(account.name, 60), role: account.role }
    this.#owner.onMemory(this)
    this.#owner.onChange(this)
    const isSame = before.length === 0 || before.join('\n') === memory.announceUrls.join('\n')
    // The key of an account outlives the session: who signs out goes on sharing.
    if (!isSame && (account !== undefined || wasAccount === undefined)) this.#owner.onAnnounceUrls(this)
  }

  #onStartedAt(startedAt: number): void {
    if (this.#startedAt === startedAt || this.link.status.status !== 'connected') return
    this.#startedAt = startedAt
    this.#renewals = RENEW_AFTER_MS.map((afterMs) => this.#options.system.after(afterMs, () => this.reporter.renew()))
  }

  #detail(status: LinkStatus): string | undefined {
    if (status.status === 'refused') return status.reason
    if (status.status !== 'away') return undefined
    const seconds = Math.max(1, Math.ceil((status.nextTryAt - this.#options.system.now()) / 1_000))
    return `${status.reason}; tried again in ${seconds} s`
  }
}

/** Why a call of a hub's API came to nothing, as a refusal. */
export function problemOfCall(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error
  const code = error.code === 'HUB_URL' ? 'VALIDATION' : 'NOT_CONNECTED'
  return new ProblemError(code, error.message, {}, { cause: error })
}

function endedToken(error: unknown): undefined {
  if (error instanceof ProblemError && (error.status === 401 || error.status === 403)) return undefined
  throw error
}
