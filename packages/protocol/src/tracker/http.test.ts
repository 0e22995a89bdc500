import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { type AnnounceReply, encodeCompactPeers4, encodeCompactPeers6, isTrackerFailure, type PackedAnnounceReply } from './announce.ts'
import {
  buildAnnounceUrl,
  buildScrapeUrl,
  encodeAnnounceReply,
  encodeFailure,
  encodeScrapeReply,
  parseAnnounceReply,
  parseScrapeReply,
  scrapeUrl,
} from './http.ts'

const isRefused = (error: unknown) => error instanceof ProtocolError && error.code === 'TRACKER_REPLY'
const NONE = new Uint8Array(0)

function reply(text: string): AnnounceReply {
  const answer = parseAnnounceReply(fromLatin1(text))
  assert.ok(!isTrackerFailure(answer))
  return answer
}

describe('announce URL', () => {
  const request = {
    infoHash: fromLatin1('\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a'),
    peerId: fromLatin1('-SH0100-abcdefghij ~'),
    port: 6881,
    uploaded: 0,
    downloaded: 0,
    left: 100,
  }

  test('carries raw bytes percent-encoded', () => {
    assert.equal(
      buildAnnounceUrl('http://127.0.0.1:6880/announce', { ...request, key: 0xab, event: 'started', numWant: 50 }),
      'http://127.0.0.1:6880/announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-SH0100-abcdefghij%20~' +
        '&port=6881&uploaded=0&downloaded=0&left=100&compact=1&numwant=50&key=000000AB&event=started',
    )
  })

  test('joins a query that is there already, and drops a fragment', () => {
    assert.match(buildAnnounceUrl('http://h/a?key=1#x', request), /^http:\/\/h\/a\?key=1&info_hash=/)
    assert.match(buildAnnounceUrl('http://h/a?', request), /^http:\/\/h\/a\?info_hash=/)
  })

  test('of something else is refused', () => {
    for (const url of ['udp://h:1/', 'nonsense']) {
      assert.throws(
        () => buildAnnounceUrl(url, request),
        (error) => error instanceof ProtocolError && error.code === 'TRACKER_URL',
      )
    }
  })

  test('leads to the scrape URL (BEP 48)', () => {
    assert.equal(scrapeUrl('http://h/announce'), 'http://h/scrape')
    assert.equal(scrapeUrl('http://h/x/announce.php?key=1/announce'), 'http://h/x/scrape.php?key=1/announce')
    assert.equal(scrapeUrl('http://h/a'), undefined)
    assert.equal(scrapeUrl('http://announce'), undefined)
    assert.equal(scrapeUrl('udp://h:1/announce'), undefined)
    assert.equal(
      buildScrapeUrl('http://h/scrape', [fromLatin1('a'.repeat(20)), fromLatin1('b'.repeat(20))]),
      `http://h/scrape?info_hash=${'a'.repeat(20)}&info_hash=${'b'.repeat(20)}`,
    )
  })
})

describe('announce reply', () => {
  test('comes back as it was, packed and as dictionaries', () => {
    const peers = [
      { host: '10.0.0.1', port: 6881 },
      { host: '2001:db8::1', port: 51_413 },
    ]
    const packed: PackedAnnounceReply = {
      intervalSeconds: 1800,
      minIntervalSeconds: 60,
      complete: 1,
      incomplete: 2,
      downloaded: 3,
      peers4: encodeCompactPeers4(peers),
      peers6: encodeCompactPeers6(peers),
      warning: 'careful',
      trackerId: fromLatin1('abc'),
      externalIp: '192.0.2.7',
    }
    const { peers4: _four, peers6: _six, ...rest } = packed
    for (const compact of [true, false]) {
      assert.deepEqual(parseAnnounceReply(encodeAnnounceReply(packed, { compact })), { ...rest, peers })
    }
  })

  test('is what BEP 23 and BEP 7 show', () => {
    const bytes = encodeAnnounceReply({ intervalSeconds: 1800, peers4: fromLatin1('iiiipp'), peers6: NONE }, { compact: true })
    assert.equal(latin1(bytes), 'd8:intervali1800e5:peers6:iiiippe')
    assert.deepEqual(reply('d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe').peers, [
      { host: '105.105.105.105', port: 28_784 },
      { host: '6969:6969:6969:6969:6969:6969:6969:6969', port: 28_784 },
    ])
  })

  test('may be as sloppy as trackers are', () => {
    assert.deepEqual(reply('d5:peers0:e'), { intervalSeconds: 1800, peers: [] })
    assert.deepEqual(reply('de'), { intervalSeconds: 1800, peers: [] })
    assert.deepEqual(reply('d5:peersde8:interval3:900e\r\n'), { intervalSeconds: 900, peers: [] })
    assert.deepEqual(reply('d8:intervali-5e8:completei-1e10:incompletei7e5:peers0:e'), { intervalSeconds: 1800, incomplete: 7, peers: [] })
    assert.deepEqual(reply('d8:intervali99999999999999999999e5:peers0:e'), { intervalSeconds: 1800, peers: [] })
  })

  test('takes names and IPv6 in dictionaries, and leaves out nonsense', () => {
    const entry = (ip: string, port: string | number) => `d2:ip${ip.length}:${ip}4:port${typeof port === 'number' ? `i${port}e` : port}e`
    const list = [
      entry('Peer.Example', 1),
      entry('2001:DB8:0::1', 2),
      entry('::ffff:10.0.0.1', '1:3'),
      entry('10.0.0.2', 0),
      entry('10.0.0.2', 65_536),
      entry('', 5),
      entry('two words', 5),
      entry('127.1', 5),
      entry('-x', 5),
      'i1e',
      'de',
    ].join('')
    assert.deepEqual(reply(`d5:peersl${list}ee`).peers, [
      { host: 'peer.example', port: 1 },
      { host: '2001:db8::1', port: 2 },
      { host: '10.0.0.1', port: 3 },
    ])
    const withId = reply(`d5:peersld2:ip8:10.0.0.17:peer id20:${'x'.repeat(20)}4:porti9eeee`).peers[0]
    assert.equal(withId?.peerId?.length, 20)
  })

  test('says no, and when to come back (BEP 31)', () => {
    const failure = (text: string) => parseAnnounceReply(fromLatin1(text))
    assert.deepEqual(failure('d14:failure reason4:nopee'), { failureReason: 'nope' })
    assert.deepEqual(failure('d14:failure reason4:nope8:retry ini5ee'), { failureReason: 'nope', retryInSeconds: 300 })
    assert.deepEqual(failure('d14:failure reason4:nope8:retry in1:5e'), { failureReason: 'nope', retryInSeconds: 300 })
    assert.deepEqual(failure('d14:failure reason4:nope8:retry in5:nevere'), { failureReason: 'nope', retryInSeconds: 'never' })
    assert.deepEqual(failure('d14:failure reason4:nope8:retry ini-5ee'), { failureReason: 'nope' })
    assert.deepEqual(failure('d14:failure reason9:\x1b[31mevile'), { failureReason: '[31mevil' })
    assert.equal(latin1(encodeFailure({ failureReason: 'busy', retryInSeconds: 90 })), 'd14:failure reason4:busy8:retry ini2ee')
    assert.equal(latin1(encodeFailure({ failureReason: 'gone', retryInSeconds: 'never' })), 'd14:failure reason4:gone8:retry in5:nevere')
    const long = failure(`d14:failure reason2000:${'x'.repeat(2000)}e`)
    assert.ok(isTrackerFailure(long) && long.failureReason.length === 512)
  })

  test('is refused when it cannot be one', () => {
    const wrong = [
      '',
      '<html>404 Not Found</html>',
      'le',
      'i5e',
      'd5:peers',
      'd5:peers7:1234567e',
      'd5:peersi5ee',
      'd6:peers65:12345e',
      'd5:peersd1:ai1eee',
    ]
    for (const text of wrong) assert.throws(() => reply(text), isRefused, text)
    assert.throws(() => parseAnnounceReply(new Uint8Array((1 << 20) + 1)), isRefused)
  })
})

describe('scrape reply', () => {
  test('comes back as it was, sorted by info hash', () => {
    const counts = { complete: fc.nat(), downloaded: fc.nat(), incomplete: fc.nat() }
    const entry = fc.record({ infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }), ...counts })
    const entries = fc.uniqueArray(entry, { selector: (one) => latin1(one.infoHash), maxLength: 10 })
    fc.assert(
      fc.property(entries, (given) => {
        const back = parseScrapeReply(encodeScrapeReply(given))
        assert.ok(!isTrackerFailure(back))
        const sorted = [...given].sort((a, b) => Buffer.compare(a.infoHash, b.infoHash)).map((one) => ({ ...one }))
        assert.deepEqual(back, sorted)
      }),
    )
  })

  test('may lack counts and hold keys that are no hashes', () => {
    const hash = 'x'.repeat(20)
    const text = `d5:filesd3:abcd8:completei1ee20:${hash}d10:incompletei4eeee`
    assert.deepEqual(parseScrapeReply(fromLatin1(text)), [{ infoHash: fromLatin1(hash), complete: 0, downloaded: 0, incomplete: 4 }])
    assert.deepEqual(parseScrapeReply(fromLatin1('d14:failure reason2:noe')), { failureReason: 'no' })
    assert.throws(() => parseScrapeReply(fromLatin1('de')), isRefused)
  })
})
