import type { EntryHost, PeerEntry } from '@shoal/api/hub-api'
import type { Permission } from '@shoal/api/permissions'

/** Who a control channel belongs to, as the web door has found out. */
export interface ControlCaller {
  readonly accountId: string | undefined
  readonly name: string
  readonly ip: string
  may(permission: Permission): boolean
}

/** A Shoal peer whose control channel is open. */
export interface ConnectedHost {
  /** Kept over restarts of the peer and of the hub. */
  readonly id: string
  /** Unique among those that are connected. */
  readonly name: string
  /** Where the channel comes from. */
  readonly ip: string
  /** Where it says that it takes BitTorrent connections. */
  readonly port: number
  readonly version: string
  readonly caller: ControlCaller
  /** Milliseconds since 1970. */
  readonly connectedAt: number
}

export function entryHostOf(host: ConnectedHost): EntryHost {
  return { id: host.id, name: host.name, isOnline: true, ip: host.ip, port: host.port }
}

export function peerEntryOf(host: ConnectedHost, files: number): PeerEntry {
  const { id, name, ip, port, version, connectedAt, caller } = host
  return { id, name, ip, port, version, files, connectedAt, ...(caller.accountId === undefined ? {} : { account: caller.name }) }
}
