import { formatIp, parseIp } from '@shoal/protocol/ip-address'

interface Network {
  readonly address: Uint8Array
  readonly prefixBits: number
}

/** Some networks, and whether an address is in one of them. */
export class NetworkList {
  readonly #networks: readonly Network[]

  /** @param texts `10.0.0.0/8`, `2001:db8::/32` or a plain address. @throws {RangeError} which one cannot be read */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map(parseNetwork)
  }

  get isEmpty(): boolean {
    return this.#networks.length === 0
  }

  /** @param address 4 or 16 bytes */
  has(address: Uint8Array): boolean {
    for (const network of this.#networks) if (isIn(address, network)) return true
    return false
  }
}

function parseNetwork(text: string): Network {
  const slash = text.indexOf('/')
  const address = parseIp(slash < 0 ? text : text.slice(0, slash))
  const bits = slash < 0 ? undefined : text.slice(slash + 1)
  const most = address === undefined ? 0 : address.length * 8
  const prefixBits = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (address === undefined || !(prefixBits <= most)) {
    throw new RangeError(`Cannot read the network ${JSON.stringify(text)}: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1`)
  }
  return { address, prefixBits }
}

function isIn(address: Uint8Array, { address: network, prefixBits }: Network): boolean {
  if (address.length !== network.length) return false
  const whole = prefixBits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== network[i]) return false
  const rest = prefixBits & 7
  return rest === 0 || (address[whole]! ^ network[whole]!) >> (8 - rest) === 0
}

/** An address of this machine only: 127.0.0.0/8 or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127
  for (let i = 0; i < 15; i++) if (address[i] !== 0) return false
  return address[15] === 1
}

/** Where somebody calls from, as coarse as one household or one machine room: /24 or /56. More is never stored. */
export function networkOf(ip: string): string {
  const bytes = parseIp(ip)?.slice()
  if (bytes === undefined) return 'unknown'
  const kept = bytes.length === 4 ? 3 : 7
  bytes.fill(0, kept)
  return `${formatIp(bytes)}/${kept * 8}`
}
