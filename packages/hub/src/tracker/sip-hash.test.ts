import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SipHash } from './sip-hash.ts'

const MASK = (1n << 64n) - 1n

/** The naive twin: the paper, in bigint. */
function naiveSipHash(key: Uint8Array, message: Uint8Array): Uint8Array {
  const word = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true)
  const k0 = word(key, 0)
  const k1 = word(key, 8)
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const turn = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & MASK
  const round = () => {
    v0 = (v0 + v1) & MASK
    v1 = turn(v1, 13n) ^ v0
    v0 = turn(v0, 32n)
    v2 = (v2 + v3) & MASK
    v3 = turn(v3, 16n) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = turn(v3, 21n) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = turn(v1, 17n) ^ v2
    v2 = turn(v2, 32n)
  }
  const padded = new Uint8Array((Math.floor(message.length / 8) + 1) * 8)
  padded.set(message)
  padded[padded.length - 1] = message.length
  for (let at = 0; at < padded.length; at += 8) {
    const m = word(padded, at)
    v3 ^= m
    round()
    round()
    v0 ^= m
  }
  v2 ^= 0xffn
  for (let i = 0; i < 4; i++) round()
  const digest = new Uint8Array(8)
  new DataView(digest.buffer).setBigUint64(0, v0 ^ v1 ^ v2 ^ v3, true)
  return digest
}

function digest(key: Uint8Array, message: Uint8Array): Uint8Array {
  const into = new Uint8Array(8)
  new SipHash(key).digest(message, into)
  return into
}

describe('SipHash', () => {
  test('gives the vectors of its authors', () => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => i)
    const vectors: [length: number, hex: string][] = [
      [0, '310e0edd47db6f72'],
      [1, 'fd67dc93c539f874'],
      [2, '5a4fa9d909806c0d'],
      [3, '2d7efbd796666785'],
      [15, 'e545be4961ca29a1'], // the one worked out in the paper
    ]
    for (const [length, hex] of vectors) {
      const message = Uint8Array.from({ length }, (_, i) => i)
      assert.equal(Buffer.from(digest(key, message)).toString('hex'), hex, `length ${length}`)
    }
  })

  test('equals its naive twin', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 40 }), (key, message) => {
        assert.deepEqual(digest(key, message), naiveSipHash(key, message))
      }),
    )
  })
})
