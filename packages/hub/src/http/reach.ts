import type { IncomingMessage } from 'node:http'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { IpNetworks, isLoopback } from './ip-networks.ts'

/** How the hub is reached from outside. */
export interface ReachOptions {
  /** As people type it, with the path that a proxy gives it: `https://class.example/hub`. Absent: what the socket says. */
  readonly publicUrl?: string
  /** Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly trustedProxies?: readonly string[]
}

/** How one request got here. */
export interface Reach {
  /** Of who asks; behind trusted proxies the one that they tell. */
  readonly ip: string
  /** From this very machine, and nobody forwarded it. */
  readonly isLocal: boolean
  readonly isHttps: boolean
  /** See `HubCall.origin`. */
  readonly origin: string
}

/** X-Forwarded-For lists are not read further back than this. */
const MAX_HOPS = 20

export class ReachResolver {
  readonly prefix: string
  /** `class.example`, `class.example:8443` */
  readonly publicHost: string | undefined
  readonly #origin: string | undefined
  readonly #proxies: IpNetworks

  constructor(options: ReachOptions) {
    this.#proxies = new IpNetworks(options.trustedProxies ?? [])
    if (options.publicUrl === undefined) {
      this.prefix = ''
      return
    }
    const url = new URL(options.publicUrl)
    this.prefix = url.pathname.replace(/\/+$/, '')
    this.publicHost = url.host
    this.#origin = `${url.origin}${this.prefix}`
  }

  /** Of the connection itself. */
  addressOf(request: IncomingMessage): string {
    return plain(request.socket.remoteAddress)
  }

  reachOf(request: IncomingMessage): Reach {
    const { socket } = request
    const from = plain(socket.remoteAddress)
    const isEncrypted = 'encrypted' in socket && socket.encrypted === true
    const isProxy = this.#isProxy(from)
    const forwardedFor = headerOf(request, 'x-forwarded-for')
    const isHttps = isProxy ? (headerOf(request, 'x-forwarded-proto') ?? '').trim() === 'https' : isEncrypted
    return {
      ip: isProxy && forwardedFor !== undefined ? this.#beforeProxies(forwardedFor, from) : from,
      isLocal: isLoopback(from) && forwardedFor === undefined && headerOf(request, 'forwarded') === undefined,
      isHttps,
      origin: this.#origin ?? `${isHttps ? 'https' : 'http'}://${hostOf(plain(socket.localAddress))}:${socket.localPort ?? 0}`,
    }
  }

  /** From the right, over every proxy that is ours, to the first address that is not: what stands left of it anybody may have written. */
  #beforeProxies(forwardedFor: string, from: string): string {
    let ip = from
    for (const hop of forwardedFor.split(',').slice(-MAX_HOPS).reverse()) {
      const bytes = parseIp(hop.trim().replace(/^\[|\]$/g, ''))
      if (bytes === undefined) break
      ip = formatIp(bytes)
      if (!this.#proxies.includes(bytes)) break
    }
    return ip
  }

  #isProxy(ip: string): boolean {
    const bytes = parseIp(ip)
    return bytes !== undefined && this.#proxies.includes(bytes)
  }
}

/** One header as text; of those that came several times Node has made one, or a list. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** In the short form, without a zone. A connection that is gone has no address any more. */
function plain(address: string | undefined): string {
  const bytes = parseIp((address ?? '').split('%')[0] ?? '')
  return bytes === undefined ? '0.0.0.0' : formatIp(bytes)
}

function hostOf(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip
}
