import { setUint16, uint16 } from './bytes.ts'

/**
 * IP addresses as bytes (4 or 16, network order) and as text. Text is always the short form (RFC 5952),
 * and an IPv4 address that travels inside IPv6 (`::ffff:192.0.2.1`) is written as the IPv4 address it is,
 * so that equal addresses are equal strings.
 */

/** @returns 4 bytes, or undefined for anything but four decimal numbers without leading zeros. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4)
  let part = 0
  let digits = 0
  let value = 0
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : DOT
    if (code === DOT) {
      if (digits === 0 || part === 4) return undefined
      bytes[part++] = value
      digits = 0
      value = 0
      continue
    }
    if (code < ZERO || code > NINE || (digits > 0 && value === 0)) return undefined
    value = value * 10 + (code - ZERO)
    digits++
    if (value > 255) return undefined
  }
  return part === 4 ? bytes : undefined
}

/** @returns 16 bytes; a zone (`%eth0`), brackets or anything else that is no plain IPv6 address gives undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length < 2 || text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // "::" stands for at least one group
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const bytes = new Uint8Array(16)
  head.forEach((group, i) => {
    setUint16(bytes, i * 2, group)
  })
  tail.forEach((group, i) => {
    setUint16(bytes, (head.length + missing + i) * 2, group)
  })
  return bytes
}

/** @returns 4 bytes, 16 bytes, or undefined when the text is no IP address. IPv4 inside IPv6 gives 4 bytes. */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  const bytes = parseIpv6(text)
  return bytes !== undefined && isMappedIpv4(bytes, 0) ? bytes.slice(12) : bytes
}

/** Dotted text of the 4 bytes at `at`. */
export function formatIpv4(bytes: Uint8Array, at = 0): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** Short text of the 16 bytes at `at`; dotted when they hold an IPv4 address. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  if (isMappedIpv4(bytes, at)) return formatIpv4(bytes, at + 12)
  const groups = Array.from({ length: 8 }, (_, i) => uint16(bytes, at + i * 2))
  const { start, length } = longestZeroRun(groups)
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  // RFC 5952: one zero group alone is written out
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

/** Text of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes)
}

/**
 * Whether a text is an address that only neighbours have: of this machine, of its link, or of a private network (RFC 1918,
 * 3927, 4193). Shared addresses of providers (RFC 6598) are none.
 */
export function isLocalIp(text: string): boolean {
  const bytes = parseIp(text)
  if (bytes === undefined) return false
  const [first, second] = [bytes[0]!, bytes[1]!]
  if (bytes.length === 4) {
    if (first === 172) return second >= 16 && second <= 31
    return first === 10 || first === 127 || (first === 192 && second === 168) || (first === 169 && second === 254)
  }
  const isLoopback = bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)
  return isLoopback || (first & 0xfe) === 0xfc || (first === 0xfe && (second & 0xc0) === 0x80)
}

const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

/** Whether the 16 bytes at `at` are `::ffff:a.b.c.d`. */
function isMappedIpv4(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff
}

/** The 16-bit groups of one side of `::`; only the end of an address may be dotted. */
function groupsOf(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const ipv4 = mayEndDotted && i === parts.length - 1 ? parseIpv4(part) : undefined
      if (ipv4 === undefined) return undefined
      groups.push(uint16(ipv4, 0), uint16(ipv4, 2))
    } else {
      if (part.length < 1 || part.length > 4 || !/^[0-9a-fA-F]+$/.test(part)) return undefined
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
