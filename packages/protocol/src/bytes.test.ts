import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  compareBytes,
  concatBytes,
  decodeUtf8,
  encodeUtf8,
  equalBytes,
  fromHex,
  fromLatin1,
  isValidUtf8,
  latin1,
  setUint16,
  setUint32,
  setUint64,
  toHex,
  uint16,
  uint32,
  uint64,
  utf8Length,
  viewOf,
} from './bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 64 })

describe('big-endian numbers', () => {
  test('are read as they were written, at any offset', () => {
    fc.assert(
      fc.property(fc.nat(9), fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }), (at, value) => {
        const bytes = new Uint8Array(20)
        setUint64(bytes, at, value)
        assert.equal(uint64(bytes, at), value)
        assert.equal(new DataView(bytes.buffer).getBigUint64(at), value)
        const low = Number(value & 0xffffffffn)
        setUint32(bytes, at, low)
        assert.equal(uint32(bytes, at), low)
        setUint16(bytes, at, low & 0xffff)
        assert.equal(uint16(bytes, at), low & 0xffff)
      }),
    )
  })
  test('are never negative', () => {
    assert.equal(uint32(Uint8Array.of(255, 255, 255, 255), 0), 4294967295)
  })
})

describe('byte strings', () => {
  test('compare as Buffer.compare does', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
        assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0)
        assert.ok(equalBytes(a, a.slice()))
      }),
    )
  })
  test('are joined in order', () => {
    fc.assert(fc.property(fc.array(anyBytes), (parts) => assert.deepEqual(concatBytes(parts), new Uint8Array(Buffer.concat(parts)))))
  })
})

describe('hex', () => {
  test('goes both ways, in either case', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
        assert.deepEqual(fromHex(toHex(bytes)), bytes)
        assert.deepEqual(fromHex(toHex(bytes).toUpperCase()), bytes)
      }),
    )
  })
  test('refuses an odd count and other characters', () => {
    for (const text of ['a', 'abc', 'zz', '0x', ' 0', '0\u0661', '@@', '``', 'gG']) assert.equal(fromHex(text), undefined, text)
  })
})

describe('latin1', () => {
  test('holds any bytes, also many of them', () => {
    fc.assert(fc.property(anyBytes, (bytes) => assert.deepEqual(fromLatin1(latin1(bytes)), bytes)))
    const many = Uint8Array.from({ length: 20_000 }, (_, at) => at)
    assert.deepEqual(fromLatin1(latin1(many)), many)
  })
})

describe('UTF-8', () => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  function isAccepted(bytes: Uint8Array): boolean {
    try {
      strict.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  function looksLikeThePlatform(bytes: Uint8Array): void {
    assert.equal(decodeUtf8(bytes), decoder.decode(bytes))
    assert.equal(isValidUtf8(bytes), isAccepted(bytes))
  }

  test('encodes and measures as the platform does, lone surrogates included', () => {
    const texts = fc.oneof(
      fc.array(fc.nat(0x10ffff)).map((codes) => String.fromCodePoint(...codes)),
      fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text))
        assert.equal(utf8Length(text), encodeUtf8(text).length)
      }),
    )
  })
  test('decodes any bytes as the platform does', () => {
    fc.assert(fc.property(anyBytes, looksLikeThePlatform))
    const hostile = fc.array(
      fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5),
    )
    fc.assert(
      fc.property(
        hostile.map((list) => Uint8Array.from(list)),
        looksLikeThePlatform,
      ),
      { numRuns: 1000 },
    )
  })
  test('goes there and back for names people use', () => {
    for (const text of ['Bài giảng tuần 3', '机器学习', 'ｆｕｌｌ', '🐟 shoal', '']) assert.equal(decodeUtf8(encodeUtf8(text)), text)
  })
  test('decodes long text whole', () => {
    const text = 'đề🐟'.repeat(5000)
    assert.equal(decodeUtf8(encodeUtf8(text)), text)
  })
})

describe('viewOf', () => {
  test('shares the bytes, and is plain also for a Node Buffer', () => {
    const buffer = Buffer.from('abcdef').subarray(1)
    const view = viewOf(buffer, 1, 3)
    assert.equal(latin1(view), 'cd')
    assert.equal(view.constructor, Uint8Array)
    buffer[1] = 0x78
    assert.equal(latin1(view), 'xd')
    assert.equal(latin1(viewOf(buffer)), 'bxdef')
  })
})
