import { OPERATOR_NAME } from './accounts/caller.ts'
import { trackersAt } from './announce-urls.ts'
import { type HubConfigChanges, resolveHubConfig } from './config.ts'
import { setupLink } from './http/session-routes.ts'
import { HubDoors } from './hub-doors.ts'
import type { HubLog } from './hub-log.ts'
import { HubRooms } from './hub-rooms.ts'
import { type HubSystem, REAL_HUB_SYSTEM } from './system.ts'
import type { AccessPolicy } from './tracker/access.ts'
import { leaveUrls } from './url-file.ts'
import { openWebSide } from './web-side.ts'

export type { HubConfig, HubConfigChanges } from './config.ts'
export { HubError, type HubErrorCode } from './errors.ts'
export { type HubLog, openHubLog } from './hub-log.ts'
export { machineFacts, startWarnings } from './start-checks.ts'

/** Everything has its default: `startHub()` serves this machine on port 6880, and keeps nothing. */
export interface HubOptions extends HubConfigChanges {
  /** Who may announce what; what the hub's settings say by default. */
  readonly access?: AccessPolicy
  /** Hears of what cannot happen (a bug). Goes to the log, or else to standard error, by default. */
  readonly onBug?: (error: unknown) => void
  /** Hears of what is not as it should be, and that the hub goes on. Goes there, too, by default. */
  readonly onNotice?: (text: string) => void
  /** Hears that this hub cannot go on (its database has ended), so that whoever runs it starts another; a bug by default. */
  readonly onFatal?: (error: unknown) => void
  /** Where notices and bugs are told, and calls if the configuration says so. */
  readonly log?: HubLog
  readonly system?: HubSystem
}

/** A hub that serves, until it is closed. */
export interface Hub {
  readonly httpPort: number
  readonly udpPort: number
  /** As people on this machine, or in its network when the hub listens there, type it. */
  readonly url: string
  /** As programs on this machine reach it. */
  readonly localUrl: string
  /** Announce URLs that work there, for whoever needs no key. */
  readonly urls: { readonly http: string; readonly udp: string }
  /** Nobody owns the hub yet: this link, once, makes somebody the owner. It is new at each start. */
  readonly setupLink: string | undefined
  /** Whether whoever has no account may use it as a member does. */
  readonly isOpen: boolean
  stats(): HubStats
  /** Of its certificate, in milliseconds since 1970; undefined without HTTPS. */
  readonly certificateExpiresAt: number | undefined
  /** Takes new certificates, if the files have changed. @throws {HubError} `OPTION_INVALID`: then the old ones go on */
  reloadCertificates(): Promise<boolean>
  /** Answers what is under way, keeps what is to be kept, and frees the ports: in a second or two, whoever is still connected. */
  close(): Promise<void>
}

export interface HubStats {
  readonly uptimeMs: number
  readonly swarms: number
  readonly peers: number
  readonly httpAnnounces: number
  readonly httpScrapes: number
  readonly httpFailures: number
  readonly udpConnects: number
  readonly udpAnnounces: number
  readonly udpScrapes: number
  readonly udpFailures: number
  readonly udpDropped: number
}

/** How often the files of the certificate are looked at. */
const RENEW_EVERY_MS = 60_000

/**
 * @throws {HubError} `PORT_IN_USE`, `PORT_NOT_ALLOWED`, `HOST_UNAVAILABLE`, `OPTION_INVALID`, `LISTEN_FAILED`, and what the database says:
 *   `STATE_IN_USE`, `STATE_UNAVAILABLE`, `DATABASE_DAMAGED`, `DATABASE_NEWER`, `DATABASE_FOREIGN`
 */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const { access, log, system = REAL_HUB_SYSTEM, ...rest } = options
  const { onBug = (error: unknown) => reportBug(log, error), onNotice = (text: string) => notice(log, text), ...more } = rest
  const { onFatal = onBug, ...changes } = more
  const config = resolveHubConfig(changes)
  const doors = await HubDoors.prepare(config)
  const rooms = await HubRooms.open({
    config,
    system,
    access,
    onBug,
    onNotice,
    onFatal,
    trackersAt: (origin) => trackersAt(origin, doors.port),
  })
  try {
    const startedAt = system.now()
    const web = await openWebSide({ config, rooms, doors, log, system, onBug, startedAt })
    try {
      const code = rooms.accounts.registrar.needsSetup
        ? await rooms.accounts.registrar.setupCode({ accountId: undefined, name: OPERATOR_NAME })
        : undefined
      await doors.open({ rooms, web, system, onBug })
      const { url, localUrl } = doors
      const takeBackUrls = config.stateDirectory === undefined ? undefined : leaveUrls(config.stateDirectory, { localUrl, url })
      const renewing = setInterval(
        () => void doors.reloadCertificates().catch((error: Error) => onNotice(error.message)),
        RENEW_EVERY_MS,
      ).unref()
      return {
        httpPort: doors.port,
        udpPort: doors.port,
        url,
        localUrl,
        urls: announceUrls(url, doors.port),
        setupLink: code === undefined ? undefined : setupLink(url, code),
        isOpen: rooms.accounts.settings.current.visitors === 'member',
        stats: () => ({
          uptimeMs: Math.round(system.now() - startedAt),
          swarms: rooms.tracker.store.swarmCount,
          peers: rooms.tracker.store.peerCount,
          ...doors.counts,
        }),
        certificateExpiresAt: doors.certificateExpiresAt,
        reloadCertificates: () => doors.reloadCertificates(),
        close: async () => {
          clearInterval(renewing)
          takeBackUrls?.()
          web.beginClosing()
          await doors.close()
          await web.close()
          await rooms.close()
        },
      }
    } catch (error) {
      await web.close()
      throw error
    }
  } catch (error) {
    await rooms.close()
    throw error
  }
}

function announceUrls(origin: string, port: number): Hub['urls'] {
  const [http = '', udp = ''] = trackersAt(origin, port).map((tracker) => `${tracker}/announce`)
  return { http, udp }
}

function notice(log: HubLog | undefined, text: string): void {
  if (log !== undefined) log.warn(text)
  else console.error(text)
}

function reportBug(log: HubLog | undefined, error: unknown): void {
  const text = 'The hub met something that cannot happen, and goes on'
  if (log !== undefined) log.error({ err: error }, text)
  else console.error(`${text}:`, error)
}
