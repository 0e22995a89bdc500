/**
 * Bytes: big-endian numbers, order and equality, and the texts that bytes can be (hex, latin1, UTF-8).
 *
 * All numbers on BitTorrent's wire are big-endian. Nothing here checks bounds: the caller has looked at the
 * length, because only the caller knows which error a short input is.
 */

export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function uint64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(uint32(bytes, at)) << 32n) | BigInt(uint32(bytes, at + 4))
}

export function setUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Writes the low 64 bits of `value`. */
export function setUint64(bytes: Uint8Array, at: number, value: bigint): void {
  setUint32(bytes, at, Number((value >> 32n) & 0xffffffffn))
  setUint32(bytes, at + 4, Number(value & 0xffffffffn))
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return false
  }
  return true
}

/** The order of bencoded keys: byte by byte, and a prefix before what it begins. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const difference = a[at]! - b[at]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * A view of `bytes` from `from` to before `to`, always a plain Uint8Array. What comes from a socket may be a Node
 * Buffer, whose `subarray` makes Buffers: slower, and with a `slice` that copies nothing.
 */
export function viewOf(bytes: Uint8Array, from = 0, to: number = bytes.length): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX_OF_BYTE[byte]
  return text
}

/** The bytes that hex digits of either case stand for; undefined for an odd count or any other character. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at++) {
    const high = hexDigit(text.charCodeAt(2 * at))
    const low = hexDigit(text.charCodeAt(2 * at + 1))
    if (high < 0 || low < 0) return undefined
    bytes[at] = (high << 4) | low
  }
  return bytes
}

/** The value of one hex digit given as a character code; -1 when it is none. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** `String.fromCharCode` takes its units as arguments, and engines bound how many arguments a call may have. */
const CODE_UNITS_A_CALL = 4096

/** One character a byte, U+0000 to U+00FF: a lossless way to hold bytes as a string, for map keys. */
export function latin1(bytes: Uint8Array): string {
  return textOfUnits(bytes)
}

/** Five times as fast as spreading the units into the call, which goes through an iterator. */
function textOfUnits(units: Uint8Array | Uint16Array): string {
  if (units.length <= CODE_UNITS_A_CALL) return Reflect.apply(String.fromCharCode, undefined, units)
  let text = ''
  for (let at = 0; at < units.length; at += CODE_UNITS_A_CALL) {
    text += Reflect.apply(String.fromCharCode, undefined, units.subarray(at, at + CODE_UNITS_A_CALL))
  }
  return text
}

/** The bytes behind a `latin1` text. Of a character above U+00FF only the low byte is kept. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

/** A lone surrogate is no character and becomes U+FFFD, as `TextEncoder` does. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text))
  let at = 0
  for (let index = 0; index < text.length; index++) {
    const code = codePointAt(text, index)
    if (code < 0x80) {
      bytes[at++] = code
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else if (code < 0x10000) {
      bytes[at++] = 0xe0 | (code >> 12)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else {
      bytes[at++] = 0xf0 | (code >> 18)
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
      index++
    }
  }
  return bytes
}

/** How many bytes `encodeUtf8` makes of a text. */
export function utf8Length(text: string): number {
  let length = 0
  for (let index = 0; index < text.length; index++) {
    const code = codePointAt(text, index)
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    if (code >= 0x10000) index++
  }
  return length
}

const REPLACEMENT = 0xfffd
/** Where short texts are put together: a buffer for each would cost more than the decoding. Nothing in it outlives a call. */
const SCRATCH_UNITS: Uint16Array = new Uint16Array(1024)

function codePointAt(text: string, index: number): number {
  const code = text.codePointAt(index)!
  return code >= 0xd800 && code <= 0xdfff ? REPLACEMENT : code
}

/**
 * The text that UTF-8 bytes stand for. Bytes that are not UTF-8 become U+FFFD, one for each maximal part of a
 * character, as the Encoding Standard and `TextDecoder` do; a byte order mark is kept.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (isAscii(bytes)) return textOfUnits(bytes)
  const units = bytes.length <= SCRATCH_UNITS.length ? SCRATCH_UNITS : new Uint16Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!
    if (first < 0x80) {
      units[length++] = first
      at++
      continue
    }
    const size = sequenceLength(bytes, at)
    if (size < 0) {
      units[length++] = REPLACEMENT
      at -= size
      continue
    }
    let code = first & (0x7f >> size)
    for (let next = 1; next < size; next++) code = (code << 6) | (bytes[at + next]! & 0x3f)
    at += size
    if (code < 0x10000) {
      units[length++] = code
    } else {
      units[length++] = 0xd800 + ((code - 0x10000) >> 10)
      units[length++] = 0xdc00 + ((code - 0x10000) & 0x3ff)
    }
  }
  return textOfUnits(units.subarray(0, length))
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at]! >= 0x80) return false
  }
  return true
}

export function isValidUtf8(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const size = bytes[at]! < 0x80 ? 1 : sequenceLength(bytes, at)
    if (size < 0) return false
    at += size
  }
  return true
}

/**
 * The length of the well-formed multi-byte character at `at` (Unicode, table 3-7: no overlong forms, no
 * surrogates, nothing above U+10FFFF), or minus the count of bytes to skip as one fault.
 */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0xc2 || first > 0xf4) return -1
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  // Only the second byte has a narrower span than 80..BF, and only after four of the first bytes.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  for (let next = 1; next < size; next++) {
    const byte = bytes[at + next]
    if (byte === undefined || byte < (next === 1 ? low : 0x80) || byte > (next === 1 ? high : 0xbf)) return -next
  }
  return size
}
