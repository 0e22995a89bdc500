import { connect } from 'node:net'
import type { Ping } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { HubSystem } from '../system.ts'
import { type ConnectedHost, type ControlCaller, entryHostOf } from './connected-host.ts'
import type { ControlChannel } from './control-channel.ts'

/** For the answer over the control channel. */
const ROUND_TRIP_TIMEOUT_MS = 2_000
/** For its BitTorrent port. */
const DIAL_TIMEOUT_MS = 1_000
/** Ports that the hub tries at once, for everybody together. */
const MAX_DIALS = 50

export interface PingAsk {
  readonly ip: string
  readonly port: number
  readonly caller: ControlCaller
  /** What the caller says that it is itself. */
  readonly ownHostId: string | undefined
}

/** Measures from the hub to a peer: there and back over the control channel, and whether its BitTorrent port takes connections. */
export class PeerPings {
  readonly #channel: ControlChannel
  readonly #hosts: { wasAt(ip: string, port: number): Promise<boolean> }
  readonly #system: HubSystem
  #dials = 0

  constructor(channel: ControlChannel, hosts: { wasAt(ip: string, port: number): Promise<boolean> }, system: HubSystem) {
    this.#channel = channel
    this.#hosts = hosts
    this.#system = system
  }

  /** @throws {ProblemError} `PING_SELF`, `PEER_GONE`, `NOT_FOUND` */
  async ping(ask: PingAsk): Promise<Ping> {
    const host = this.#channel.presence.at(ask.ip, ask.port)
    const connection = host === undefined ? undefined : this.#channel.connectionOf(host.id)
    if (host === undefined || connection === undefined) throw await this.#absent(ask)
    if (host.id === ask.ownHostId || this.#isOwn(host, ask.caller)) {
      throw new ProblemError('PING_SELF', `Cannot ping ${shown(ask)} from itself: choose another peer (list_peers shows all)`)
    }
    const [roundTripMs, dial] = await Promise.all([
      this.#roundTrip(() => connection.ping(ROUND_TRIP_TIMEOUT_MS)),
      connection.admission.isDialable
        ? this.#dial(host)
        : { reachability: 'not tried: a proxy that the hub does not know stands between, so the address is not its own' },
    ])
    if (roundTripMs === undefined) {
      throw new ProblemError(
        'PEER_GONE',
        `${JSON.stringify(host.name)} at ${shown(ask)} did not answer within ${ROUND_TRIP_TIMEOUT_MS / 1_000} s`,
      )
    }
    return { peer: entryHostOf(host), roundTripMs, isReachable: 'connectMs' in dial, ...dial }
  }

  async #roundTrip(ping: () => Promise<number | undefined>): Promise<number | undefined> {
    const sentAt = this.#system.now()
    const answeredAt = await ping()
    return answeredAt === undefined ? undefined : inMicroseconds(answeredAt - sentAt)
  }

  /** Only ever the address that the control channel comes from: nobody can send the hub elsewhere. */
  async #dial(host: ConnectedHost): Promise<{ reachability: string; connectMs?: number }> {
    if (this.#dials >= MAX_DIALS) return { reachability: 'not tried: the hub tries too many others at this moment' }
    this.#dials++
    const startedAt = this.#system.now()
    try {
      const failure = await dial(host.ip, host.port)
      if (failure !== undefined) return { reachability: failure }
      return { reachability: 'takes connections', connectMs: inMicroseconds(this.#system.now() - startedAt) }
    } finally {
      this.#dials--
    }
  }

  /** The only host of the same account at the same address: that is where the caller sits. */
  #isOwn(host: ConnectedHost, caller: ControlCaller): boolean {
    if (caller.accountId === undefined || host.caller.accountId !== caller.accountId || host.ip !== caller.ip) return false
    return this.#channel.presence
      .all()
      .every((other) => other === host || other.ip !== caller.ip || other.caller.accountId !== caller.accountId)
  }

  async #absent(ask: PingAsk): Promise<ProblemError> {
    if (await this.#hosts.wasAt(ask.ip, ask.port)) return new ProblemError('PEER_GONE', `The peer at ${shown(ask)} is no longer connected`)
    return new ProblemError('NOT_FOUND', `No peer is known at ${shown(ask)} (list_peers shows all)`)
  }
}

/** @returns why not, in words */
function dial(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS })
    const finish = (failure: string | undefined): void => {
      socket.destroy()
      resolve(failure)
    }
    socket.once('connect', () => finish(undefined))
    socket.once('timeout', () => finish(`no answer within ${DIAL_TIMEOUT_MS / 1_000} s: a firewall or a router may stand before it`))
    socket.once('error', (error: Error & { code?: string }) => {
      finish(error.code === 'ECONNREFUSED' ? 'refused: nothing listens there' : `cannot be reached (${error.code ?? error.message})`)
    })
  })
}

function shown({ ip, port }: { ip: string; port: number }): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

function inMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
