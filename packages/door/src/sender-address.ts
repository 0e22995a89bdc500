import { parseIp } from '@shoal/protocol/ip-address'
import { NetworkList } from './ip-networks.ts'

export interface SenderOptions {
  /** Proxies before this hub, as networks: what they say in `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Networks whose peers may name their address themselves (`ip=`, or the field of UDP). Whoever is in one can point a swarm at anybody. */
  readonly addressFrom: readonly string[]
}

export const DEFAULT_SENDER_OPTIONS: Readonly<SenderOptions> = Object.freeze({ trustedProxies: [], addressFrom: [] })

/**
 * Where an announce comes from. It is where its packets come from, and nothing that it says: else anybody could direct a whole
 * swarm at a victim (SAFETY T2, T3). Only whoever runs the hub can name exceptions.
 */
export class SenderAddress {
  readonly #proxies: NetworkList
  readonly #believed: NetworkList

  /** @throws {RangeError} a network that cannot be read */
  constructor({ trustedProxies, addressFrom }: SenderOptions = DEFAULT_SENDER_OPTIONS) {
    this.#proxies = new NetworkList(trustedProxies)
    this.#believed = new NetworkList(addressFrom)
  }

  isProxy(address: Uint8Array): boolean {
    return !this.#proxies.isEmpty && this.#proxies.has(address)
  }

  /**
   * Who is behind a proxy. The list is walked from its right end, where the nearest proxy has written, to the first address that
   * is no proxy of ours: what stands left of that, the sender may have invented.
   *
   * @param peer where the connection comes from
   * @param forwardedFor the header, or undefined
   */
  behind(peer: Uint8Array, forwardedFor: string | undefined): Uint8Array {
    if (forwardedFor === undefined || !this.isProxy(peer)) return peer
    let sender = peer
    const hops = forwardedFor.split(',')
    for (let hop = hops.length - 1; hop >= 0; hop--) {
      const address = parseIp(withoutPort(hops[hop]!.trim()))
      if (address === undefined) return sender
      sender = address
      if (!this.isProxy(address)) return address
    }
    return sender
  }

  /** What a peer claims, if it is in a network that may. */
  believed(sender: Uint8Array, claimed: Uint8Array | undefined): Uint8Array {
    return claimed !== undefined && !this.#believed.isEmpty && this.#believed.has(sender) ? claimed : sender
  }
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)
  if (bracketed !== null) return bracketed[1]!
  return /^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(':')) : text
}
