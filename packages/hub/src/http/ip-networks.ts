import { formatIp, parseIp } from '@shoal/protocol/ip-address'

interface Network {
  readonly base: Uint8Array
  readonly bits: number
}

/** A set of networks, as the configuration lists them: `10.0.0.0/8`, `fd00::/8`, `192.0.2.1`. */
export class IpNetworks {
  readonly #networks: readonly Network[]

  /** @throws {RangeError} for text that is no network */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map(parseNetwork)
  }

  includes(ip: Uint8Array): boolean {
    return this.#networks.some(({ base, bits }) => base.length === ip.length && sharesBits(base, ip, bits))
  }
}

/** The network that one person's addresses lie in, for limits: /24 of IPv4, /56 of IPv6. Text that is no address stays as it is. */
export function cutAddress(ip: string): string {
  const bytes = parseIp(ip)
  if (bytes === undefined) return ip
  const kept = bytes.length === 4 ? 3 : 7
  return `${formatIp(bytes.map((byte, at) => (at < kept ? byte : 0)))}/${kept * 8}`
}

export function isLoopback(ip: string): boolean {
  const bytes = parseIp(ip)
  if (bytes === undefined) return false
  return bytes.length === 4 ? bytes[0] === 127 : formatIp(bytes) === '::1'
}

function parseNetwork(text: string): Network {
  const [address, length, ...more] = text.trim().split('/')
  const base = parseIp(address ?? '')
  const bits = length === undefined ? (base?.length ?? 0) * 8 : Number(length)
  if (base === undefined || more.length > 0 || !/^\d{0,3}$/.test(length ?? '') || length === '' || bits > base.length * 8) {
    throw new RangeError(`Cannot read ${JSON.stringify(text)} as a network: write it as 10.0.0.0/8, fd00::/8 or one address`)
  }
  return { base, bits }
}

function sharesBits(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  for (let at = 0; at * 8 < bits; at++) {
    const mask = 0xff << Math.max(0, 8 - (bits - at * 8))
    if (((one[at]! ^ other[at]!) & mask & 0xff) !== 0) return false
  }
  return true
}
