import type { IncomingMessage } from 'node:http'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { isLoopback } from './ip-networks.ts'
import { SenderAddress } from './sender-address.ts'

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
  /** See `Call.origin`. */
  readonly origin: string
}

export class ReachResolver {
  readonly prefix: string
  /** `class.example`, `class.example:8443` */
  readonly publicHost: string | undefined
  readonly #origin: string | undefined
  readonly #sender: SenderAddress

  constructor(options: ReachOptions) {
    this.#sender = new SenderAddress({ trustedProxies: options.trustedProxies ?? [], addressFrom: [] })
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
    return formatIp(bytesOf(request.socket.remoteAddress))
  }

  reachOf(request: IncomingMessage): Reach {
    const { socket } = request
    const from = bytesOf(socket.remoteAddress)
    const forwardedFor = headerOf(request, 'x-forwarded-for')
    const isHttps = this.#sender.isProxy(from)
      ? (headerOf(request, 'x-forwarded-proto') ?? '').trim() === 'https'
      : 'encrypted' in socket && socket.encrypted === true
    return {
      ip: formatIp(this.#sender.behind(from, forwardedFor)),
      isLocal: isLoopback(from) && forwardedFor === undefined && headerOf(request, 'forwarded') === undefined,
      isHttps,
      origin: this.#origin ?? `${isHttps ? 'https' : 'http'}://${hostOf(formatIp(bytesOf(socket.localAddress)))}:${socket.localPort ?? 0}`,
    }
  }

  /** Whether the connection ends at an address that only this machine has. */
  isOnLoopback(request: IncomingMessage): boolean {
    return isLoopback(bytesOf(request.socket.localAddress))
  }
}

/** One header as text; of those that came several times Node has made one, or a list. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Without a zone. A connection that is gone has no address any more. */
function bytesOf(address: string | undefined): Uint8Array {
  return parseIp((address ?? '').split('%')[0] ?? '') ?? new Uint8Array(4)
}

function hostOf(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip
}
