import {
  BencodeDictionary,
  Bencoded,
  BencodeList,
  type BencodeValue,
  decodeBencode,
  type EncodableValue,
  encodeBencode,
} from '@shoal/protocol/bencode'
import { latin1 } from '@shoal/protocol/bytes'

/** Trackers that the torrent came with, and nodes of the DHT: what a group shares is announced to its own hub only. */
const REPLACED = new Set(['announce', 'announce-list', 'nodes'])

/**
 * The same torrent, with these trackers instead of its own: everything else stays as it is, the info dictionary to the byte,
 * so the info hash does not change.
 *
 * @throws {ProtocolError} `BENCODE_…` for bytes that are no dictionary of bencode
 */
export function tailorTorrent(bytes: Uint8Array, announceUrls: readonly string[]): Uint8Array {
  const outer = decodeBencode(bytes)
  if (!(outer instanceof BencodeDictionary)) throw new Error('Cannot happen: a stored torrent is no dictionary')
  const fields = new Map<string | Uint8Array, EncodableValue | undefined>()
  for (const [key, value] of outer.entries()) {
    if (!REPLACED.has(latin1(key))) fields.set(key, asItIs(value))
  }
  fields.set('announce', announceUrls[0])
  // A tier for each: a client tries the second door only when the first does not answer.
  if (announceUrls.length > 1)
    fields.set(
      'announce-list',
      announceUrls.map((url) => [url]),
    )
  return encodeBencode(fields)
}

function asItIs(value: BencodeValue): EncodableValue {
  return value instanceof BencodeDictionary || value instanceof BencodeList ? new Bencoded(value.raw) : value
}
