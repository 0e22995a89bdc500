import { parseIp } from '@shoal/protocol/ip-address'

/** Networks that are nobody's on the internet: this machine, its own networks, and what is kept for special use. */
const V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
]
const V6: readonly (readonly [string, number])[] = [
  ['::', 127], // unspecified, and this machine
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
]
/** Prefixes behind which an IPv4 address stands: mapped (RFC 4291), and NAT64 (RFC 6052). */
const V4_WITHIN: readonly (readonly [string, number])[] = [
  ['::ffff:0.0.0.0', 96],
  ['64:ff9b::', 96],
]

/** Is the IP address one that no public server has? What is no address counts as one, too. */
export function isInternalAddress(ip: string): boolean {
  const bytes = parseIp(ip)
  if (bytes === undefined) return true
  if (bytes.length === 4) return isInOneOf(bytes, V4)
  if (isInOneOf(bytes, V4_WITHIN)) return isInOneOf(bytes.subarray(12), V4)
  return isInOneOf(bytes, V6)
}

function isInOneOf(bytes: Uint8Array, networks: readonly (readonly [string, number])[]): boolean {
  return networks.some(([network, bits]) => {
    const prefix = parseIp(network)
    if (prefix === undefined || prefix.length !== bytes.length) return false
    for (let bit = 0; bit < bits; bit++) {
      const mask = 0x80 >> (bit & 7)
      if (((bytes[bit >> 3]! ^ prefix[bit >> 3]!) & mask) !== 0) return false
    }
    return true
  })
}
