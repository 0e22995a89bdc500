/**
 * Magnet links (BEP 9, 53): an info hash, and whatever helps to find the rest.
 *
 * ```
 * magnet:?xt=urn:btih:<40 hex or 32 base32>&xt=urn:btmh:1220<64 hex>&dn=<name>&xl=<bytes>&tr=<tracker>&ws=<web seed>&x.pe=<host:port>&so=0,2,4-6
 * ```
 *
 * The hash must be right, because a link with half a hash is another torrent or none; `so` must be right, because it says
 * what to download. Help that is of no use (a tracker with an unknown scheme, a peer without a port) is left out, and so are
 * fields that we do not know.
 */

import { decodeUtf8, encodeUtf8, equalBytes, latin1 } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import { fromMultihash, infoHashHex, toInfoHash, toMultihash } from '../info-hash.ts'
import { formatIp, parseIp } from '../ip-address.ts'
import { percentDecode, percentEncode } from '../tracker/query.ts'
import { isTrackerUrl, isWebSeedUrl, MAX_TRACKERS, MAX_WEB_SEEDS } from './tracker-list.ts'

export interface Magnet {
  /** 20 bytes. A hybrid has both hashes; every link has one. */
  readonly infoHashV1?: Uint8Array
  /** 32 bytes. */
  readonly infoHashV2?: Uint8Array
  /** To show until the info dictionary comes, and no file name. */
  readonly name?: string
  readonly trackers: readonly string[]
  readonly webSeeds: readonly string[]
  /** To be asked without any tracker: `x.pe`. */
  readonly peers: readonly { readonly host: string; readonly port: number }[]
  /** Indices of the files that are wanted, rising (BEP 53); without it, all are. */
  readonly selectedFiles?: readonly number[]
  /** Bytes of the whole content, as far as the writer of the link knew. */
  readonly exactLength?: number
}

const MAX_LINK_CHARACTERS = 8192
const MAX_NAME_CHARACTERS = 255
const MAX_PEERS = 100
/** A range is a few characters and can name any number of files. */
const MAX_SELECTED_FILES = 100_000
const SCHEME = 'magnet:?'
const URN_V1 = 'urn:btih:'
const URN_V2 = 'urn:btmh:'

/** @throws {ProtocolError} `MAGNET_…` */
export function parseMagnet(text: string): Magnet {
  if (text.length > MAX_LINK_CHARACTERS) {
    throw new ProtocolError(
      'MAGNET_TOO_LONG',
      `Cannot read a magnet link of ${text.length} characters: the limit is ${MAX_LINK_CHARACTERS}`,
    )
  }
  if (text.slice(0, SCHEME.length).toLowerCase() !== SCHEME) {
    throw new ProtocolError('MAGNET_SCHEME', `Cannot read the magnet link: it does not begin with "${SCHEME}"`)
  }
  const fields = readFields(text.slice(SCHEME.length))
  const infoHashV1 = readHash(fields, URN_V1, toInfoHash)
  const infoHashV2 = readHash(fields, URN_V2, fromMultihash)
  if (infoHashV1 === undefined && infoHashV2 === undefined) {
    throw new ProtocolError('MAGNET_NO_HASH', `Cannot read the magnet link: it has no info hash (xt=${URN_V1}… or xt=${URN_V2}…)`)
  }
  const trackers = distinct(fields.get('tr'), isTrackerUrl)
  if (trackers.length > MAX_TRACKERS) throw badField('tr', `it has ${trackers.length} trackers, and the limit is ${MAX_TRACKERS}`)
  const name = cleanText(fields.get('dn')?.[0]?.replaceAll('+', ' ') ?? '', MAX_NAME_CHARACTERS)
  const selection = fields.get('so')
  const exactLength = readLength(fields.get('xl')?.[0])
  return {
    ...(infoHashV1 !== undefined && { infoHashV1 }),
    ...(infoHashV2 !== undefined && { infoHashV2 }),
    ...(name !== '' && { name }),
    trackers,
    webSeeds: distinct(fields.get('ws'), isWebSeedUrl).slice(0, MAX_WEB_SEEDS),
    peers: readPeers(fields.get('x.pe')),
    ...(selection !== undefined && { selectedFiles: readSelection(selection) }),
    ...(exactLength !== undefined && { exactLength }),
  }
}

/** Values by field, decoded, in order. `tr.1` is another `tr`. */
function readFields(query: string): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=')
    if (equals < 0) continue
    const name = parameter
      .slice(0, equals)
      .toLowerCase()
      .replace(/\.\d+$/, '')
    const values = fields.get(name)
    const value = decodeValue(name, parameter.slice(equals + 1))
    if (values === undefined) fields.set(name, [value])
    else values.push(value)
  }
  return fields
}

function decodeValue(name: string, value: string): string {
  const bytes = percentDecode(latin1(encodeUtf8(value)))
  if (bytes === undefined) throw badField(name, 'a "%" in it is not followed by two hex digits')
  return decodeUtf8(bytes)
}

/** The info hash after this prefix. Other kinds of `xt` are not ours; the same hash twice is no fault, but two hashes are. */
function readHash(fields: Map<string, string[]>, urn: string, read: (text: string) => Uint8Array): Uint8Array | undefined {
  let hash: Uint8Array | undefined
  for (const topic of fields.get('xt') ?? []) {
    if (topic.slice(0, urn.length).toLowerCase() !== urn) continue
    let other: Uint8Array
    try {
      other = read(topic.slice(urn.length))
    } catch (cause) {
      throw new ProtocolError('MAGNET_HASH', `Cannot read the magnet link: what follows "${urn}" is no info hash`, { cause })
    }
    if (hash !== undefined && !equalBytes(hash, other)) {
      throw new ProtocolError('MAGNET_HASH', `Cannot read the magnet link: it has two different info hashes after "${urn}"`)
    }
    hash = other
  }
  return hash
}

function distinct(urls: readonly string[] = [], isGood: (url: string) => boolean): string[] {
  return [...new Set(urls.filter(isGood))]
}

function readLength(text: string | undefined): number | undefined {
  const length = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(length) ? length : undefined
}

/** `host:port`, `1.2.3.4:port` or `[IPv6]:port`. */
function readPeers(addresses: readonly string[] = []): { host: string; port: number }[] {
  const peers = new Map<string, { host: string; port: number }>()
  for (const address of addresses) {
    const [, inBrackets, plain, digits] = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253})):(\d{1,5})$/i.exec(address) ?? []
    const ip = parseIp(inBrackets ?? plain ?? '')
    const host = ip === undefined ? plain?.toLowerCase() : formatIp(ip)
    const port = Number(digits)
    if (host === undefined || port < 1 || port > 65_535 || peers.size === MAX_PEERS) continue
    peers.set(`${host} ${port}`, { host, port })
  }
  return [...peers.values()]
}

/** `0,2,4-6`: single files and ranges with both ends. */
function readSelection(lists: readonly string[]): number[] {
  const selected = new Set<number>()
  for (const item of lists.join(',').split(',')) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(item)
    if (match === null) throw badField('so', 'it is not a list of files such as "0,2,4-6"')
    const first = Number(match[1])
    const last = Number(match[2] ?? first)
    if (last < first) throw badField('so', `the range ${item} runs backwards`)
    if (last - first >= MAX_SELECTED_FILES - selected.size) throw badField('so', `it names more than ${MAX_SELECTED_FILES} files`)
    for (let file = first; file <= last; file++) selected.add(file)
  }
  return [...selected].sort((a, b) => a - b)
}

function badField(name: string, fault: string): ProtocolError {
  return new ProtocolError('MAGNET_FIELD', `Cannot read the magnet link: "${cleanText(name, 20)}" is wrong: ${fault}`)
}

/** The link that says the same. Trackers and the like that would make it longer than a link may be are left out. */
export function formatMagnet(magnet: Magnet): string {
  const { infoHashV1, infoHashV2, name, exactLength, selectedFiles } = magnet
  if (infoHashV1 === undefined && infoHashV2 === undefined) throw new Error('Cannot happen: a magnet link without an info hash')
  const topics = [infoHashV1 && URN_V1 + infoHashHex(infoHashV1), infoHashV2 && URN_V2 + toMultihash(infoHashV2)]
  const must = topics.filter((topic) => topic !== undefined).map((topic) => `xt=${topic}`)
  if (name !== undefined && name !== '') must.push(field('dn', name))
  if (exactLength !== undefined) must.push(`xl=${exactLength}`)
  if (selectedFiles !== undefined && selectedFiles.length > 0) must.push(`so=${formatSelection(selectedFiles)}`)
  const may = [
    ...magnet.trackers.slice(0, MAX_TRACKERS).map((url) => field('tr', url)),
    ...magnet.webSeeds.map((url) => field('ws', url)),
    ...magnet.peers.map(({ host, port }) => `x.pe=${host.includes(':') ? `[${host}]` : host}:${port}`),
  ]
  let link = SCHEME + must.join('&')
  for (const parameter of may) {
    if (link.length + 1 + parameter.length <= MAX_LINK_CHARACTERS) link += `&${parameter}`
  }
  return link
}

function field(name: string, value: string): string {
  return `${name}=${percentEncode(encodeUtf8(value))}`
}

function formatSelection(files: readonly number[]): string {
  const ranges: { first: number; last: number }[] = []
  for (const file of [...files].sort((a, b) => a - b)) {
    const range = ranges.at(-1)
    if (range !== undefined && file <= range.last + 1) range.last = file
    else ranges.push({ first: file, last: file })
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}
