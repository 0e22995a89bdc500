import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { allowedFastSet } from './allowed-fast.ts'

const sha1 = (bytes: Uint8Array): Uint8Array => createHash('sha1').update(bytes).digest()
const infoHash = new Uint8Array(20).fill(0xaa)
const ipv4 = Uint8Array.of(80, 4, 4, 200)

describe('allowedFastSet', () => {
  test('gives the sets that BEP 6 publishes', () => {
    assert.deepEqual(allowedFastSet(infoHash, ipv4, 1313, 7, sha1), [1059, 431, 808, 1217, 287, 376, 1188])
    assert.deepEqual(allowedFastSet(infoHash, ipv4, 1313, 9, sha1), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508])
  })

  test('is the same for everybody in a /24', () => {
    assert.deepEqual(allowedFastSet(infoHash, Uint8Array.of(80, 4, 4, 1), 1313, 7, sha1), allowedFastSet(infoHash, ipv4, 1313, 7, sha1))
  })

  test('ends when the torrent has fewer pieces than asked for', () => {
    assert.deepEqual(
      allowedFastSet(infoHash, ipv4, 3, 10, sha1).sort((a, b) => a - b),
      [0, 1, 2],
    )
    assert.deepEqual(allowedFastSet(infoHash, ipv4, 0, 10, sha1), [])
  })
})
