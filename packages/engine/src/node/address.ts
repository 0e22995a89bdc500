import { formatIp, parseIp } from '@shoal/protocol/ip-address'

/**
 * How far inside an address lies. A public tracker may send us to another public one, but never further in: that is how
 * a stranger's link would make us knock at the router, the printer or our own daemon (SAFETY T4).
 */
export type AddressReach = 'public' | 'private' | 'local' | 'none'

/** `local` is this machine or this cable only; `none` can be nobody's server (multicast, unspecified, reserved). */
export const REACH_ORDER: Readonly<Record<Exclude<AddressReach, 'none'>, number>> = Object.freeze({ public: 0, private: 1, local: 2 })

interface Block {
  readonly prefix: Uint8Array
  readonly bits: number
  readonly reach: AddressReach
}

/** IANA special-purpose registries (RFC 6890 and its updates); the first match counts. */
const BLOCKS: readonly Block[] = [
  block('0.0.0.0', 8, 'none'),
  block('10.0.0.0', 8, 'private'),
  block('100.64.0.0', 10, 'private'), // carrier-grade NAT
  block('127.0.0.0', 8, 'local'),
  block('169.254.0.0', 16, 'local'), // link-local; also where clouds keep their secrets
  block('172.16.0.0', 12, 'private'),
  block('192.0.0.0', 24, 'private'),
  block('192.168.0.0', 16, 'private'),
  block('198.18.0.0', 15, 'private'), // benchmark networks
  block('224.0.0.0', 4, 'none'),
  block('240.0.0.0', 4, 'none'),
  block('::', 128, 'none'),
  block('::1', 128, 'local'),
  block('100::', 64, 'none'),
  block('fc00::', 7, 'private'),
  block('fe80::', 10, 'local'),
  block('fec0::', 10, 'private'),
  block('ff00::', 8, 'none'),
]
/** IPv6 prefixes that carry an IPv4 address from byte `at` on: that address decides. */
const EMBEDDED_V4: readonly { readonly prefix: Uint8Array; readonly bits: number; readonly at: number }[] = [
  { prefix: known('64:ff9b::'), bits: 96, at: 12 }, // NAT64
  { prefix: known('2002::'), bits: 16, at: 2 }, // 6to4
]

/** Where an IP literal leads. What is no IP literal leads nowhere. */
export function addressReach(address: string): AddressReach {
  const zone = address.indexOf('%')
  const bytes = parseIp(zone === -1 ? address : address.slice(0, zone))
  if (bytes === undefined) return 'none'
  for (const { prefix, bits, at } of EMBEDDED_V4) {
    if (startsWith(bytes, prefix, bits)) return reachOf(bytes.subarray(at, at + 4))
  }
  return reachOf(bytes)
}

/** One spelling for one address: IPv4 that came through an IPv6 socket is IPv4, and IPv6 is written short. */
export function normaliseHost(host: string): string {
  const bytes = parseIp(host)
  return bytes === undefined ? host : formatIp(bytes)
}

function reachOf(bytes: Uint8Array): AddressReach {
  return BLOCKS.find(({ prefix, bits }) => startsWith(bytes, prefix, bits))?.reach ?? 'public'
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  if (bytes.length !== prefix.length) return false
  for (let index = 0; index * 8 < bits; index++) {
    const mask = 0xff & ~(0xff >> Math.min(8, bits - index * 8))
    if (((bytes[index]! ^ prefix[index]!) & mask) !== 0) return false
  }
  return true
}

function block(prefix: string, bits: number, reach: AddressReach): Block {
  return { prefix: known(prefix), bits, reach }
}

function known(address: string): Uint8Array {
  const bytes = parseIp(address)
  if (bytes === undefined) throw new Error(`Cannot happen: ${address} is no address`)
  return bytes
}
