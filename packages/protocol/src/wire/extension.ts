import { BencodeDictionary, type BencodeValue, decodeBencodePrefix, type EncodableValue, encodeBencode } from '../bencode.ts'
import { fromLatin1, latin1 } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import { formatIp, parseIp } from '../ip-address.ts'

/**
 * The extension handshake (BEP 10): what a peer can do beyond BEP 3, and which numbers it wants to see for
 * it. It travels as extended message 0, usually first after the handshake, and may come again: then `ids`
 * holds only what has changed.
 */
export interface ExtensionHandshake {
  /** Name (latin1) to number: the number that the *sender* of this handshake wants for that extension; 0 turns it off. */
  readonly ids: ReadonlyMap<string, number>
  /** Name and version for people, already clean and short. */
  readonly client?: string
  /** Where the sender takes connections, when it was the one who dialled. */
  readonly port?: number
  /** The address that the sender sees on the other end. */
  readonly yourIp?: string
  /** How many requests may wait at the sender before it drops some (`reqq`). */
  readonly requestQueueLength?: number
  /** BEP 9: bytes of the info dictionary. A claim: whoever acts on it sets a ceiling. */
  readonly metadataSize?: number
  /** BEP 21: the sender will not ask for pieces. */
  readonly uploadOnly?: boolean
}

/** The message id that every side knows without having been told. */
export const EXTENSION_HANDSHAKE_ID = 0
export const EXTENSION_HANDSHAKE_LIMIT = 16_384

const MAX_EXTENSIONS = 128
const MAX_NAME_LENGTH = 64
const CLIENT_TEXT_LIMIT = 64

/** The payload of the extended message, without its ids. */
export function encodeExtensionHandshake(handshake: ExtensionHandshake): Uint8Array {
  const address = handshake.yourIp === undefined ? undefined : parseIp(handshake.yourIp)
  return encodeBencode(
    new Map<string, EncodableValue | undefined>([
      ['m', new Map([...handshake.ids].map(([name, id]) => [fromLatin1(name), id]))],
      ['metadata_size', handshake.metadataSize],
      ['p', handshake.port],
      ['reqq', handshake.requestQueueLength],
      ['upload_only', handshake.uploadOnly === true ? 1 : undefined],
      ['v', handshake.client],
      ['yourip', address],
    ]),
  )
}

/**
 * Everything in it is optional, and what has an odd type or value is as good as absent: only bytes that are
 * no dictionary at all are an error.
 *
 * @throws {ProtocolError} `WIRE_EXTENSION_HANDSHAKE`
 */
export function parseExtensionHandshake(payload: Uint8Array): ExtensionHandshake {
  if (payload.length > EXTENSION_HANDSHAKE_LIMIT) {
    throw refuse(`Cannot read an extension handshake of ${payload.length} bytes: the limit is ${EXTENSION_HANDSHAKE_LIMIT}`)
  }
  const dictionary = decodeDictionary(payload)
  const client = dictionary.getBytes('v')
  const clientText = client === undefined ? '' : cleanText(client, CLIENT_TEXT_LIMIT)
  const port = integerBetween(dictionary, 'p', 1, 65_535)
  const yourIp = dictionary.getBytes('yourip')
  const requestQueueLength = integerBetween(dictionary, 'reqq', 1, Number.MAX_SAFE_INTEGER)
  const metadataSize = integerBetween(dictionary, 'metadata_size', 1, Number.MAX_SAFE_INTEGER)
  const uploadOnly = dictionary.getInteger('upload_only')
  return {
    ids: parseIds(dictionary.getDictionary('m')),
    ...(clientText === '' ? {} : { client: clientText }),
    ...(port === undefined ? {} : { port }),
    ...(yourIp?.length === 4 || yourIp?.length === 16 ? { yourIp: formatIp(yourIp) } : {}),
    ...(requestQueueLength === undefined ? {} : { requestQueueLength }),
    ...(metadataSize === undefined ? {} : { metadataSize }),
    ...(uploadOnly === undefined ? {} : { uploadOnly: uploadOnly !== 0 }),
  }
}

/**
 * What is known of a peer after a further handshake of it: what that one does not say stays as it was (BEP 10: `m` is
 * additive). However many handshakes there are, no more names are kept than one may have.
 */
export function mergeExtensionHandshakes(before: ExtensionHandshake, later: ExtensionHandshake): ExtensionHandshake {
  const ids = new Map(before.ids)
  for (const [name, id] of later.ids) if (ids.has(name) || ids.size < MAX_EXTENSIONS) ids.set(name, id)
  return { ...before, ...later, ids }
}

function decodeDictionary(payload: Uint8Array): BencodeDictionary {
  let value: BencodeValue
  try {
    // Some clients do not sort their keys, and nothing is hashed over them here.
    value = decodeBencodePrefix(payload, { maxDepth: 16, maxTokens: 4_096, allowUnsortedKeys: true }).value
  } catch (cause) {
    throw refuse(`Cannot read an extension handshake: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  if (!(value instanceof BencodeDictionary)) throw refuse('Cannot read an extension handshake that is no dictionary')
  return value
}

function parseIds(m: BencodeDictionary | undefined): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [key, id] of m?.entries() ?? []) {
    if (ids.size === MAX_EXTENSIONS) break
    if (key.length === 0 || key.length > MAX_NAME_LENGTH || typeof id !== 'number' || id < 0 || id > 255) continue
    ids.set(latin1(key), id)
  }
  return ids
}

function integerBetween(dictionary: BencodeDictionary, key: string, least: number, most: number): number | undefined {
  const value = dictionary.getInteger(key)
  return value !== undefined && value >= least && value <= most ? value : undefined
}

function refuse(message: string, options?: ErrorOptions): ProtocolError {
  return new ProtocolError('WIRE_EXTENSION_HANDSHAKE', message, options)
}
