import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Bencoded, type EncodableValue, encodeBencode } from '../bencode.ts'
import { fromLatin1, toHex } from '../bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import type { HashFunctions } from './info.ts'
import { choosePieceLength, encodeInfo, encodeMetainfo, layoutWithPadding, type NewFile, parseMetainfo } from './metainfo.ts'
import { PieceGeometry } from './piece-geometry.ts'

const hashes: HashFunctions = {
  sha1: (bytes) => new Uint8Array(createHash('sha1').update(bytes).digest()),
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
}
const infoRaw = encodeInfo({ name: 'a', pieceLength: 16_384, pieceHashes: new Uint8Array(20), files: [{ path: ['a'], length: 5 }] })

/** A torrent with these fields around a good info dictionary. */
function around(fields: [string, EncodableValue][]): Uint8Array {
  return encodeBencode(new Map<string, EncodableValue>([...fields, ['info', new Bencoded(infoRaw)]]))
}

function isRefusal(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code
}

describe('parseMetainfo', () => {
  test('reads what encodeMetainfo wrote', () => {
    const content = {
      infoRaw,
      trackers: [['http://hub.example/announce', 'udp://hub.example:6880'], ['wss://other.example/']],
      webSeeds: ['https://files.example/a'],
      comment: 'Bài giảng',
      createdBy: 'Shoal 0.1.0',
      creationDate: 1_700_000_000,
    }
    const { info, ...outer } = parseMetainfo(encodeMetainfo(content), hashes)
    const { infoRaw: raw, ...given } = content
    assert.deepEqual(outer, { ...given, warnings: [] })
    assert.deepEqual(info.raw, raw)
    assert.deepEqual(info.infoHashV1, hashes.sha1(raw))
  })

  test('takes the info hash over the bytes as they are, unknown fields and all', () => {
    const text = 'd4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa7:unknownli1eeee'
    const { info } = parseMetainfo(fromLatin1(text), hashes)
    assert.equal(toHex(info.infoHashV1!), createHash('sha1').update(text.slice(7, -1), 'latin1').digest('hex'))
  })

  test('takes announce-list before announce, and announce where there is no list', () => {
    assert.deepEqual(
      parseMetainfo(
        around([
          ['announce', 'http://a/'],
          ['announce-list', [['http://b/'], ['http://c/', 'http://d/']]],
        ]),
        hashes,
      ).trackers,
      [['http://b/'], ['http://c/', 'http://d/']],
    )
    assert.deepEqual(parseMetainfo(around([['announce', 'http://a/']]), hashes).trackers, [['http://a/']])
    assert.deepEqual(
      parseMetainfo(
        around([
          ['announce', 'http://a/'],
          ['announce-list', []],
        ]),
        hashes,
      ).trackers,
      [['http://a/']],
    )
    assert.deepEqual(parseMetainfo(around([]), hashes).trackers, [])
  })

  test('leaves out trackers and web seeds that are none, with a warning', () => {
    const read = parseMetainfo(
      around([
        [
          'announce-list',
          [
            ['http://a/', 'ftp://b/', 'http://a/', 'file:///etc/passwd'],
            ['javascript:x', 'http://a b/', 'http:///', 'udp://\u202ec/'],
            'udp://d:1',
            ['', 7],
          ],
        ],
        ['url-list', ['http://a/', 'ftp://b/', '']],
      ]),
      hashes,
    )
    assert.deepEqual(read.trackers, [['http://a/'], ['udp://d:1']])
    assert.deepEqual(read.webSeeds, ['http://a/'])
    assert.equal(read.warnings.length, 3)
  })

  test('reads one web seed without a list around it, and an empty one as none', () => {
    assert.deepEqual(parseMetainfo(around([['url-list', 'http://a/']]), hashes).webSeeds, ['http://a/'])
    const { webSeeds, warnings } = parseMetainfo(around([['url-list', '']]), hashes)
    assert.deepEqual([webSeeds, warnings], [[], []])
  })

  test('keeps a hundred trackers and no more', () => {
    const many = Array.from({ length: 150 }, (_, index) => [`http://t${index}/`])
    assert.equal(parseMetainfo(around([['announce-list', many]]), hashes).trackers.length, 100)
  })

  test('warns of optional fields of odd types, and reads on', () => {
    const odd: [string, EncodableValue][] = [
      ['announce', 5],
      ['announce-list', 'http://a/'],
      ['url-list', new Map()],
      ['comment', ['x']],
      ['created by', 1],
      ['creation date', 'today'],
    ]
    const read = parseMetainfo(around(odd), hashes)
    assert.equal(read.warnings.length, odd.length)
    assert.equal(read.info.name, 'a')
    for (const date of [-1, 2 ** 53 - 1, 2n ** 60n])
      assert.equal(parseMetainfo(around([['creation date', date]]), hashes).creationDate, undefined)
  })

  test('takes out of texts what would steer a terminal', () => {
    assert.equal(parseMetainfo(around([['comment', 'a\u001b[31m\u202eb']]), hashes).comment, 'a [31mb')
    assert.equal(parseMetainfo(around([['comment', 'x'.repeat(10_000)]]), hashes).comment?.length, 4096)
  })

  const REFUSED: [what: string, bytes: Uint8Array, code: ProtocolErrorCode][] = [
    ['an empty file', new Uint8Array(), 'BENCODE_TRUNCATED'],
    ['a list', fromLatin1('le'), 'METAINFO_NOT_A_DICTIONARY'],
    ['no info', fromLatin1('de'), 'METAINFO_FIELD_MISSING'],
    ['info that is a string', fromLatin1('d4:info1:xe'), 'METAINFO_FIELD_TYPE'],
    ['11 MB', new Uint8Array(11_000_000), 'METAINFO_TOO_LARGE'],
    ['bytes after the end', new Uint8Array([...encodeMetainfo({ infoRaw }), 10]), 'BENCODE_TRAILING'],
    ['keys out of order', fromLatin1(`d4:info${String.fromCharCode(...infoRaw)}7:comment1:xe`), 'BENCODE_KEY_ORDER'],
  ]
  for (const [what, bytes, code] of REFUSED) {
    test(`refuses ${what} with ${code}`, () => assert.throws(() => parseMetainfo(bytes, hashes), isRefusal(code)))
  }

  test('throws nothing but ProtocolError on damaged files', () => {
    const whole = encodeMetainfo({
      infoRaw,
      trackers: [['http://a/'], ['http://b/']],
      webSeeds: ['http://c/'],
      comment: 'x',
      creationDate: 5,
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = whole.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          parseMetainfo(bytes, hashes)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('encodeMetainfo', () => {
  test('writes one tracker as announce alone, and nothing that is not there', () => {
    const text = String.fromCharCode(...encodeMetainfo({ infoRaw, trackers: [['http://a/']] }))
    assert.ok(text.startsWith('d8:announce9:http://a/4:infod'))
    assert.ok(String.fromCharCode(...encodeMetainfo({ infoRaw })).startsWith('d4:infod'))
  })
})

describe('encodeInfo', () => {
  const parse = (files: NewFile[], pieceLength: number, more = {}) => {
    const totalSize = files.reduce((sum, file) => sum + file.length, 0)
    const { pieceCount } = new PieceGeometry({ totalSize, pieceLength })
    const name = files[0]!.path[0]!
    const raw = encodeInfo({ name, pieceLength, pieceHashes: new Uint8Array(20 * pieceCount), files, ...more })
    return parseMetainfo(encodeMetainfo({ infoRaw: raw }), hashes).info
  }

  test('writes a torrent of one file', () => {
    const info = parse([{ path: ['a b.mkv'], length: 100_000, isExecutable: true }], 32_768, { isPrivate: true, source: 'lab' })
    assert.equal(info.isSingleFile, true)
    assert.equal(info.isPrivate, true)
    assert.equal(info.source, 'lab')
    assert.equal(info.pieceCount, 4)
    assert.deepEqual(info.files, [{ path: ['a b.mkv'], length: 100_000, offset: 0, isPadding: false, isExecutable: true, isHidden: false }])
  })

  test('writes files as they are read again, with and without padding', () => {
    const length = fc.oneof(fc.constant(0), fc.nat(100_000), fc.constant(32_768))
    fc.assert(
      fc.property(fc.array(fc.tuple(length, fc.boolean()), { minLength: 1, maxLength: 8 }), fc.boolean(), (given, isPadded) => {
        const files = given.map(([bytes, isExecutable], index) => ({
          path: ['top', `d${index % 2}`, `f${index}`],
          length: bytes,
          isExecutable,
        }))
        const listed = isPadded ? layoutWithPadding(files, 32_768) : files
        const info = parse(listed, 32_768)
        assert.equal(info.isSingleFile, false)
        assert.deepEqual(info.warnings, [])
        const real = info.files.filter((file) => !file.isPadding)
        assert.deepEqual(
          real.map(({ path, length: bytes, isExecutable }) => ({ path, length: bytes, isExecutable })),
          files,
        )
        for (const file of info.files) {
          if (isPadded && !file.isPadding && file.length > 0) assert.equal(file.offset % 32_768, 0)
          if (file.isPadding) assert.deepEqual(file.path, ['top', '.pad', String(file.length)])
        }
        assert.ok(isPadded || real.length === info.files.length)
        assert.ok(!info.files.at(-1)!.isPadding)
      }),
    )
  })

  test('is loud about a file outside the folder of the torrent', () => {
    assert.throws(
      () =>
        parse(
          [
            { path: ['a', 'b'], length: 1 },
            { path: ['c', 'd'], length: 1 },
          ],
          16_384,
        ),
      /Cannot happen/,
    )
  })
})

describe('choosePieceLength', () => {
  test('takes powers of two that make one to two thousand pieces', () => {
    const KiB = 1024
    for (const [totalSize, expected] of [
      [0, 16 * KiB],
      [1, 16 * KiB],
      [10 * KiB * KiB, 16 * KiB],
      [100 * KiB * KiB, 64 * KiB],
      [KiB ** 3, KiB * KiB],
      [4 * KiB ** 3, 4 * KiB * KiB],
      [KiB ** 4, 16 * KiB * KiB],
    ] as const) {
      assert.equal(choosePieceLength(totalSize), expected)
    }
    fc.assert(
      fc.property(fc.integer({ min: 32 * KiB * KiB, max: 16 * KiB ** 3 }), (totalSize) => {
        const pieceCount = Math.ceil(totalSize / choosePieceLength(totalSize))
        assert.ok(pieceCount >= 1024 && pieceCount <= 2048)
      }),
    )
  })
})
