import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { type AnnounceRequest, LEFT_UNKNOWN } from './announce.ts'
import { buildAnnounceUrl, buildScrapeUrl } from './http.ts'
import { parseAnnounceQuery, parseScrapeQuery } from './http-query.ts'
import { percentDecode, percentEncode } from './query.ts'

const HASH = 'a'.repeat(20)
const PEER = 'p'.repeat(20)
const BASE = `info_hash=${HASH}&peer_id=${PEER}&port=6881`

function refuses(query: string, message: string): void {
  assert.throws(
    () => parseAnnounceQuery(query),
    (error) => error instanceof ProtocolError && error.code === 'TRACKER_QUERY' && error.message === `Cannot read this request: ${message}`,
    query,
  )
}

describe('announce query', () => {
  test('is what the client built', () => {
    const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 })
    const requests: fc.Arbitrary<AnnounceRequest> = fc.record(
      {
        infoHash: bytes20,
        peerId: bytes20,
        port: fc.nat(65_535),
        uploaded: fc.maxSafeNat(),
        downloaded: fc.maxSafeNat(),
        left: fc.maxSafeNat(),
        compact: fc.boolean(),
        noPeerId: fc.constant(true),
        claimedAddress: fc.oneof(fc.constant(Uint8Array.of(192, 0, 2, 1)), fc.constant(Uint8Array.from({ length: 16 }, (_, at) => at))),
        event: fc.constantFrom('started', 'completed', 'stopped', 'paused'),
        numWant: fc.nat(),
        key: fc.integer({ min: 0, max: 0xffffffff }),
        trackerId: fc.uint8Array({ maxLength: 50 }),
      },
      { requiredKeys: ['infoHash', 'peerId', 'port', 'uploaded', 'downloaded', 'left', 'compact'] },
    )
    fc.assert(
      fc.property(requests, (request) => {
        const url = buildAnnounceUrl('http://h/announce', request)
        assert.deepEqual(parseAnnounceQuery(url.slice(url.indexOf('?') + 1)), { ...request })
      }),
    )
  })

  test('needs only what BEP 3 cannot do without', () => {
    assert.deepEqual(parseAnnounceQuery(BASE), {
      infoHash: fromLatin1(HASH),
      peerId: fromLatin1(PEER),
      port: 6881,
      uploaded: 0,
      downloaded: 0,
      left: LEFT_UNKNOWN,
    })
  })

  test('tells what a client claims to be its address, and takes none from what BEP 7 added', () => {
    const claimed = (parameters: string) => parseAnnounceQuery(`${BASE}&${parameters}`).claimedAddress
    assert.deepEqual(claimed('ip=192.0.2.1'), Uint8Array.of(192, 0, 2, 1))
    assert.equal(claimed('ip=2001%3adb8%3A%3a1')?.length, 16)
    for (const none of ['ip=example.org', 'ip=', 'ip=1.2.3', 'ipv4=192.0.2.1%3A80&ipv6=::1']) assert.equal(claimed(none), undefined, none)
  })

  test('reads the ways in which clients do not know', () => {
    for (const left of ['', '-1', 'Infinity', '18446744073709551615', '9223372036854775807']) {
      assert.equal(parseAnnounceQuery(`${BASE}&left=${left}`).left, LEFT_UNKNOWN)
    }
    assert.equal(parseAnnounceQuery(`${BASE}&numwant=-1`).numWant, undefined)
    assert.equal(parseAnnounceQuery(`${BASE}&event=`).event, undefined)
    assert.equal(parseAnnounceQuery(`${BASE}&event=resumed`).event, undefined)
    assert.equal(parseAnnounceQuery(`${BASE}&event=&event=started`).event, undefined)
    assert.equal(parseAnnounceQuery(`${BASE}&key=not-hex`).key, undefined)
  })

  test('lets the first of a repeated parameter count', () => {
    assert.equal(parseAnnounceQuery(`${BASE}&port=1&left=5&left=0`).left, 5)
  })

  test('says what is wrong, always in the same words', () => {
    refuses('', 'info_hash is missing')
    refuses(`info_hash=${HASH}`, 'peer_id is missing')
    refuses(`info_hash=${HASH}&peer_id=${PEER}`, 'port is missing')
    refuses(`info_hash=abc&peer_id=${PEER}&port=1`, 'info_hash has 3 bytes instead of 20')
    refuses(`info_hash=%zz${HASH}&peer_id=${PEER}&port=1`, 'info_hash is not percent-encoded')
    refuses(`info_hash=${HASH}&peer_id=${PEER}&port=65536`, 'port is not a number from 0 to 65535')
    refuses(`info_hash=${HASH}&peer_id=${PEER}&port=-1`, 'port is not a number from 0 to 65535')
    refuses(`${BASE}&left=abc`, 'left is not a whole number')
    refuses(`${BASE}&uploaded=1.5`, 'uploaded is not a whole number')
    refuses(`${BASE}&downloaded=-3`, 'downloaded is not a whole number')
    refuses(`${BASE}&numwant=1e9`, 'numwant is not a whole number')
    assert.throws(() => parseAnnounceQuery('x'.repeat(9000)), ProtocolError)
  })
})

describe('scrape query', () => {
  test('is what the client built, each torrent once', () => {
    const hashes = [fromLatin1(HASH), fromLatin1('\x00\xff'.repeat(10)), fromLatin1(HASH)]
    const url = buildScrapeUrl('http://h/scrape', hashes)
    assert.deepEqual(parseScrapeQuery(url.slice(url.indexOf('?') + 1)), hashes.slice(0, 2))
  })

  test('of everything or of too much is refused', () => {
    assert.throws(() => parseScrapeQuery(''), /at least one info_hash/)
    const many = Array.from({ length: 75 }, (_, i) => fromLatin1(String(i).padStart(20, '0')))
    const query = buildScrapeUrl('http://h/scrape', many).slice('http://h/scrape?'.length)
    assert.throws(() => parseScrapeQuery(query), /more than 74 torrents/)
    assert.equal(parseScrapeQuery(query.slice(0, query.lastIndexOf('&'))).length, 74)
  })
})

describe('percent-encoding', () => {
  test('gives any bytes back', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(percentDecode(percentEncode(bytes)), bytes)))
  })

  test('takes raw bytes and plus signs as they are, and lower-case hex', () => {
    assert.equal(latin1(percentDecode('a+b\xff%fF')!), 'a+b\xff\xff')
  })

  test('knows a broken escape', () => {
    for (const text of ['%', '%1', 'a%1', '%g0', '%0g', '\u0100']) assert.equal(percentDecode(text), undefined)
  })
})
