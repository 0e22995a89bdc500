import { setUint32, uint32 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'

/**
 * `lt_donthave` (BEP 54): a peer takes a `have` back. The payload of the extended message is the index of
 * the piece, 4 bytes.
 */
export const DONT_HAVE_EXTENSION = 'lt_donthave'
export const DONT_HAVE_BYTES = 4

export function encodeDontHave(pieceIndex: number): Uint8Array {
  const payload = new Uint8Array(DONT_HAVE_BYTES)
  setUint32(payload, 0, pieceIndex)
  return payload
}

/**
 * @returns the index of the piece, unchecked against the torrent.
 * @throws {ProtocolError} `WIRE_DONT_HAVE`
 */
export function parseDontHave(payload: Uint8Array): number {
  if (payload.length !== DONT_HAVE_BYTES) {
    throw new ProtocolError('WIRE_DONT_HAVE', `Cannot read a don't-have message of ${payload.length} bytes: it has ${DONT_HAVE_BYTES}`)
  }
  return uint32(payload, 0)
}
