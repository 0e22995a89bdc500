import { fromHex, toHex } from './bytes.ts'
import { ProtocolError } from './errors.ts'

/** SHA-1 of the info dictionary: what v1 calls a torrent, and the length that every tracker and handshake uses. */
export const INFO_HASH_V1_LENGTH = 20
/** SHA-256 of the info dictionary (BEP 52). */
const INFO_HASH_V2_LENGTH = 32

/** A multihash begins with the number of its function (SHA-256 is 0x12) and the length of the digest. */
const SHA256_MULTIHASH_PREFIX = '1220'

/**
 * The 20 bytes that 40 hex digits or 32 base32 letters of either case stand for (BEP 9).
 * @throws {ProtocolError} `INFO_HASH_INVALID`
 */
export function toInfoHash(text: string): Uint8Array {
  const bytes = text.length === 2 * INFO_HASH_V1_LENGTH ? fromHex(text) : text.length === 32 ? fromBase32(text) : undefined
  if (bytes === undefined) throw invalid(text, '40 hex digits or 32 base32 letters')
  return bytes
}

/**
 * The 32 bytes of a v2 info hash written as 64 hex digits.
 * @throws {ProtocolError} `INFO_HASH_INVALID`
 */
export function toInfoHashV2(text: string): Uint8Array {
  const bytes = text.length === 2 * INFO_HASH_V2_LENGTH ? fromHex(text) : undefined
  if (bytes === undefined) throw invalid(text, '64 hex digits')
  return bytes
}

/** As people and files write it: lower-case hex, 40 digits for v1 and 64 for v2. */
export function infoHashHex(infoHash: Uint8Array): string {
  return toHex(infoHash)
}

/** The 20 bytes by which trackers, the DHT and handshakes know a v2 torrent (BEP 52, "infohash"). A copy. */
export function truncateInfoHash(infoHashV2: Uint8Array): Uint8Array {
  return infoHashV2.slice(0, INFO_HASH_V1_LENGTH)
}

/** The text after `urn:btmh:` in a magnet link: a multihash in hex (BEP 9). */
export function toMultihash(infoHashV2: Uint8Array): string {
  return SHA256_MULTIHASH_PREFIX + toHex(infoHashV2)
}

/**
 * The 32 bytes inside a multihash. Other functions than SHA-256 have no meaning in BEP 52.
 * @throws {ProtocolError} `INFO_HASH_INVALID`
 */
export function fromMultihash(text: string): Uint8Array {
  if (!text.startsWith(SHA256_MULTIHASH_PREFIX)) throw invalid(text, `a SHA-256 multihash (${SHA256_MULTIHASH_PREFIX} and 64 hex digits)`)
  return toInfoHashV2(text.slice(SHA256_MULTIHASH_PREFIX.length))
}

/** RFC 4648, without padding: 8 letters are 5 bytes. Undefined for any other character. */
function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 5) / 8)
  let bits = 0
  let bitCount = 0
  let at = 0
  for (let index = 0; index < text.length; index++) {
    const value = base32Digit(text.charCodeAt(index))
    if (value < 0) return undefined
    bits = ((bits << 5) | value) & 0xfff
    bitCount += 5
    if (bitCount >= 8) {
      bitCount -= 8
      bytes[at++] = bits >>> bitCount
    }
  }
  return bytes
}

/** A to Z are 0 to 25, 2 to 7 are 26 to 31. */
function base32Digit(code: number): number {
  if (code >= 0x32 && code <= 0x37) return code - 0x32 + 26
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x7a ? lower - 0x61 : -1
}

const SHOWN_CHARACTERS = 80

function invalid(text: string, expected: string): ProtocolError {
  const shown = JSON.stringify(text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`)
  return new ProtocolError('INFO_HASH_INVALID', `Cannot read the info hash ${shown}: expected ${expected}`)
}
