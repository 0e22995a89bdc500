import { parseBytes, parseRate } from '@shoal/api/human'
import { InvalidArgumentError } from 'commander'
import { readFileNumbers } from '../shell/peer/file-numbers.ts'

/** What a person typed behind an option, as a value; each throws commander's own error, which names the option. */

export function port(text: string): number {
  const value = wholeNumber(text)
  if (value === undefined || value > 65_535) throw new InvalidArgumentError('A port is a whole number from 0 to 65535 (0: any free one).')
  return value
}

export function lineCount(text: string): number {
  const value = wholeNumber(text)
  if (value === undefined || value > 100_000) throw new InvalidArgumentError('A number of lines is a whole number from 0 to 100000.')
  return value
}

export function pieceLength(text: string): number {
  const bytes = parseBytes(text)
  const isPowerOfTwo = bytes !== undefined && bytes > 0 && Number.isInteger(Math.log2(bytes))
  if (bytes === undefined || !isPowerOfTwo || bytes < MIN_PIECE_LENGTH || bytes > MAX_PIECE_LENGTH) {
    throw new InvalidArgumentError('A piece length is a power of two from 16KiB to 128MiB: 262144, 256KiB, 1MiB.')
  }
  return bytes
}

export function rate(text: string): number {
  const bytesPerSecond = parseRate(text)
  if (bytesPerSecond === undefined || bytesPerSecond < 1) {
    throw new InvalidArgumentError('A rate is bytes a second with a unit: 5MB, 500KB, 2MiB.')
  }
  return bytesPerSecond
}

/** `1,3-5`: numbers as `shoal show` gives them, counted from 1. Returned sorted and counted from 0. */
export function fileNumbers(text: string): number[] {
  const numbers = readFileNumbers(text)
  if (numbers !== undefined) return numbers
  throw new InvalidArgumentError('Files are chosen by their numbers in "shoal show", such as 1,3-5.')
}

/** `192.168.1.10:6881`, `host.example:6881`, `[::1]:6881` */
export function peer(text: string, before: readonly PeerAddress[] = []): PeerAddress[] {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text)
  const number = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || number < 1 || number > 65_535) {
    throw new InvalidArgumentError('A peer is host:port, such as 192.168.1.10:6881 or [::1]:6881.')
  }
  return [...before, { host, port: number }]
}

export interface PeerAddress {
  readonly host: string
  readonly port: number
}

export function trackerUrl(text: string, before: readonly string[] = []): string[] {
  return [
    ...before,
    urlOf(text, ['http:', 'https:', 'udp:'], 'A tracker is a URL such as http://127.0.0.1:6880/announce or udp://127.0.0.1:6880.'),
  ]
}

export function webSeedUrl(text: string, before: readonly string[] = []): string[] {
  return [...before, urlOf(text, ['http:', 'https:'], 'A web seed is an http or https URL.')]
}

const MIN_PIECE_LENGTH = 16 * 1024
const MAX_PIECE_LENGTH = 128 * 1024 * 1024

function wholeNumber(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** Kept as it was typed: a tracker's URL is a name that others compare. */
function urlOf(text: string, protocols: readonly string[], message: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !protocols.includes(url.protocol) || url.hostname === '') throw new InvalidArgumentError(message)
  return text
}
