/** What stands in messages of each kind: chance alone never writes `piece length`. */

import { fromLatin1 } from '@shoal/protocol/bytes'
import {
  encodeBitfield,
  encodeExtended,
  MESSAGE_ID,
  type SimpleMessageId,
  writeAllowedFast,
  writeCancel,
  writeHave,
  writePieceHeader,
  writeReject,
  writeRequest,
  writeSimple,
  writeSuggest,
} from '@shoal/protocol/wire/message'

function words(text: string): Uint8Array[] {
  return text.split('|').map(fromLatin1)
}

const SYNTAX = words('d|l|e|i|:|de|le|i0e|i-1e|0:|1:|4:|20:|d0:|i9007199254740992e|99999999999:|d1:a|ee|eee')

export const METAINFO_TOKENS: readonly Uint8Array[] = [
  ...words('info|name|name.utf-8|piece length|pieces|files|path|path.utf-8|length|attr|symlink path|private|source|meta version|file tree'),
  ...words('pieces root|piece layers|announce|announce-list|url-list|comment|created by|creation date|p|x|h|l|pxhl|'),
  ...words('..|.|/|\\|a/b|CON|nul.txt|COM1|a:b|.pad|__proto__|constructor|A|a|~1|ABCDEF~1| |a.|http://h/a|udp://h:1|wss://h|javascript:'),
  fromLatin1('a'.repeat(300)),
  new Uint8Array(20).fill(7),
  new Uint8Array(32).fill(7),
  Uint8Array.of(0xef, 0xbb, 0xbf),
  Uint8Array.of(0xc3, 0xa9),
  Uint8Array.of(0x65, 0xcc, 0x81),
  Uint8Array.of(0xe2, 0x80, 0xae),
  Uint8Array.of(0xc0, 0x80),
  ...SYNTAX,
]

export const EXTENSION_TOKENS: readonly Uint8Array[] = [
  ...words('m|v|p|reqq|metadata_size|yourip|upload_only|ut_metadata|ut_pex|lt_donthave|msg_type|piece|total_size|ipv4|ipv6|e|'),
  ...words('Shoal|\x1b[31m'),
  new Uint8Array(4).fill(10),
  new Uint8Array(16).fill(10),
  ...SYNTAX,
]

export const TRACKER_TOKENS: readonly Uint8Array[] = [
  ...words('interval|min interval|peers|peers6|failure reason|retry in|never|warning message|tracker id|external ip|complete|incomplete'),
  ...words('downloaded|files|ip|port|peer id|name|10.0.0.1|::1|host.example|127.1|0x7f.1|-1|12|'),
  new Uint8Array(6).fill(9),
  new Uint8Array(18).fill(9),
  new Uint8Array(20).fill(9),
  ...SYNTAX,
]

export const QUERY_TOKENS: readonly Uint8Array[] = words(
  'info_hash=|peer_id=|port=|uploaded=|downloaded=|left=|event=|numwant=|key=|compact=|no_peer_id=|trackerid=|ip=|ipv6=|&|=|%|%00|%ff|%2|+|' +
    'started|completed|stopped|paused|-1|0|1|65535|65536|18446744073709551615|99999999999999999999|Infinity|NaN|1e9|0x10|__proto__=|' +
    `aaaaaaaaaaaaaaaaaaaa|${'%61'.repeat(20)}|info_hash=${'a'.repeat(20)}|&&|?|#|/`,
)

export const MAGNET_TOKENS: readonly Uint8Array[] = words(
  'magnet:?|MAGNET:?|xt=|urn:btih:|urn:btmh:|1220|&|dn=|tr=|tr.1=|ws=|x.pe=|so=|xl=|%|%00|%E2%80%AE|+|0,2,4-6|4-2|0-99999|0-999999999|' +
    `${'a'.repeat(40)}|${'A'.repeat(32)}|1220${'b'.repeat(64)}|http%3A%2F%2Fh%2Fannounce|udp://h:1|10.0.0.1:6881|[::1]:6881|host:0|:|,|-|=|__proto__=`,
)

export const URL_TOKENS: readonly Uint8Array[] = words(
  'http://|https://|udp://|ws://|:80|:0|:65536|:|/announce|/scrape|?|#|&|@|user:pass@|[::1]|[|]|%00|\\|..|xn--|\xe9|127.0.0.1|0x7f|\r\n| ',
)

export const NAME_TOKENS: readonly Uint8Array[] = [
  ...words(
    'CON|con.txt|PRN|AUX|NUL|COM1|LPT9|CONIN$|CLOCK$|.|..|...| |a.|a |/|\\|:|*|?|"|<|>|ABCDEF~1|A~1.TXT|~|\x00|\x1f|\x7f|\x85|.pad|a/../b',
  ),
  ...['é', 'é', 'ﬀ', 'ß', 'SS', 'ı', 'İ', 'K', '﻿', '‮', '​', '‍', '👩‍👩‍👧', 'CON¹', '\u{e0041}', '\u034f', 'Σς', 'ﬃ', '가', 'ﾠ'].map((text) =>
    new TextEncoder().encode(text),
  ),
  Uint8Array.of(0xc0, 0xaf),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
  fromLatin1('n'.repeat(256)),
]

function written(length: number, write: (into: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(length)
  write(bytes)
  return bytes
}

function simple(messageId: SimpleMessageId): Uint8Array {
  return written(5, (into) => writeSimple(into, 0, messageId))
}

/** Whole messages, right for a torrent of a few pieces. */
export const MESSAGE_TOKENS: readonly Uint8Array[] = [
  new Uint8Array(4),
  simple(MESSAGE_ID.choke),
  simple(MESSAGE_ID.unchoke),
  simple(MESSAGE_ID.interested),
  simple(MESSAGE_ID.notInterested),
  simple(MESSAGE_ID.haveAll),
  simple(MESSAGE_ID.haveNone),
  ...[0, 1, 4, 5, 1000, 0xffff_ffff].map((index) => written(9, (into) => writeHave(into, 0, index))),
  ...[0, 4, 0xffff_ffff].map((index) => written(9, (into) => writeSuggest(into, 0, index))),
  ...[0, 1, 2, 4, 9].map((index) => written(9, (into) => writeAllowedFast(into, 0, index))),
  encodeBitfield(Uint8Array.of(0xf8)),
  encodeBitfield(Uint8Array.of(0x80)),
  encodeBitfield(Uint8Array.of(0xff)),
  encodeBitfield(Uint8Array.of(0xf8, 0)),
  ...[0, 1, 4].flatMap((index) => [0, 16_384].map((begin) => written(17, (into) => writeRequest(into, 0, index, begin, 16_384)))),
  written(17, (into) => writeRequest(into, 0, 4, 0, 7)),
  written(17, (into) => writeRequest(into, 0, 0, 16_384, 131_072)),
  written(17, (into) => writeCancel(into, 0, 0, 0, 16_384)),
  ...[0, 1].map((index) => written(17, (into) => writeReject(into, 0, index, 0, 16_384))),
  ...[0, 1].map((index) => written(13 + 16_384, (into) => writePieceHeader(into, 0, index, 0, 16_384))),
  written(13 + 5, (into) => writePieceHeader(into, 0, 2, 3, 5)),
  encodeExtended(0, fromLatin1('d1:md11:lt_donthavei7e11:ut_metadatai2ee13:metadata_sizei300e4:reqqi2ee')),
  encodeExtended(0, fromLatin1('de')),
  encodeExtended(2, fromLatin1('d8:msg_typei0e5:piecei0ee')),
  encodeExtended(2, fromLatin1('d8:msg_typei2e5:piecei0ee')),
  encodeExtended(2, fromLatin1('d8:msg_typei1e5:piecei0e10:total_sizei4eeabcd')),
  encodeExtended(7, Uint8Array.of(0, 0, 0, 1)),
  written(7, (into) => into.set([0, 0, 0, 3, MESSAGE_ID.port, 0x1a, 0xe1])),
]
