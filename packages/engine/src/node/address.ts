import { isIPv4, isIPv6 } from 'node:net'

/**
 * How far inside an address lies. A public tracker may send us to another public one, but never further in: that is how
 * a stranger's link would make us knock at the router, the printer or our own daemon (SAFETY T4).
 */
export type AddressReach = 'public' | 'private' | 'local' | 'none'

/** `local` is this machine or this cable only; `none` can be nobody's server (multicast, unspecified, reserved). */
export const REACH_ORDER: Readonly<Record<Exclude<AddressReach, 'none'>, number>> = Object.freeze({ public: 0, private: 1, local: 2 })

interface Block {
  readonly prefix: bigint
  readonly bits: number
  readonly reach: AddressReach
}

/** IANA special-purpose registries (RFC 6890 and its updates); the first match counts. */
const BLOCKS_V4: readonly Block[] = [
  blockV4('0.0.0.0', 8, 'none'),
  blockV4('10.0.0.0', 8, 'private'),
  blockV4('100.64.0.0', 10, 'private'), // carrier-grade NAT
  blockV4('127.0.0.0', 8, 'local'),
  blockV4('169.254.0.0', 16, 'local'), // link-local; also where clouds keep their secrets
  blockV4('172.16.0.0', 12, 'private'),
  blockV4('192.0.0.0', 24, 'private'),
  blockV4('192.168.0.0', 16, 'private'),
  blockV4('198.18.0.0', 15, 'private'), // benchmark networks
  blockV4('224.0.0.0', 4, 'none'),
  blockV4('240.0.0.0', 4, 'none'),
]
const BLOCKS_V6: readonly Block[] = [
  blockV6('::', 128, 'none'),
  blockV6('::1', 128, 'local'),
  blockV6('100::', 64, 'none'),
  blockV6('fc00::', 7, 'private'),
  blockV6('fe80::', 10, 'local'),
  blockV6('fec0::', 10, 'private'),
  blockV6('ff00::', 8, 'none'),
]
/** Prefixes that carry an IPv4 address at `shift` bits from the right: it decides. */
const EMBEDDED_V4: readonly { readonly prefix: bigint; readonly bits: number; readonly shift: bigint }[] = [
  { prefix: parseV6('::ffff:0:0'), bits: 96, shift: 0n }, // mapped
  { prefix: parseV6('64:ff9b::'), bits: 96, shift: 0n }, // NAT64
  { prefix: parseV6('2002::'), bits: 16, shift: 80n }, // 6to4
]

/** Where an IP literal leads. What is no IP literal leads nowhere. */
export function addressReach(address: string): AddressReach {
  if (isIPv4(address)) return reachIn(BLOCKS_V4, parseV4(address), 32)
  const bare = address.split('%', 1)[0]!
  if (!isIPv6(bare)) return 'none'
  const value = parseV6(bare)
  for (const { prefix, bits, shift } of EMBEDDED_V4) {
    if (startsWith(value, prefix, bits, 128)) return reachIn(BLOCKS_V4, (value >> shift) & 0xffff_ffffn, 32)
  }
  return reachIn(BLOCKS_V6, value, 128)
}

/** IPv4 that came through an IPv6 socket is IPv4: `::ffff:1.2.3.4` -> `1.2.3.4`. */
export function normaliseHost(host: string): string {
  return host.startsWith('::ffff:') && isIPv4(host.slice(7)) ? host.slice(7) : host
}

function reachIn(blocks: readonly Block[], value: bigint, width: number): AddressReach {
  for (const block of blocks) {
    if (startsWith(value, block.prefix, block.bits, width)) return block.reach
  }
  return 'public'
}

function startsWith(value: bigint, prefix: bigint, bits: number, width: number): boolean {
  const rest = BigInt(width - bits)
  return value >> rest === prefix >> rest
}

function blockV4(prefix: string, bits: number, reach: AddressReach): Block {
  return { prefix: parseV4(prefix), bits, reach }
}

function blockV6(prefix: string, bits: number, reach: AddressReach): Block {
  return { prefix: parseV6(prefix), bits, reach }
}

function parseV4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

/** Of text that `isIPv6` has accepted (without a zone). */
function parseV6(text: string): bigint {
  const tail = text.slice(text.lastIndexOf(':') + 1)
  let groups = text
  if (tail.includes('.')) {
    const v4 = parseV4(tail)
    groups = `${text.slice(0, -tail.length)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`
  }
  const [head, rest] = groups.split('::') as [string, string?]
  const left = head === '' ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...middle, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
