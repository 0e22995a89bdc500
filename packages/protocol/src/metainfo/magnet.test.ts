import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '../bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import { formatMagnet, type Magnet, parseMagnet } from './magnet.ts'

const HEX = '0123456789abcdef0123456789abcdef01234567'
const V1 = `xt=urn:btih:${HEX}`
const V2 = `xt=urn:btmh:1220${'ab'.repeat(32)}`
const NOTHING_ELSE = { trackers: [], webSeeds: [], peers: [] }

const parse = (query: string): Magnet => parseMagnet(`magnet:?${query}`)

function isRefusal(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code
}

describe('parseMagnet', () => {
  test('reads v1, v2 and hybrid links', () => {
    const infoHashV1 = fromHex(HEX)
    const infoHashV2 = new Uint8Array(32).fill(0xab)
    assert.deepEqual(parse(V1), { infoHashV1, ...NOTHING_ELSE })
    assert.deepEqual(parse(V2), { infoHashV2, ...NOTHING_ELSE })
    assert.deepEqual(parse(`${V2}&${V1}`), { infoHashV1, infoHashV2, ...NOTHING_ELSE })
    assert.deepEqual(parse(`xt.1=urn:btih:${HEX.toUpperCase()}&${V1}`), { infoHashV1, ...NOTHING_ELSE })
  })

  test('reads base32, any case of scheme and urn, and other topics beside ours', () => {
    assert.deepEqual(parseMagnet('MAGNET:?XT=URN:BTIH:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH'), { infoHashV1: fromHex(HEX), ...NOTHING_ELSE })
    assert.deepEqual(parse(`xt=urn:sha1:ABC&${V1}`).infoHashV1, fromHex(HEX))
  })

  test('reads everything else a link may bring', () => {
    const link = parse(
      `${V1}&dn=B%C3%A0i+gi%E1%BA%A3ng%20%231&xl=5000&tr=http%3A%2F%2Fa%2Fannounce%3Fk%3D1%2B2&tr.1=udp://b:80&ws=https://w/&x.pe=10.0.0.1:6881&x.pe=%5B2001:DB8::1%5D:1&x.pe=Peer.example:2&so=5,0-2,2`,
    )
    assert.deepEqual(link, {
      infoHashV1: fromHex(HEX),
      name: 'Bài giảng #1',
      exactLength: 5000,
      trackers: ['http://a/announce?k=1+2', 'udp://b:80'],
      webSeeds: ['https://w/'],
      peers: [
        { host: '10.0.0.1', port: 6881 },
        { host: '2001:db8::1', port: 1 },
        { host: 'peer.example', port: 2 },
      ],
      selectedFiles: [0, 1, 2, 5],
    })
  })

  test('leaves out help that is of no use', () => {
    const link = parse(
      `${V1}&tr=ftp://a/&tr=javascript:x&tr=&tr=http://a/&tr=http://a/&ws=file:///x&x.pe=a&x.pe=a:0&x.pe=a:65536&x.pe=::1:5&x.pe=[zz]:5&x.pe=a%20b:5&xl=-5&xl&foo=bar&&=`,
    )
    assert.deepEqual(link, { infoHashV1: fromHex(HEX), trackers: ['http://a/'], webSeeds: [], peers: [] })
  })

  test('takes out of the name what would steer a terminal', () => {
    assert.equal(parse(`${V1}&dn=a%1B%5B31m%E2%80%AEb%FF`).name, 'a [31mb\ufffd')
    assert.equal(parse(`${V1}&dn=${'x'.repeat(1000)}`).name?.length, 255)
    assert.equal(parse(`${V1}&dn=%E2%80%AE`).name, undefined)
  })

  const REFUSED: [what: string, text: string, code: ProtocolErrorCode][] = [
    ['nothing', '', 'MAGNET_SCHEME'],
    ['an http address', `http://x/?${V1}`, 'MAGNET_SCHEME'],
    ['no question mark', `magnet:${V1}`, 'MAGNET_SCHEME'],
    ['no fields', 'magnet:?', 'MAGNET_NO_HASH'],
    ['no hash', 'magnet:?dn=x', 'MAGNET_NO_HASH'],
    ['another kind of hash', 'magnet:?xt=urn:sha1:x', 'MAGNET_NO_HASH'],
    ['half a hash', 'magnet:?xt=urn:btih:0123', 'MAGNET_HASH'],
    ['an empty hash', 'magnet:?xt=urn:btih:', 'MAGNET_HASH'],
    ['a v1 hash that is no hex', `magnet:?xt=urn:btih:${'g'.repeat(40)}`, 'MAGNET_HASH'],
    ['a v2 hash of another function', `magnet:?xt=urn:btmh:1114${'ab'.repeat(20)}`, 'MAGNET_HASH'],
    ['a v1 hash where v2 belongs', `magnet:?xt=urn:btmh:${HEX}`, 'MAGNET_HASH'],
    ['two hashes', `magnet:?${V1}&xt=urn:btih:${'0'.repeat(40)}`, 'MAGNET_HASH'],
    ['a broken escape', `magnet:?${V1}&dn=%4`, 'MAGNET_FIELD'],
    ['files that are no numbers', `magnet:?${V1}&so=a`, 'MAGNET_FIELD'],
    ['an empty choice of files', `magnet:?${V1}&so=`, 'MAGNET_FIELD'],
    ['files that run backwards', `magnet:?${V1}&so=5-2`, 'MAGNET_FIELD'],
    ['a negative file', `magnet:?${V1}&so=-2`, 'MAGNET_FIELD'],
    ['a billion files', `magnet:?${V1}&so=0-999999999`, 'MAGNET_FIELD'],
    ['very many ranges', `magnet:?${V1}&so=0-60000,100000-160000`, 'MAGNET_FIELD'],
    ['101 trackers', `magnet:?${V1}${Array.from({ length: 101 }, (_, index) => `&tr=udp://t${index}:1`).join('')}`, 'MAGNET_FIELD'],
    ['a book', `magnet:?${V1}&dn=${'x'.repeat(8192)}`, 'MAGNET_TOO_LONG'],
  ]
  for (const [what, text, code] of REFUSED) {
    test(`refuses ${what} with ${code}`, () => assert.throws(() => parseMagnet(text), isRefusal(code)))
  }

  test('throws nothing but ProtocolError, whatever it is given', () => {
    const piece = fc.oneof(
      fc.constantFrom(V1, V2, 'magnet:?', '&', '=', '%', '%C3', 'tr=', 'so=1-', 'x.pe=[::1]:5', 'dn=', 'xt='),
      fc.array(fc.nat(0x10ffff), { maxLength: 6 }).map((codes) => String.fromCodePoint(...codes)),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parseMagnet(`magnet:?${pieces.join('')}`)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('formatMagnet', () => {
  const hash = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const path = fc.stringMatching(/^[a-zA-Z0-9%?&=+#ạ学/.~-]{0,12}$/)
  const port = fc.integer({ min: 1, max: 65_535 })
  const anyMagnet: fc.Arbitrary<Magnet> = fc
    .record(
      {
        infoHashV1: hash(20),
        infoHashV2: hash(32),
        name: fc.stringMatching(/^[a-zA-Z0-9&=%#ạ学🐟]{1,20}$/u),
        trackers: fc.uniqueArray(
          fc.tuple(fc.constantFrom('http', 'https', 'udp', 'wss'), word, path).map(([s, h, p]) => `${s}://${h}/${p}`),
          { maxLength: 4 },
        ),
        webSeeds: fc.uniqueArray(
          fc.tuple(word, path).map(([h, p]) => `https://${h}/${p}`),
          { maxLength: 3 },
        ),
        peers: fc.uniqueArray(
          fc.record({ host: fc.constantFrom('10.0.0.1', 'peer.example', '2001:db8::1', 'a-b'), port }, { noNullPrototype: true }),
          {
            maxLength: 4,
            selector: (peer) => JSON.stringify(peer),
          },
        ),
        selectedFiles: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 12 }).map((files) => files.sort((a, b) => a - b)),
        exactLength: fc.maxSafeNat(),
      },
      { requiredKeys: ['trackers', 'webSeeds', 'peers'] },
    )
    .filter((magnet) => magnet.infoHashV1 !== undefined || magnet.infoHashV2 !== undefined)

  test('writes links that are read as the same', () => {
    fc.assert(fc.property(anyMagnet, (magnet) => assert.deepEqual(parseMagnet(formatMagnet(magnet)), { ...magnet })))
  })

  test('writes files in a row as one range', () => {
    const link = formatMagnet({ infoHashV1: fromHex(HEX)!, ...NOTHING_ELSE, selectedFiles: [4, 0, 2, 1, 6, 7] })
    assert.ok(link.endsWith('&so=0-2,4,6-7'), link)
  })

  test('leaves out trackers for which a link has no room', () => {
    const trackers = Array.from({ length: 100 }, (_, index) => `http://tracker-${index}.example/${'x'.repeat(200)}`)
    const link = formatMagnet({ infoHashV1: fromHex(HEX)!, trackers, webSeeds: [], peers: [] })
    assert.ok(parseMagnet(link).trackers.length > 20)
  })
})
