/** Small things that arrive as text, or become text. */

import { decodeUtf8, encodeUtf8, isValidUtf8, latin1, toHex } from '@shoal/protocol/bytes'
import { cleanText } from '@shoal/protocol/clean-text'
import { ProtocolError } from '@shoal/protocol/errors'
import { fromMultihash, toInfoHash, toInfoHashV2, toMultihash } from '@shoal/protocol/info-hash'
import { formatIp, parseIp } from '@shoal/protocol/ip-address'
import { formatMagnet, type Magnet, parseMagnet } from '@shoal/protocol/metainfo/magnet'
import { clientName } from '@shoal/protocol/peer-id'
import { buildAnnounceUrl, buildScrapeUrl, scrapeUrl } from '@shoal/protocol/tracker/http'
import { percentDecode, percentEncode } from '@shoal/protocol/tracker/query'
import { parseTrackerUrl } from '@shoal/protocol/tracker/tracker-url'
import { checkedTrackerUrl } from '../../../packages/engine/src/discovery/tracker-client.ts'
import { parseFileList } from '../../../packages/engine/src/torrent/file-selection.ts'
import { asciiBytes } from '../byte-mutator.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'
import { MAGNET_TOKENS, NAME_TOKENS, QUERY_TOKENS, URL_TOKENS } from '../tokens.ts'

const HASH = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
const MULTIHASH = `1220${'5a'.repeat(32)}`

export const magnet: FuzzTarget = {
  name: 'magnet',
  grammar: 'bytes',
  tokens: MAGNET_TOKENS,
  maxBytes: 9_000,
  refusals: 'protocol',
  corpus: () =>
    [
      `magnet:?xt=urn:btih:${HASH}`,
      `magnet:?xt=urn:btih:${'A2B3'.repeat(8)}&dn=B%C3%A0i+gi%E1%BA%A3ng&xl=12345&tr=http%3A%2F%2Fh%2Fannounce&tr.2=udp://h:1`,
      `magnet:?xt=urn:btmh:${MULTIHASH}&xt=urn:btih:${HASH}&ws=http://w/x&x.pe=10.0.0.1:6881&x.pe=[::1]:6881&x.pe=host.example:1&so=0,2,4-6`,
      'magnet:?dn=nothing',
      `http://h/?xt=urn:btih:${HASH}`,
    ].map(encodeUtf8),
  run(input) {
    const link = parseMagnet(decodeUtf8(input))
    const again = parseMagnet(formatMagnet(link))
    // What would make the link too long is left out again, so only what must be there is compared then.
    const isShort = input.length < 1_000
    expectEqual(isShort ? again : hashesOf(again), isShort ? link : hashesOf(link), 'the link that was written of it')
    return `fine${link.infoHashV2 ? ', v2' : ''}${link.selectedFiles ? ', some files' : ''}${link.peers.length > 0 ? ', peers' : ''}`
  },
}

function hashesOf({ infoHashV1, infoHashV2 }: Magnet): unknown {
  return [infoHashV1, infoHashV2]
}

export const infoHashText: FuzzTarget = {
  name: 'info-hash-text',
  grammar: 'bytes',
  tokens: MAGNET_TOKENS,
  maxBytes: 200,
  refusals: 'protocol',
  corpus: () => [HASH, HASH.toUpperCase(), 'A2B3'.repeat(8), '5a'.repeat(32), MULTIHASH].map(encodeUtf8),
  run(input) {
    const text = decodeUtf8(input)
    const readers = [toInfoHash, toInfoHashV2, fromMultihash]
    const read: string[] = []
    for (const reader of readers) {
      try {
        const hash = reader(text)
        read.push(reader.name)
        if (reader === toInfoHash) expectEqual(toInfoHash(toHex(hash)), hash, 'its hex')
        else if (reader === toInfoHashV2) expectEqual(toHex(hash), text.toLowerCase(), 'its hex')
        else expectEqual(toMultihash(hash), text.toLowerCase(), 'its multihash')
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
      }
    }
    return read.length === 0 ? 'refused by all' : read.join(', ')
  },
}

export const peerId: FuzzTarget = {
  name: 'peer-id',
  grammar: 'bytes',
  tokens: [
    '-SH0100-',
    '-qB4600-',
    '-TR2940-',
    'M7-10-0--',
    'A2-1-36-0-',
    '-ML3.1.2-',
    'XBT054d-',
    'OP1234',
    'exbcLORD',
    'S58B-----',
    '-lt0D60-',
  ].map(asciiBytes),
  maxBytes: 40,
  refusals: 'none',
  corpus: () =>
    ['-SH0100-abcdefghijkl', '-TR4050-abcdefghijkl', 'M7-10-0--abcdefghijk', 'exbc\x00\x38LORDabcdefghij', 'S58B-----abcdefghijk'].map(
      asciiBytes,
    ),
  run(input) {
    const name = clientName(input)
    expect(/^[^\p{C}]{1,60}$/u.test(name), `it is called ${JSON.stringify(name)}`)
    return name.startsWith('"') || name === 'unknown' ? 'unknown' : (name.split(' ', 1)[0] ?? '')
  },
}

export const trackerUrl: FuzzTarget = {
  name: 'tracker-url',
  grammar: 'bytes',
  tokens: URL_TOKENS,
  maxBytes: 2_200,
  refusals: 'engine',
  corpus: () =>
    [
      'http://h/announce',
      'https://tracker.example:8443/a/announce.php?passkey=x',
      'udp://[::1]:6969/announce',
      'udp://h:1',
      'http://user:x@h/',
      'wss://h',
    ].map(asciiBytes),
  run(input) {
    const text = decodeUtf8(input)
    const scraped = scrapeUrl(text)
    const { scheme, host, port, pathAndQuery } = parseTrackerUrl(text)
    expect(host !== '' && port >= 1 && port <= 65_535 && (pathAndQuery === '' || pathAndQuery.startsWith('/')), 'parts that are none')
    if (scheme !== 'udp') {
      const url = buildAnnounceUrl(text, {
        infoHash: new Uint8Array(20),
        peerId: new Uint8Array(20),
        port: 1,
        uploaded: 0,
        downloaded: 0,
        left: 0,
      })
      expectEqual(parseTrackerUrl(url).host, host, 'the host that is asked')
      if (scraped !== undefined)
        expectEqual(parseTrackerUrl(buildScrapeUrl(scraped, [new Uint8Array(20)])).host, host, 'the host that is scraped')
    }
    checkedTrackerUrl(text)
    return scheme
  },
}

export const ipAddress: FuzzTarget = {
  name: 'ip-address',
  grammar: 'bytes',
  tokens: ['::', ':', '.', '::ffff:', '1.2.3.4', '255', '256', '0', '01', 'ffff', '%eth0', '[', ']', '0x7f'].map(asciiBytes),
  maxBytes: 60,
  refusals: 'none',
  corpus: () => ['1.2.3.4', '::1', '2001:db8::8:0:0:417a', '::ffff:192.0.2.1', '1:2:3:4:5:6:7:8', '::', 'fe80::1%eth0'].map(asciiBytes),
  run(input) {
    const bytes = parseIp(latin1(input))
    if (bytes === undefined) return 'none'
    const text = formatIp(bytes)
    expectEqual(parseIp(text), bytes, `the address that ${text} stands for`)
    expectEqual(formatIp(parseIp(text)!), text, 'its text again')
    return bytes.length === 4 ? 'IPv4' : 'IPv6'
  },
}

export const cleanTexts: FuzzTarget = {
  name: 'clean-text',
  grammar: 'bytes',
  tokens: NAME_TOKENS,
  maxBytes: 2_000,
  refusals: 'none',
  corpus: () => ['a tracker says no', '\x1b[31mred\x07', 'a\u202eb\u200bc', '👩‍👩‍👧', ' \t\n x \u2028 '].map(encodeUtf8),
  run(input) {
    const limit = 1 + ((input[0] ?? 0) % 100)
    const clean = cleanText(input, limit)
    expect(!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(clean), `${JSON.stringify(clean)} is not clean`)
    expect(Array.from(clean).length <= limit, 'it is longer than it may be')
    expectEqual(cleanText(clean, limit), clean, 'what is clean already')
    return clean === '' ? 'nothing' : clean === decodeUtf8(input) ? 'as it was' : 'changed'
  },
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder('utf-8', { ignoreBOM: true })

/** Against the platform's own. */
export const utf8: FuzzTarget = {
  name: 'utf-8',
  grammar: 'bytes',
  tokens: NAME_TOKENS,
  maxBytes: 3_000,
  refusals: 'none',
  corpus: () => ['plain', 'Bài giảng', '讲座 👩‍👩‍👧', '\ufeffx'].map(encodeUtf8),
  run(input) {
    const text = decodeUtf8(input)
    expectEqual(text, lossy.decode(input), 'the text')
    expectEqual(encodeUtf8(text), new TextEncoder().encode(text), 'its bytes')
    let isValid = true
    try {
      strict.decode(input)
    } catch {
      isValid = false
    }
    expectEqual(isValidUtf8(input), isValid, 'valid')
    return isValid ? 'valid' : 'not valid'
  },
}

export const percent: FuzzTarget = {
  name: 'percent',
  grammar: 'bytes',
  tokens: QUERY_TOKENS,
  maxBytes: 500,
  refusals: 'none',
  corpus: () => ['a%20b', '%ff%00', '100%', 'a+b', '\xff'].map(asciiBytes),
  run(input) {
    expectEqual(percentDecode(percentEncode(input)), input, 'what was encoded')
    const decoded = percentDecode(latin1(input))
    if (decoded === undefined) return 'none'
    expectEqual(percentDecode(percentEncode(decoded)), decoded, 'what was decoded')
    return decoded.length === input.length ? 'plain' : 'encoded'
  },
}

/** The first byte says how many files there are. */
export const fileList: FuzzTarget = {
  name: 'file-list',
  grammar: 'bytes',
  tokens: ['1', '3-5', ',', '-', ' ', '0', '999999999', '1-999999999', '2-1', '1,1', '\t'].map(asciiBytes),
  maxBytes: 200,
  refusals: 'engine',
  corpus: () => ['\x051,3-5', '\x011', '\x05 2 - 4 ,1', '\xff1-255', '\x003'].map(asciiBytes),
  run(input) {
    const fileCount = input[0] ?? 0
    const chosen = parseFileList(decodeUtf8(input.subarray(1)), fileCount)
    expect(
      chosen.length > 0 && chosen.every((index, at) => index < fileCount && index > (chosen[at - 1] ?? -1)),
      `it chose ${String(chosen)}`,
    )
    return chosen.length === 1 ? 'one' : 'several'
  },
}
