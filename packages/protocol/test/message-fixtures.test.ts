import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1, latin1 } from '../src/bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../src/errors.ts'
import { encodeCompactPeers4 } from '../src/tracker/announce.ts'
import { buildAnnounceUrl, encodeAnnounceReply, encodeScrapeReply, parseAnnounceReply, parseScrapeReply } from '../src/tracker/http.ts'
import { parseAnnounceQuery, parseScrapeQuery } from '../src/tracker/http-query.ts'
import {
  encodeAnnounceRequest,
  encodeScrapeRequest,
  encodeUdpAnnounceReply,
  encodeUdpScrapeReply,
  parseUdpReply,
  parseUdpRequest,
} from '../src/tracker/udp.ts'
import { encodeDontHave, parseDontHave } from '../src/wire/dont-have.ts'
import { encodeExtensionHandshake, parseExtensionHandshake } from '../src/wire/extension.ts'
import { encodeHandshake, parseHandshake } from '../src/wire/handshake.ts'
import { encodeBitfield, encodeExtended, type MessageHandler } from '../src/wire/message.ts'
import { MessageDecoder } from '../src/wire/message-decoder.ts'
import { encodeMetadataMessage, parseMetadataMessage } from '../src/wire/metadata.ts'

const FIXTURES = new URL('../../../fixtures/', import.meta.url)

/** Hears everything and does nothing. */
const deaf = new Proxy({}, { get: () => () => {} }) as MessageHandler

/** The readers, by the names that the index uses. */
const PARSERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  handshake: (bytes) => parseHandshake(bytes),
  messages: (bytes) => new MessageDecoder(deaf).push(bytes),
  'extension-handshake': parseExtensionHandshake,
  metadata: parseMetadataMessage,
  'dont-have': parseDontHave,
  'udp-request': parseUdpRequest,
  'udp-reply-ipv4': (bytes) => parseUdpReply(bytes, 4),
  'udp-reply-ipv6': (bytes) => parseUdpReply(bytes, 6),
  'announce-reply': parseAnnounceReply,
  'scrape-reply': parseScrapeReply,
  'announce-query': (bytes) => parseAnnounceQuery(latin1(bytes)),
  'scrape-query': (bytes) => parseScrapeQuery(latin1(bytes)),
}

interface Fixture {
  readonly parser: string
  readonly code: ProtocolErrorCode
  readonly what: string
}

function fixturesOf(folder: string): { file: string; fixture: Fixture; bytes: Uint8Array }[] {
  const base = new URL(`${folder}/`, FIXTURES)
  const index = JSON.parse(readFileSync(new URL('index.json', base), 'utf8')) as Record<string, Fixture>
  const files = readdirSync(base).filter((file) => file !== 'index.json')
  assert.deepEqual(Object.keys(index).sort(), files.sort(), `the index of ${folder} names other files than there are`)
  return Object.entries(index).map(([file, fixture]) => ({ file, fixture, bytes: new Uint8Array(readFileSync(new URL(file, base))) }))
}

const malformed = [...fixturesOf('wire/bad'), ...fixturesOf('tracker/bad')]

describe('malformed messages', () => {
  test('are many, and there is one for every reader', () => {
    assert.ok(malformed.length >= 100, String(malformed.length))
    assert.deepEqual([...new Set(malformed.map(({ fixture }) => fixture.parser))].sort(), Object.keys(PARSERS).sort())
  })

  for (const { file, fixture, bytes } of malformed) {
    test(`${file} (${fixture.what}) is refused with ${fixture.code}`, () => {
      assert.throws(
        () => PARSERS[fixture.parser]!(bytes),
        (error) => {
          assert.ok(error instanceof ProtocolError, String(error))
          assert.equal(error.code, fixture.code, error.message)
          assert.match(error.message, /^Cannot (read|use|answer|scrape) [^\p{C}]{4,400}$/u)
          return true
        },
      )
    })
  }
})

const infoHash = new Uint8Array(20).fill(0x61)
const announce = { infoHash, peerId: infoHash, port: 6881, uploaded: 0, downloaded: 0, left: 1, numWant: 50 }
const peers4 = encodeCompactPeers4([{ host: '10.0.0.1', port: 6881 }])
const swarm = { intervalSeconds: 1800, complete: 1, incomplete: 2 }
const connectionId = new Uint8Array(8).fill(1)
const reserved = { supportsExtensions: true, supportsFast: true, supportsDht: true, supportsV2: true }

/** A good message for each reader, to be damaged. */
const GOOD: readonly (readonly [parser: string, bytes: Uint8Array])[] = [
  ['handshake', encodeHandshake({ infoHash, peerId: infoHash, ...reserved })],
  ['messages', concatBytes([encodeBitfield(infoHash), encodeExtended(0, infoHash), new Uint8Array(4)])],
  [
    'extension-handshake',
    encodeExtensionHandshake({ ids: new Map([['ut_metadata', 2]]), client: 'Shoal', yourIp: '10.0.0.1', metadataSize: 9 }),
  ],
  ['metadata', encodeMetadataMessage({ type: 'data', piece: 1, totalSize: 16_384 + 20, data: infoHash })],
  ['dont-have', encodeDontHave(7)],
  ['udp-request', encodeAnnounceRequest(connectionId, 1, announce, '/announce?key=1')],
  ['udp-request', encodeScrapeRequest(connectionId, 1, [infoHash, infoHash])],
  ['udp-reply-ipv4', encodeUdpAnnounceReply(1, swarm, peers4)],
  ['udp-reply-ipv4', encodeUdpScrapeReply(1, [{ complete: 1, downloaded: 2, incomplete: 3 }])],
  ['udp-reply-ipv6', encodeUdpAnnounceReply(1, swarm, new Uint8Array(36).fill(3))],
  [
    'announce-reply',
    encodeAnnounceReply({ ...swarm, peers4, peers6: new Uint8Array(18).fill(3), externalIp: '10.0.0.1' }, { compact: true }),
  ],
  ['announce-reply', encodeAnnounceReply({ ...swarm, peers4, peers6: new Uint8Array(0) }, { compact: false })],
  ['announce-reply', fromLatin1('d14:failure reason4:nope8:retry ini5ee')],
  ['scrape-reply', encodeScrapeReply([{ infoHash, complete: 1, downloaded: 2, incomplete: 3 }])],
  ['announce-query', fromLatin1(buildAnnounceUrl('http://h/a', { ...announce, event: 'started', key: 7 }).slice('http://h/a?'.length))],
  ['scrape-query', fromLatin1(`info_hash=${'%61'.repeat(20)}&info_hash=${'b'.repeat(20)}`)],
]

/** Bytes changed, removed, doubled, put in or cut off. */
function damage(bytes: Uint8Array, faults: readonly { kind: number; at: number; value: number }[]): Uint8Array {
  let result = Uint8Array.from(bytes)
  for (const { kind, at, value } of faults) {
    const place = result.length === 0 ? 0 : at % (result.length + 1)
    const [head, tail] = [result.subarray(0, place), result.subarray(place)]
    if (kind === 0) result = Uint8Array.from(concatBytes([head, Uint8Array.of(value), tail.subarray(1)]))
    else if (kind === 1) result = Uint8Array.from(concatBytes([head, tail.subarray(value % 8)]))
    else if (kind === 2) result = Uint8Array.from(concatBytes([head, tail.subarray(0, value % 32), tail]))
    else if (kind === 3) result = Uint8Array.from(concatBytes([head, Uint8Array.of(value, value), tail]))
    else result = head
  }
  return result
}

describe('readers of messages', () => {
  const faults = fc.array(fc.record({ kind: fc.nat(4), at: fc.nat(), value: fc.nat(255) }), { minLength: 1, maxLength: 6 })
  const damaged = fc.tuple(fc.constantFrom(...GOOD, ...malformed.map(({ fixture, bytes }) => [fixture.parser, bytes] as const)), faults)

  test('read the good ones', () => {
    for (const [parser, bytes] of GOOD) PARSERS[parser]!(bytes)
  })

  test('throw nothing but ProtocolError on damaged bytes', () => {
    fc.assert(
      fc.property(damaged, ([[parser, bytes], each]) => onlyProtocolErrors(parser, damage(bytes, each))),
      { numRuns: 5_000 },
    )
  })

  test('throw nothing but ProtocolError on any bytes', () => {
    fc.assert(fc.property(fc.constantFrom(...Object.keys(PARSERS)), fc.uint8Array({ maxLength: 200 }), onlyProtocolErrors), {
      numRuns: 2_000,
    })
  })
})

function onlyProtocolErrors(parser: string, bytes: Uint8Array): void {
  try {
    PARSERS[parser]!(bytes)
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${parser}: ${String(error)}`)
  }
}
