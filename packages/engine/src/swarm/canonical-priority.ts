import { compareBytes } from '@shoal/protocol/bytes'
import { parseIp } from '@shoal/protocol/ip-address'
import type { Endpoint } from '../ports/network.ts'

/**
 * How much two peers should prefer each other (BEP 40): both sides compute the same number, nobody can choose it, so
 * everybody gets a fair chance at everybody's last free connection.
 * @returns 0 to 2^32-1, higher is better; undefined for a pair of IPv4 and IPv6, or when one is no IP address
 */
export function canonicalPriority(ours: Endpoint, theirs: Endpoint): number | undefined {
  const our = parseIp(ours.host)
  const their = parseIp(theirs.host)
  if (our === undefined || their === undefined || our.length !== their.length) return undefined
  if (compareBytes(our, their) === 0) return crc32c(sorted(portBytes(ours.port), portBytes(theirs.port)))
  const exactBytes = exactByteCount(our, their)
  return crc32c(sorted(masked(our, exactBytes), masked(their, exactBytes)))
}

/** Leading bytes that count in full: those of the network, and one more than the two addresses share. */
function exactByteCount(our: Uint8Array, their: Uint8Array): number {
  const networkBytes = our.length === 4 ? 2 : 6
  let shared = 0
  while (our[shared] === their[shared]) shared++
  return shared < networkBytes ? networkBytes : shared + 1
}

/** Of the bytes behind, every second bit counts: an address range of one owner must not give him many chances. */
function masked(address: Uint8Array, exactBytes: number): Uint8Array {
  return address.map((byte, at) => (at < exactBytes ? byte : byte & 0x55))
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 0xff)
}

function sorted(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length)
  const isFirst = compareBytes(one, other) <= 0
  both.set(isFirst ? one : other, 0)
  both.set(isFirst ? other : one, one.length)
  return both
}

/** CRC-32C (Castagnoli), bit by bit: a few dozen bytes, once per address. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78
  }
  return ~crc >>> 0
}
