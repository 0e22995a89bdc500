import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from './bytes.ts'
import { ProtocolError } from './errors.ts'
import { fromMultihash, infoHashHex, toInfoHash, toInfoHashV2, toMultihash, truncateInfoHash } from './info-hash.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The naive twin: one big number. */
function base32(bytes: Uint8Array): string {
  let rest = BigInt(`0x${infoHashHex(bytes)}`)
  let text = ''
  for (let digit = 0; digit < 32; digit++) {
    text = LETTERS.charAt(Number(rest % 32n)) + text
    rest /= 32n
  }
  return text
}

const v1 = fc.uint8Array({ minLength: 20, maxLength: 20 })
const v2 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const isRefusal = (error: unknown): boolean => error instanceof ProtocolError && error.code === 'INFO_HASH_INVALID'

describe('info hashes', () => {
  test('are read from hex and from base32, in either case', () => {
    fc.assert(
      fc.property(v1, (hash) => {
        for (const text of [infoHashHex(hash), base32(hash)]) {
          assert.deepEqual(toInfoHash(text.toLowerCase()), hash)
          assert.deepEqual(toInfoHash(text.toUpperCase()), hash)
        }
      }),
    )
  })
  test('of v2 go to a multihash and back', () => {
    fc.assert(
      fc.property(v2, (hash) => {
        assert.deepEqual(fromMultihash(toMultihash(hash)), hash)
        assert.deepEqual(toInfoHashV2(infoHashHex(hash)), hash)
      }),
    )
  })
  test('of v2 are known to trackers by their first 20 bytes', () => {
    const hash = Uint8Array.from({ length: 32 }, (_, at) => at)
    assert.deepEqual(truncateInfoHash(hash), fromHex('000102030405060708090a0b0c0d0e0f10111213'))
  })
  test('are refused in any other form', () => {
    for (const text of [
      '',
      'abc',
      'g'.repeat(40),
      '1'.repeat(32),
      '8'.repeat(32),
      'a'.repeat(39),
      'a'.repeat(64),
      '\u{1f41f}'.repeat(20),
    ]) {
      assert.throws(() => toInfoHash(text), isRefusal, text)
    }
    for (const text of ['a'.repeat(40), 'g'.repeat(64), `1220${'0'.repeat(64)}`]) assert.throws(() => toInfoHashV2(text), isRefusal)
    for (const text of ['1220', `1114${'0'.repeat(40)}`, `1220${'0'.repeat(63)}`]) assert.throws(() => fromMultihash(text), isRefusal)
  })
  test('say what was wrong without repeating a whole book', () => {
    assert.throws(() => toInfoHash('x'.repeat(100_000)), { message: /^.{0,200}$/ })
  })
})
