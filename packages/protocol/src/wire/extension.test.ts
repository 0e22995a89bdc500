import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { EXTENSION_HANDSHAKE_LIMIT, encodeExtensionHandshake, mergeExtensionHandshakes, parseExtensionHandshake } from './extension.ts'

const parse = (text: string) => parseExtensionHandshake(fromLatin1(text))
const isRefused = (error: unknown) => error instanceof ProtocolError && error.code === 'WIRE_EXTENSION_HANDSHAKE'

describe('extension handshake', () => {
  test('reads what BEP 10 and BEP 9 show', () => {
    assert.deepEqual(parse('d1:md11:LT_metadatai1e6:ut_pexi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e'), {
      ids: new Map([
        ['LT_metadata', 1],
        ['ut_pex', 2],
      ]),
      port: 6881,
      client: 'µTorrent 1.2',
    })
    assert.deepEqual(parse('d1:md11:ut_metadatai3ee13:metadata_sizei31235ee'), {
      ids: new Map([['ut_metadata', 3]]),
      metadataSize: 31_235,
    })
  })

  test('writes sorted keys', () => {
    const bytes = encodeExtensionHandshake({
      ids: new Map([
        ['ut_metadata', 2],
        ['lt_donthave', 7],
      ]),
      client: 'Shoal 0.1.0',
      port: 6881,
      yourIp: '127.0.0.1',
      requestQueueLength: 500,
      metadataSize: 100,
      uploadOnly: true,
    })
    assert.equal(
      latin1(bytes),
      'd1:md11:lt_donthavei7e11:ut_metadatai2ee13:metadata_sizei100e1:pi6881e4:reqqi500e11:upload_onlyi1e1:v11:Shoal 0.1.06:yourip4:\x7f\0\0\x01e',
    )
  })

  test('comes back as it was', () => {
    const handshakes = fc.record(
      {
        ids: fc.array(fc.tuple(fc.stringMatching(/^[a-z_]{1,20}$/), fc.nat(255))).map((pairs) => new Map(pairs)),
        client: fc.stringMatching(/^[A-Za-z][A-Za-z0-9.]{0,30}$/),
        port: fc.integer({ min: 1, max: 65_535 }),
        yourIp: fc.ipV4(),
        requestQueueLength: fc.integer({ min: 1, max: 5000 }),
        metadataSize: fc.integer({ min: 1 }),
        uploadOnly: fc.constant(true),
      },
      { requiredKeys: ['ids'] },
    )
    fc.assert(
      fc.property(handshakes, (handshake) => {
        assert.deepEqual(parseExtensionHandshake(encodeExtensionHandshake(handshake)), { ...handshake })
      }),
    )
  })

  test('keeps names that are not ASCII byte for byte', () => {
    const payload = fromLatin1('d1:md5:\xe9\xff\x00zqi7eee')
    assert.deepEqual(encodeExtensionHandshake(parseExtensionHandshake(payload)), payload)
  })

  test('takes odd types and values as absent', () => {
    const nothing = { ids: new Map() }
    assert.deepEqual(parse('de'), nothing)
    assert.deepEqual(parse('d1:mle1:p4:68811:vi1e6:yourip3:abc4:reqqi0e13:metadata_sizei-5ee'), nothing)
    assert.deepEqual(parse('d1:pi65536e4:reqqi-1e1:v4:\0\x1b\r\ne'), nothing)
    assert.deepEqual(parse('d1:md1:ai256e1:bi-1e1:c1:x0:i4e1:di255eee'), { ids: new Map([['d', 255]]) })
  })

  test('takes unknown keys, unsorted keys and bytes behind the dictionary', () => {
    assert.deepEqual(parse('d1:v5:Other1:eld1:xi1eee1:md6:ut_pexi1eeetrailing'), { ids: new Map([['ut_pex', 1]]), client: 'Other' })
  })

  test('cleans and cuts what the other calls itself', () => {
    assert.equal(parse('d1:v12:\x1b[31mevil\nXYe').client, '[31mevil XY')
    const long = 'x'.repeat(500)
    assert.equal(parse(`d1:v500:${long}e`).client, 'x'.repeat(64))
  })

  test('is bounded', () => {
    const names = Array.from({ length: 300 }, (_, i) => `3:${String(i).padStart(3, '0')}i${i % 256}e`).join('')
    assert.equal(parse(`d1:md${names}ee`).ids.size, 128)
    assert.throws(() => parseExtensionHandshake(new Uint8Array(EXTENSION_HANDSHAKE_LIMIT + 1)), isRefused)
    assert.throws(() => parse(`d1:x${'l'.repeat(40)}${'e'.repeat(40)}e`), isRefused)
  })

  test('refuses what is no dictionary', () => {
    for (const text of ['', 'le', 'i1e', '3:abc', 'd1:m', 'd1:mi1e', 'x']) assert.throws(() => parse(text), isRefused, text)
  })

  test('of a peer that says more later only changes what it says', () => {
    const first = parse('d1:md11:ut_metadatai3e6:ut_pexi1ee4:reqqi250e1:v5:Othere')
    const later = mergeExtensionHandshakes(first, parse('d1:md11:lt_donthavei7e6:ut_pexi0ee11:upload_onlyi1ee'))
    assert.deepEqual(later, {
      ids: new Map([
        ['ut_metadata', 3],
        ['ut_pex', 0],
        ['lt_donthave', 7],
      ]),
      requestQueueLength: 250,
      client: 'Other',
      uploadOnly: true,
    })
  })

  test('is bounded, however often it comes', () => {
    let known = parse('de')
    for (let round = 0; round < 10; round++) {
      const names = Array.from({ length: 100 }, (_, at) => `4:${String(round * 100 + at).padStart(4, 'x')}i1e`).join('')
      known = mergeExtensionHandshakes(known, parse(`d1:md${names}ee`))
    }
    assert.equal(known.ids.size, 128)
  })
})
