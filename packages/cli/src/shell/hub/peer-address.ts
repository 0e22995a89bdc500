import type { PeerAddress } from '@shoal/api/hub-api'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { misused, type Verb } from '../verb.ts'

/** How a person names a peer: by its address (`<ip> <port>`, `<ip>:<port>`) or by its name. */
export type PeerWords = { readonly kind: 'address'; readonly address: PeerAddress } | { readonly kind: 'name'; readonly name: string }

export const PEER_USAGE = '<ip> <port> | <name>'

/** @throws {CliError} `USAGE` */
export function readPeerWords(verb: Pick<Verb<never>, 'name'>, words: readonly string[]): PeerWords {
  const [first = '', second] = words
  const joined = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):(\d+)$/.exec(first)
  const ip = ipOf(joined?.[1] ?? joined?.[2] ?? first)
  const port = joined?.[3] ?? second
  if (ip === undefined || words.length > (joined === null ? 2 : 1)) return { kind: 'name', name: words.join(' ') }
  if (port === undefined) throw misused({ name: verb.name, usage: PEER_USAGE }, `${verb.name} needs the port, too`)
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0
  if (number < 1 || number > 65_535) {
    throw misused({ name: verb.name, usage: PEER_USAGE }, `${JSON.stringify(port)} is no port: a port is a number from 1 to 65535`)
  }
  return { kind: 'address', address: { ip, port: number } }
}

/** In the one form that hubs use, too. */
function ipOf(text: string): string | undefined {
  if (text === 'localhost') return '127.0.0.1'
  const bytes = parseIp(text)
  return bytes === undefined ? undefined : formatIp(bytes)
}
