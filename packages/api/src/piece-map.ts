import { Bitfield } from '@shoal/protocol/bitfield'

/**
 * Which pieces a peer has, as short text: `all`, `none`, exact spans (`0-511,700-1089`, both ends included), or, when
 * there are too many of them, 256 buckets (`~` and 43 characters of base64url), of which one is set when every piece
 * in it is there: so a map may tell less than there is, never more.
 */
export const PIECE_MAP_BUCKETS = 256
/** More spans than this become buckets. */
export const PIECE_MAP_SPANS = 64
/** No map is longer than this. */
export const PIECE_MAP_CHARACTERS = 1_024

export interface PieceSpan {
  readonly first: number
  /** Included. */
  readonly last: number
}

export function encodePieceMap(have: Bitfield): string {
  if (have.count === have.size) return 'all'
  if (have.count === 0) return 'none'
  const spans = spansOf(have, PIECE_MAP_SPANS + 1)
  if (spans.length <= PIECE_MAP_SPANS) return formatSpans(spans)
  const buckets = new Uint8Array(PIECE_MAP_BUCKETS / 8)
  for (let bucket = 0; bucket < PIECE_MAP_BUCKETS; bucket++) {
    const { begin, end } = bucketSpan(bucket, have.size)
    let whole = end > begin
    for (let piece = begin; whole && piece < end; piece++) whole = have.has(piece)
    if (whole) buckets[bucket >> 3]! |= 0x80 >> (bucket & 7)
  }
  return `~${base64url(buckets)}`
}

/** @returns undefined for text that is no map of so many pieces */
export function decodePieceMap(text: string, pieceCount: number): Bitfield | undefined {
  if (text === 'all') return Bitfield.full(pieceCount)
  const spans = spansOfMap(text, pieceCount)
  if (spans === undefined) return undefined
  const have = Bitfield.empty(pieceCount)
  for (const { first, last } of spans) for (let piece = first; piece <= last; piece++) have.set(piece)
  return have
}

/**
 * The same as spans in order, which costs no more for a large torrent than for a small one.
 *
 * @returns undefined for text that is no map of so many pieces
 */
export function spansOfMap(text: string, pieceCount: number): PieceSpan[] | undefined {
  if (text.length > PIECE_MAP_CHARACTERS) return undefined
  if (text === 'all') return pieceCount === 0 ? [] : [{ first: 0, last: pieceCount - 1 }]
  if (text === 'none') return []
  if (text.startsWith('~')) return spansOfBuckets(text.slice(1), pieceCount)
  const spans: PieceSpan[] = []
  let next = 0
  for (const part of text.split(',')) {
    const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? []
    if (from === undefined) return undefined
    const first = Number(from)
    const last = to === undefined ? first : Number(to)
    if (first < next || last < first || last >= pieceCount) return undefined
    spans.push({ first, last })
    next = last + 1
  }
  return spans
}

/** `0-511, 700-1089`, for people; what is more than `most` spans is `…`. */
export function describePieces(have: Bitfield, most: number): string {
  if (have.count === 0) return 'none'
  const spans = spansOf(have, most + 1)
  const shown = formatSpans(spans.slice(0, most)).replaceAll(',', ', ')
  return spans.length > most ? `${shown}, …` : shown
}

/** The spans that `have` is made of, from the first piece on; not more than `most` of them. */
export function spansOf(have: Bitfield, most: number = Number.POSITIVE_INFINITY): PieceSpan[] {
  const spans: PieceSpan[] = []
  for (let piece = 0; piece < have.size && spans.length < most; piece++) {
    if (!have.has(piece)) continue
    const first = piece
    while (piece + 1 < have.size && have.has(piece + 1)) piece++
    spans.push({ first, last: piece })
  }
  return spans
}

function formatSpans(spans: readonly PieceSpan[]): string {
  return spans.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

/** Which pieces a bucket covers, end excluded: with fewer pieces than buckets the last ones cover nothing. */
function bucketSpan(bucket: number, pieceCount: number): { begin: number; end: number } {
  const size = Math.ceil(pieceCount / PIECE_MAP_BUCKETS)
  return { begin: Math.min(pieceCount, bucket * size), end: Math.min(pieceCount, (bucket + 1) * size) }
}

function spansOfBuckets(text: string, pieceCount: number): PieceSpan[] | undefined {
  const bytes = bytesOfBase64url(text)
  if (bytes?.length !== PIECE_MAP_BUCKETS / 8) return undefined
  const spans: PieceSpan[] = []
  for (let bucket = 0; bucket < PIECE_MAP_BUCKETS; bucket++) {
    if ((bytes[bucket >> 3]! & (0x80 >> (bucket & 7))) === 0) continue
    const { begin, end } = bucketSpan(bucket, pieceCount)
    const before = spans.at(-1)
    if (before !== undefined && before.last + 1 === begin && end > begin) spans[spans.length - 1] = { first: before.first, last: end - 1 }
    else if (end > begin) spans.push({ first: begin, last: end - 1 })
  }
  return spans
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648, without padding. This room has neither Node's Buffer nor a browser's btoa. */
function base64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const word = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    const digits = Math.min(3, bytes.length - at) + 1
    for (let digit = 0; digit < digits; digit++) text += ALPHABET[(word >> (18 - 6 * digit)) & 63]
  }
  return text
}

function bytesOfBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 6) >> 3)
  let word = 0
  let bits = 0
  let at = 0
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    word = ((word << 6) | digit) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (word >> bits) & 0xff
  }
  return bytes
}
