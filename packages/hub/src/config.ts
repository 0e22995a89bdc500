import type { Settings } from '@shoal/api/hub-api'
import { SenderAddress } from '@shoal/door/sender-address'
import type { SettingValues } from './config-settings.ts'
import { HubError } from './errors.ts'
import { DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from './tracker/announce.ts'
import { PublicAddresses } from './tracker/public-addresses.ts'

export interface HubConfig {
  /** IP literal or name of one address of this machine; `0.0.0.0` is every IPv4 address, `::` every address. */
  readonly host: string
  /** HTTP and UDP have the same number. 0 lets the system choose. */
  readonly port: number
  /** HTTP connections at once; further ones are closed as they come. */
  readonly maxHttpConnections: number
  /** The same of one address, apart from this machine and trusted proxies: a class behind one router must not notice. */
  readonly maxHttpConnectionsPerAddress: number
  readonly tracker: TrackerOptions
  /** Where everything is kept; undefined: nowhere, the hub forgets all when it stops. */
  readonly stateDirectory: string | undefined
  /** As people type it, without a slash at the end; undefined: the address that the hub listens on. */
  readonly publicUrl: string | undefined
  /** Networks of proxies that are believed. */
  readonly trustedProxies: readonly string[]
  /** Names under which the hub answers, besides that of the public URL; none: see the setting. */
  readonly allowedHosts: readonly string[]
  /** Paths of PEM files; undefined: plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  readonly logsAccess: boolean
  readonly backupEveryMs: number
  /** 0: no automatic backups. */
  readonly backupsKept: number
  readonly freeSpaceBytes: number
  /**
   * Nobody has said who may come, and nobody but this machine should: then it is open to those on it, but not to those
   * whom a proxy hands on that nobody has told the hub of.
   */
  readonly letsInOnlyItsMachine: boolean
  /** What the hub does until its owner says otherwise while it runs (`PATCH /v1/settings`). */
  readonly settings: Settings
}

const DEFAULT_SETTINGS: Settings = {
  name: 'Shoal hub',
  visitors: 'none',
  registration: 'invite',
  torrents: 'any',
  maxFilesPerMember: 10_000,
  forgetAfterDays: 90,
}

export const DEFAULT_HUB_CONFIG: HubConfig = Object.freeze({
  host: '127.0.0.1',
  port: 6880,
  maxHttpConnections: 10_000,
  maxHttpConnectionsPerAddress: 1_000,
  tracker: DEFAULT_TRACKER_OPTIONS,
  stateDirectory: undefined,
  publicUrl: undefined,
  trustedProxies: [],
  allowedHosts: [],
  tls: undefined,
  logsAccess: false,
  backupEveryMs: 24 * 3_600_000,
  backupsKept: 7,
  freeSpaceBytes: 512 * 1024 * 1024,
  letsInOnlyItsMachine: true,
  settings: DEFAULT_SETTINGS,
})

/** What is left out has its default. */
export interface HubConfigChanges extends Partial<Omit<HubConfig, 'tracker' | 'settings'>> {
  readonly tracker?: Partial<TrackerOptions>
  /**
   * `visitors`, if left out, are members on a hub that only its own machine can reach, and nobody elsewhere; `registration` is open
   * where they are members, and by invite elsewhere.
   */
  readonly settings?: Partial<Settings>
}

/** The configuration that the settings of file, environment and flags make. @throws {HubError} `OPTION_INVALID` */
export function hubConfigOf(values: SettingValues): HubConfig {
  const certificate = values['tls.certificate']
  const key = values['tls.key']
  if ((certificate === '') !== (key === '')) {
    throw new HubError('OPTION_INVALID', 'Cannot use tls.certificate without tls.key, nor the other way round: set both, or none')
  }
  return resolveHubConfig({
    host: values.host,
    port: values.port,
    maxHttpConnections: values['limits.http-connections'],
    maxHttpConnectionsPerAddress: values['limits.http-connections-per-address'],
    stateDirectory: values.state,
    publicUrl: values['public-url'] || undefined,
    trustedProxies: values['trusted-proxies'],
    allowedHosts: values['allowed-hosts'],
    tls: certificate === '' ? undefined : { certificate, key },
    logsAccess: values['log.access'],
    backupEveryMs: values['backups.every'],
    backupsKept: values['backups.keep'],
    freeSpaceBytes: values['checks.free-space'],
    tracker: {
      intervalSeconds: seconds(values['tracker.interval']),
      minIntervalSeconds: seconds(values['tracker.min-interval']),
      defaultNumWant: values['tracker.peers'],
      maxNumWant: values['tracker.most-peers'],
      maxSwarms: values['tracker.max-torrents'],
      maxPeers: values['tracker.max-peers'],
      maxPeersPerAddress: values['tracker.max-peers-per-address'],
      largeSwarmPeers: values['tracker.large-swarm'],
      announcesPerSecond: values['tracker.announces-per-second'],
      announceBurst: values['tracker.announce-burst'],
      addressFrom: values['tracker.address-from'],
      publicAddresses: values['tracker.public-addresses'],
    },
    settings: {
      name: values.name,
      ...(values.registration === 'auto' ? {} : { registration: values.registration }),
      torrents: values.torrents,
      maxFilesPerMember: values['files-per-member'],
      forgetAfterDays: Math.ceil(values['forget-after'] / DAY_MS),
      ...(values.open ? { visitors: 'member' } : {}),
    },
  })
}

const DAY_MS = 86_400_000

function seconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1_000))
}

/**
 * The peer lifetime follows the interval when only that is given: a peer is gone when it has missed an announce
 * and a quarter.
 *
 * @throws {HubError} `OPTION_INVALID`
 */
export function resolveHubConfig(changes: HubConfigChanges = {}): HubConfig {
  const given = changes.tracker ?? {}
  const intervalSeconds = given.intervalSeconds ?? DEFAULT_TRACKER_OPTIONS.intervalSeconds
  const tracker = {
    ...DEFAULT_TRACKER_OPTIONS,
    peerLifetimeMinutes: lifetimeFor(intervalSeconds),
    trustedProxies: changes.trustedProxies ?? DEFAULT_TRACKER_OPTIONS.trustedProxies,
    ...given,
  }
  const merged = { ...DEFAULT_HUB_CONFIG, ...changes, tracker }
  const isForMachine = isForItsMachineOnly(merged)
  const visitors = changes.settings?.visitors ?? (isForMachine ? 'member' : DEFAULT_SETTINGS.visitors)
  const registration = visitors === 'member' ? 'open' : DEFAULT_SETTINGS.registration
  const config = {
    ...merged,
    letsInOnlyItsMachine: changes.letsInOnlyItsMachine ?? (isForMachine && changes.settings?.visitors === undefined),
    settings: { ...DEFAULT_SETTINGS, registration, ...changes.settings, visitors },
  }
  expectInteger('port', config.port, 0, 65_535)
  expectInteger('maxHttpConnections', config.maxHttpConnections, 1, 1_000_000)
  expectInteger('maxHttpConnectionsPerAddress', config.maxHttpConnectionsPerAddress, 1, 1_000_000)
  expectInteger('intervalSeconds', tracker.intervalSeconds, 1, 86_400)
  expectInteger('minIntervalSeconds', tracker.minIntervalSeconds, 1, 86_400)
  expectInteger('defaultNumWant', tracker.defaultNumWant, 0, tracker.maxNumWant)
  expectInteger('maxNumWant', tracker.maxNumWant, 1, 200)
  expectInteger('maxSwarms', tracker.maxSwarms, 1, 10_000_000)
  expectInteger('maxPeers', tracker.maxPeers, 1, 100_000_000)
  expectInteger('maxPeersPerAddress', tracker.maxPeersPerAddress, 1, 1_000_000)
  // stamps are ticks of ten seconds modulo 2^15, and in a large swarm a peer lives twice as long
  expectInteger('peerLifetimeMinutes', tracker.peerLifetimeMinutes, 1, 2_000)
  expectInteger('largeSwarmPeers', tracker.largeSwarmPeers, 1, 100_000_000)
  expectInteger('announcesPerSecond', tracker.announcesPerSecond, 1, 1_000_000_000)
  expectInteger('announceBurst', tracker.announceBurst, 1, 1_000_000_000)
  expectReadable(tracker)
  return config
}

/** Nobody but programs of this machine reaches the hub. A public URL or a trusted proxy says that somebody hands calls of others on. */
function isForItsMachineOnly({ host, publicUrl, trustedProxies }: Pick<HubConfig, 'host' | 'publicUrl' | 'trustedProxies'>): boolean {
  const isLoopback = host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host)
  return isLoopback && publicUrl === undefined && trustedProxies.length === 0
}

/** Networks and addresses, by those who read them. */
function expectReadable(tracker: TrackerOptions): void {
  try {
    new SenderAddress(tracker)
    new PublicAddresses(tracker.publicAddresses)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new HubError('OPTION_INVALID', cause.message, { cause })
  }
}

function lifetimeFor(intervalSeconds: number): number {
  return Math.ceil((intervalSeconds * 1.25) / 60) + 5
}

function expectInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new HubError('OPTION_INVALID', `Cannot start a hub with ${name} = ${value}: it is a whole number from ${least} to ${most}`)
}
