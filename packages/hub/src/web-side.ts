import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HubFacts, HubStats } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { Authenticator } from '@shoal/door/authenticator'
import { WebDoor } from '@shoal/door/web-door'
import { trackersAt } from './announce-urls.ts'
import type { HubConfig } from './config.ts'
import { PeerPings } from './control/peer-ping.ts'
import { accountRoutes } from './http/account-routes.ts'
import { ControlDoor } from './http/control-door.ts'
import { EventStreams } from './http/event-routes.ts'
import { feedRoutes } from './http/feed-routes.ts'
import { fileRoutes } from './http/file-routes.ts'
import { foundingAccountRoutes } from './http/founding-account-routes.ts'
import { foundingTorrentRoutes } from './http/founding-torrent-routes.ts'
import { type HubReport, hubRoutes } from './http/hub-routes.ts'
import { HUB_WORDS } from './http/hub-words.ts'
import { KeptAnswers } from './http/kept-answers.ts'
import { memberRoutes } from './http/member-routes.ts'
import { type Metric, WebMetrics } from './http/metrics.ts'
import { operationRoutes } from './http/operation-routes.ts'
import { peerRoutes } from './http/peer-routes.ts'
import type { HubRoute } from './http/route.ts'
import { sessionRoutes } from './http/session-routes.ts'
import { settingsRoutes } from './http/settings-routes.ts'
import { sharePageRoutes } from './http/share-page.ts'
import { torrentRoutes } from './http/torrent-routes.ts'
import type { HubDoors } from './hub-doors.ts'
import { type HubLog, logCall } from './hub-log.ts'
import type { HubRooms } from './hub-rooms.ts'
import type { HubSystem } from './system.ts'
import { HUB_VERSION } from './version.ts'

export interface WebSideNeeds {
  readonly config: HubConfig
  readonly rooms: HubRooms
  readonly doors: HubDoors
  readonly log: HubLog | undefined
  readonly system: HubSystem
  readonly onBug: (error: unknown) => void
  readonly startedAt: number
}

/** All that the hub answers besides announces. */
export interface WebSide {
  readonly routes: readonly HubRoute[]
  fallback(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** From now on `/readyz` says no, and streams end. */
  beginClosing(): void
  close(): Promise<void>
}

const SWEEP_MS = 3_600_000

/** Puts the routes of all rooms behind one door. */
export async function openWebSide(needs: WebSideNeeds): Promise<WebSide> {
  const { config, rooms, log, system, onBug } = needs
  const { accounts, catalogue, channel, events } = rooms
  const authenticator: Authenticator = accounts
  const metrics = new WebMetrics()
  const streams = new EventStreams(events, channel, system)
  const hub = new HubSelf(needs)
  const announceUrls = {
    announceUrls: async (accountId: string | undefined, origin: string): Promise<readonly string[]> =>
      accountId === undefined ? hub.openAnnounceUrls(origin) : await accounts.announceKeys.urlsOf(accountId, origin),
  }
  const routes = [
    ...accountRoutes(accounts),
    ...sessionRoutes(accounts),
    ...memberRoutes(accounts),
    ...settingsRoutes(accounts),
    ...foundingAccountRoutes(accounts),
    ...fileRoutes(catalogue),
    ...sharePageRoutes(catalogue),
    ...torrentRoutes(catalogue, announceUrls),
    ...foundingTorrentRoutes({ catalogue, accounts: announceUrls, swarms: rooms.swarms }),
    ...feedRoutes({ catalogue, accounts: announceUrls, keyHolders: accounts, rules: { rules: () => rooms.rules } }),
    ...peerRoutes(channel, new PeerPings(channel, rooms.hosts, system), {
      countsOf: (hostIds) => catalogue.countsByHost(hostIds),
      filesOf: (hostId, query, caller) => catalogue.list({ ...query, host: hostId }, caller),
    }),
    ...operationRoutes(rooms.backups),
    streams.route,
  ]
  const all = [...hubRoutes(hub, metrics, routes), ...routes]
  const door = await WebDoor.open({
    words: HUB_WORDS,
    kept: ['files:read'],
    routes: all,
    authenticator,
    idempotentCalls: new KeptAnswers(rooms.database),
    system,
    reach: { trustedProxies: config.trustedProxies, ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }) },
    allowedHosts: config.allowedHosts,
    onBug,
    onAnswered: (route, status, tookMs) => {
      metrics.onAnswered(route, status, tookMs)
      if (config.logsAccess && log !== undefined) logCall(log, route, status, tookMs)
    },
  })
  const control = new ControlDoor(door, authenticator, channel, onBug)
  const sweeping = setInterval(() => void door.sweep().catch(onBug), SWEEP_MS)
  sweeping.unref()
  streams.start()
  const recheck = (accountId: string | undefined): void => {
    streams.recheck(accountId)
    channel.recheck(accountId)
  }
  accounts.onRightsChanged(recheck)
  // visitors may have become more, or less, welcome
  accounts.settings.onChange(() => recheck(undefined))
  return {
    routes: all,
    fallback: door.handle,
    upgrade: control.upgrade,
    beginClosing: () => {
      hub.isClosing = true
      streams.close()
      channel.close()
    },
    close: async () => {
      clearInterval(sweeping)
      streams.close()
      metrics.close()
      await door.close()
    },
  }
}

/** What the hub says of itself. */
class HubSelf implements HubReport {
  isClosing = false
  readonly #needs: WebSideNeeds
  readonly #startedAt: number

  constructor(needs: WebSideNeeds) {
    this.#needs = needs
    this.#startedAt = Math.floor(needs.system.wallClock())
  }

  /** As whoever needs no key announces. */
  openAnnounceUrls(origin: string): string[] {
    return trackersAt(origin, this.#needs.doors.port).map((tracker) => `${tracker}/announce`)
  }

  facts(origin: string): HubFacts {
    const { settings, registrar } = this.#needs.rooms.accounts
    const { name, visitors, registration } = settings.current
    return {
      name,
      version: HUB_VERSION,
      visitors,
      registration,
      needsSetup: registrar.needsSetup,
      announceUrls: this.openAnnounceUrls(origin),
      startedAt: this.#startedAt,
    }
  }

  async stats(): Promise<HubStats> {
    const { rooms, doors, system, startedAt } = this.#needs
    const { httpAnnounces, udpAnnounces } = doors.counts
    const [totals, members] = await Promise.all([rooms.catalogue.totals(), rooms.accounts.members.count()])
    return {
      ...totals,
      members,
      connectedPeers: rooms.channel.presence.size,
      swarms: rooms.tracker.store.swarmCount,
      swarmPeers: rooms.tracker.store.peerCount,
      httpAnnounces,
      udpAnnounces,
      uptimeMs: Math.round(system.now() - startedAt),
    }
  }

  async checkReady(): Promise<void> {
    if (this.isClosing) throw new ProblemError('BUSY', 'The hub is stopping')
    await this.#needs.rooms.checkReady()
  }

  metrics(): readonly Metric[] {
    const { rooms, doors } = this.#needs
    const { httpAnnounces, httpScrapes, httpFailures, udpConnects, udpAnnounces, udpScrapes, udpFailures, udpDropped } = doors.counts
    const gauge = (name: string, help: string, value: number): Metric => ({ name, help, type: 'gauge', values: [{ value }] })
    const byDoor = (name: string, help: string, http: number, udp: number): Metric => ({
      name,
      help,
      type: 'counter',
      values: [
        { labels: { door: 'http' }, value: http },
        { labels: { door: 'udp' }, value: udp },
      ],
    })
    const counter = (name: string, help: string, value: number): Metric => ({ name, help, type: 'counter', values: [{ value }] })
    return [
      gauge('shoal_hub_swarms', 'Torrents that the tracker knows', rooms.tracker.store.swarmCount),
      gauge('shoal_hub_swarm_peers', 'Peers of all torrents', rooms.tracker.store.peerCount),
      gauge('shoal_hub_connected_peers', 'Shoal peers with an open control channel', rooms.channel.presence.size),
      byDoor('shoal_hub_announces_total', 'Announces that were answered', httpAnnounces, udpAnnounces),
      byDoor('shoal_hub_scrapes_total', 'Scrapes that were answered', httpScrapes, udpScrapes),
      byDoor('shoal_hub_failures_total', 'Announces and scrapes that were refused', httpFailures, udpFailures),
      counter('shoal_hub_udp_connects_total', 'Connection ids given out', udpConnects),
      counter('shoal_hub_udp_dropped_total', 'Datagrams that got no answer', udpDropped),
    ]
  }
}
