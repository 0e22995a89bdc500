import { HubError } from './errors.ts'
import { DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from './tracker/announce.ts'
import { PublicAddresses } from './tracker/public-addresses.ts'
import { SenderAddress } from './tracker/sender-address.ts'

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
}

export const DEFAULT_HUB_CONFIG: HubConfig = Object.freeze({
  host: '127.0.0.1',
  port: 6880,
  maxHttpConnections: 10_000,
  maxHttpConnectionsPerAddress: 1_000,
  tracker: DEFAULT_TRACKER_OPTIONS,
})

/** What is left out has its default. */
export interface HubConfigChanges extends Partial<Omit<HubConfig, 'tracker'>> {
  readonly tracker?: Partial<TrackerOptions>
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
  const tracker = { ...DEFAULT_TRACKER_OPTIONS, peerLifetimeMinutes: lifetimeFor(intervalSeconds), ...given }
  const config = { ...DEFAULT_HUB_CONFIG, ...changes, tracker }
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
