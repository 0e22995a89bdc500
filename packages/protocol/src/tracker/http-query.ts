import { latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { type AnnounceEvent, type AnnounceRequest, LEFT_UNKNOWN, SCRAPE_TORRENT_LIMIT } from './announce.ts'
import { forEachParameter, percentDecode } from './query.ts'

/**
 * What clients ask an HTTP tracker (BEP 3, 7, 23, 48), read from the part of the URL behind `?`.
 *
 * The messages of these errors go back to the client as they are, as `failure reason`.
 */

/**
 * Parameters that are not known are left alone, and so is every parameter that names an address (`ip`,
 * `ipv4`, `ipv6`): a peer's address is where it sends from. Of a parameter given twice the first counts.
 *
 * @param rawQuery each character is one byte of the URL
 * @throws {ProtocolError} `TRACKER_QUERY`
 */
export function parseAnnounceQuery(rawQuery: string): AnnounceRequest {
  const raw = new Map<string, string>()
  forEachParameter(rawQuery, (name, value) => {
    if (KNOWN.has(name) && !raw.has(name)) raw.set(name, value)
  })
  const numWant = integerOf(raw, 'numwant', -1)
  const key = keyOf(raw.get('key'))
  const event = eventOf(raw.get('event'))
  const trackerId = trackerIdOf(raw.get('trackerid'))
  return {
    infoHash: twentyBytes('info_hash', raw.get('info_hash')),
    peerId: twentyBytes('peer_id', raw.get('peer_id')),
    port: portOf(raw.get('port')),
    uploaded: integerOf(raw, 'uploaded', 0),
    downloaded: integerOf(raw, 'downloaded', 0),
    left: leftOf(raw),
    ...(event === undefined ? {} : { event }),
    ...(numWant < 0 ? {} : { numWant }),
    ...(key === undefined ? {} : { key }),
    ...(raw.has('compact') ? { compact: raw.get('compact') !== '0' } : {}),
    ...(raw.has('no_peer_id') ? { noPeerId: raw.get('no_peer_id') !== '0' } : {}),
    ...(trackerId === undefined ? {} : { trackerId }),
  }
}

/**
 * The torrents of a scrape, each once.
 *
 * @throws {ProtocolError} `TRACKER_QUERY` also when there is none (a scrape of everything is not answered) or more than 74
 */
export function parseScrapeQuery(rawQuery: string): Uint8Array[] {
  const infoHashes = new Map<string, Uint8Array>()
  forEachParameter(rawQuery, (name, value) => {
    if (name !== 'info_hash') return
    const infoHash = twentyBytes('info_hash', value)
    infoHashes.set(latin1(infoHash), infoHash)
    if (infoHashes.size > SCRAPE_TORRENT_LIMIT) throw refuse(`more than ${SCRAPE_TORRENT_LIMIT} torrents in one scrape`)
  })
  if (infoHashes.size === 0) throw refuse('a scrape needs at least one info_hash')
  return [...infoHashes.values()]
}

const KNOWN: ReadonlySet<string> = new Set([
  'info_hash',
  'peer_id',
  'port',
  'uploaded',
  'downloaded',
  'left',
  'event',
  'numwant',
  'key',
  'compact',
  'no_peer_id',
  'trackerid',
])

function twentyBytes(name: string, rawValue: string | undefined): Uint8Array {
  if (rawValue === undefined) throw refuse(`${name} is missing`)
  const bytes = percentDecode(rawValue)
  if (bytes === undefined) throw refuse(`${name} is not percent-encoded`)
  if (bytes.length !== 20) throw refuse(`${name} has ${bytes.length} bytes instead of 20`)
  return bytes
}

function portOf(rawValue: string | undefined): number {
  if (rawValue === undefined) throw refuse('port is missing')
  const port = isDigits(rawValue) && rawValue.length <= 5 ? Number(rawValue) : undefined
  if (port === undefined || port > 65_535) throw refuse('port is not a number from 0 to 65535')
  return port
}

/** A whole number up to 2^53-1 (what is larger counts as that); -1 only where it means "as you like". */
function integerOf(raw: ReadonlyMap<string, string>, name: string, absent: 0 | -1): number {
  const value = raw.get(name)
  if (value === undefined || value === '') return absent
  if (absent === -1 && value.startsWith('-') && isDigits(value.slice(1))) return -1
  if (!isDigits(value) || value.length > 20) throw refuse(`${name} is not a whole number`)
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER)
}

/** Clients that do not know the size yet say so in several ways. */
function leftOf(raw: ReadonlyMap<string, string>): number {
  const value = raw.get('left')
  if (value === undefined || value === '' || value === '-1' || value === 'Infinity') return LEFT_UNKNOWN
  return integerOf(raw, 'left', 0)
}

function eventOf(rawValue: string | undefined): AnnounceEvent | undefined {
  return rawValue === 'started' || rawValue === 'completed' || rawValue === 'stopped' ? rawValue : undefined
}

/** Most clients write 32 bits as hex; another text is no key for us. */
function keyOf(rawValue: string | undefined): number | undefined {
  return rawValue !== undefined && /^[0-9a-fA-F]{1,8}$/.test(rawValue) ? Number.parseInt(rawValue, 16) : undefined
}

function trackerIdOf(rawValue: string | undefined): Uint8Array | undefined {
  const bytes = rawValue === undefined ? undefined : percentDecode(rawValue)
  return bytes !== undefined && bytes.length <= 256 ? bytes : undefined
}

function isDigits(text: string): boolean {
  if (text.length === 0) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function refuse(reason: string): ProtocolError {
  return new ProtocolError('TRACKER_QUERY', `Cannot read this request: ${reason}`)
}
