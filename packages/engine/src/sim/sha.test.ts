import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sha1, sha256 } from './sha.ts'

describe('SHA without a platform', () => {
  for (const [name, ours] of [
    ['sha1', sha1],
    ['sha256', sha256],
  ] as const) {
    const theirs = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash(name).update(bytes).digest())

    test(`${name} of every length around a block agrees with the platform`, () => {
      for (let length = 0; length < 200; length++) {
        const bytes = new Uint8Array(length).fill(length)
        assert.deepEqual(ours(bytes), theirs(bytes), `${length} bytes`)
      }
    })

    test(`${name} of anything agrees with the platform`, () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => assert.deepEqual(ours(bytes), theirs(bytes))))
    })
  }
})
