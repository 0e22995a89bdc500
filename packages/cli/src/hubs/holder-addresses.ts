import { Socket } from 'node:net'
import type { EntryHost } from '@shoal/api/hub-api'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import type { Static } from 'typebox'
import type { HubsSystem } from './hubs-system.ts'

type Host = Static<typeof EntryHost>

export interface HolderAddress {
  readonly host: string
  readonly port: number
}

/** Milliseconds until the port took a connection; undefined when it did not in time. */
export type MeasureConnect = (address: HolderAddress, timeoutMs: number) => Promise<number | undefined>

/** Whoever has not answered after so long comes after those who have: the transfer does not wait for them. */
const MEASURE_MS = 300
const MAX_MEASURED = 32
/** The engine meets no more of a list at once anyway. */
const MAX_HOLDERS = 100

/**
 * Where the peers are that have something, each once and without ourselves.
 *
 * A hub sees the peers of its own machine at 127.0.0.1, which is another machine for everybody else: for them it is the hub's address.
 */
export function holderAddresses(
  hosts: readonly Host[],
  own: { readonly hostId: string | undefined; readonly ip: string | undefined; readonly hubUrl: string },
): HolderAddress[] {
  const hubHost = new URL(own.hubUrl).hostname.replace(/^\[|\]$/g, '')
  const isHere = own.ip === undefined || isLoopback(own.ip)
  const found = new Map<string, HolderAddress>()
  for (const { id, ip, port } of hosts) {
    if (id === own.hostId || ip === undefined || port === undefined) continue
    const bytes = parseIp(ip)
    if (bytes === undefined || port < 1 || port > 65_535) continue
    const written = formatIp(bytes)
    const host = isLoopback(written) && !isHere ? hubHost : written
    if (parseIp(host) !== undefined) found.set(`${host} ${port}`, { host, port })
  }
  return [...found.values()].slice(0, MAX_HOLDERS)
}

/** The nearest first; then those that did not answer soon, as they came. */
export async function nearestFirst(holders: readonly HolderAddress[], measure: MeasureConnect): Promise<HolderAddress[]> {
  if (holders.length < 2) return [...holders]
  const times = await Promise.all(holders.slice(0, MAX_MEASURED).map((holder) => measure(holder, MEASURE_MS)))
  const measured = holders.map((holder, index) => ({ holder, time: times[index] ?? Number.POSITIVE_INFINITY }))
  return measured.sort((a, b) => (a.time === b.time ? 0 : a.time - b.time)).map(({ holder }) => holder)
}

/** Opens a connection, says nothing and closes it. */
export function connectMeasure(system: HubsSystem): MeasureConnect {
  return ({ host, port }, timeoutMs) =>
    new Promise((resolve) => {
      const begin = system.now()
      const socket = new Socket()
      const finish = (time: number | undefined): void => {
        timer.cancel()
        socket.destroy()
        resolve(time)
      }
      const timer = system.after(timeoutMs, () => finish(undefined))
      socket.once('connect', () => finish(system.now() - begin))
      socket.on('error', () => finish(undefined))
      socket.connect({ host, port })
    })
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1'
}
