import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1, toHex } from '../bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import { type AnnounceRequest, encodeCompactPeers4, encodeCompactPeers6 } from './announce.ts'
import {
  encodeAnnounceRequest,
  encodeConnectReply,
  encodeConnectRequest,
  encodeScrapeRequest,
  encodeUdpAnnounceReply,
  encodeUdpError,
  encodeUdpScrapeReply,
  parseUdpReply,
  parseUdpRequest,
} from './udp.ts'

const connectionId = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 })
const uint32s = fc.integer({ min: 0, max: 0xffffffff })
const sizes = fc.maxSafeNat()

const announces: fc.Arbitrary<AnnounceRequest> = fc.record(
  {
    infoHash: bytes20,
    peerId: bytes20,
    port: fc.nat(65_535),
    uploaded: sizes,
    downloaded: sizes,
    left: sizes,
    key: uint32s,
    claimedAddress: fc.uint8Array({ minLength: 4, maxLength: 4 }).filter((address) => address.some((byte) => byte !== 0)),
    event: fc.constantFrom('started', 'completed', 'stopped', 'paused'),
    numWant: fc.nat(0x7fffffff),
  },
  { requiredKeys: ['infoHash', 'peerId', 'port', 'uploaded', 'downloaded', 'left', 'key'] },
)
const sample: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xaa),
  peerId: new Uint8Array(20).fill(0xbb),
  port: 6881,
  uploaded: 3,
  downloaded: 1,
  left: 2,
  event: 'started',
  key: 0xdeadbeef,
}

function refuses(code: ProtocolErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof ProtocolError && error.code === code)
}

describe('UDP requests', () => {
  test('stand where BEP 15 says', () => {
    assert.equal(toHex(encodeConnectRequest(0x01020304)), '00000417271019800000000001020304')
    assert.equal(
      toHex(encodeAnnounceRequest(connectionId, 0x0a0b0c0d, sample)),
      `0102030405060708000000010a0b0c0d${'aa'.repeat(20)}${'bb'.repeat(20)}` +
        '000000000000000100000000000000020000000000000003' + // downloaded, left, uploaded
        '0000000200000000deadbeefffffffff1ae1', // started, no address, key, as many as you like, port
    )
  })

  test('come back as they were', () => {
    fc.assert(
      fc.property(uint32s, announces, fc.stringMatching(/^(\/[a-z?=&%]{0,700})?$/), (transactionId, announce, urlData) => {
        const parsed = parseUdpRequest(encodeAnnounceRequest(connectionId, transactionId, announce, urlData))
        const expected = { action: 'announce', transactionId, connectionId, announce: { ...announce } }
        assert.deepEqual(parsed, urlData === '' ? expected : { ...expected, urlData })
      }),
    )
    assert.deepEqual(parseUdpRequest(encodeConnectRequest(7)), { action: 'connect', transactionId: 7 })
    const infoHashes = [sample.infoHash, sample.peerId, sample.infoHash]
    assert.deepEqual(parseUdpRequest(encodeScrapeRequest(connectionId, 7, infoHashes)), {
      action: 'scrape',
      transactionId: 7,
      connectionId,
      infoHashes,
    })
  })

  test('cap counts that a number cannot hold', () => {
    const bytes = encodeAnnounceRequest(connectionId, 1, sample)
    bytes.fill(0xff, 56, 80)
    const parsed = parseUdpRequest(bytes)
    assert.ok(parsed.action === 'announce')
    assert.equal(parsed.announce.left, Number.MAX_SAFE_INTEGER)
  })

  test('read an event that BEP 15 does not name as none', () => {
    const bytes = encodeAnnounceRequest(connectionId, 1, sample)
    bytes[83] = 5
    const parsed = parseUdpRequest(bytes)
    assert.ok(parsed.action === 'announce')
    assert.equal(parsed.announce.event, undefined)
  })

  test('may be longer than their BEP says', () => {
    const request = concatBytes([encodeConnectRequest(7), new Uint8Array(5)])
    assert.deepEqual(parseUdpRequest(request), { action: 'connect', transactionId: 7 })
    const scrape = concatBytes([encodeScrapeRequest(connectionId, 7, [sample.infoHash]), new Uint8Array(19)])
    const parsed = parseUdpRequest(scrape)
    assert.ok(parsed.action === 'scrape')
    assert.equal(parsed.infoHashes.length, 1)
  })

  test('understand the examples of BEP 41', () => {
    const withOptions = (...options: (number | string)[]) => {
      const tail = concatBytes(options.map((option) => (typeof option === 'string' ? fromLatin1(option) : Uint8Array.of(option))))
      const parsed = parseUdpRequest(concatBytes([encodeAnnounceRequest(connectionId, 1, sample), tail]))
      return parsed.action === 'announce' ? parsed.urlData : 'no announce'
    }
    assert.equal(withOptions(2, 12, '/dir?a=b&c=d'), '/dir?a=b&c=d')
    assert.equal(withOptions(2, 12, '/dir?a=b&c=d', 1, 1, 0), '/dir?a=b&c=d')
    assert.equal(withOptions(2, 0), '')
    assert.equal(withOptions(), undefined)
    assert.equal(withOptions(0, 2, 200), undefined, 'nothing is read behind the end')
    assert.equal(withOptions(77, 3, 'abc', 2, 2, '/a', 2, 1, 'b'), '/ab', 'unknown options are skipped, pieces put together')
  })

  test('are refused when they are broken', () => {
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpRequest(new Uint8Array(15)))
    refuses('TRACKER_DATAGRAM_FIELD', () => parseUdpRequest(new Uint8Array(16)))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpRequest(encodeAnnounceRequest(connectionId, 1, sample).subarray(0, 97)))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpRequest(encodeScrapeRequest(connectionId, 1, [])))
    const many = Array.from({ length: 75 }, () => sample.infoHash)
    refuses('TRACKER_DATAGRAM_FIELD', () => parseUdpRequest(encodeScrapeRequest(connectionId, 1, many)))
    const unknown = encodeConnectRequest(1)
    unknown[11] = 3
    refuses('TRACKER_DATAGRAM_ACTION', () => parseUdpRequest(unknown))
    const announce = encodeAnnounceRequest(connectionId, 1, sample)
    refuses('TRACKER_DATAGRAM_OPTIONS', () => parseUdpRequest(concatBytes([announce, Uint8Array.of(2)])))
    refuses('TRACKER_DATAGRAM_OPTIONS', () => parseUdpRequest(concatBytes([announce, Uint8Array.of(2, 5, 0x2f)])))
    refuses('TRACKER_DATAGRAM_OPTIONS', () => parseUdpRequest(encodeAnnounceRequest(connectionId, 1, sample, `/${'x'.repeat(1100)}`)))
  })
})

describe('UDP replies', () => {
  test('come back as they were', () => {
    assert.deepEqual(parseUdpReply(encodeConnectReply(9, connectionId), 4), { action: 'connect', transactionId: 9, connectionId })
    const swarm = { intervalSeconds: 1800, incomplete: 4, complete: 5 }
    const peers4 = [{ host: '10.1.2.3', port: 51_413 }]
    const peers6 = [{ host: '2001:db8::1', port: 51_413 }]
    const reply4 = encodeUdpAnnounceReply(9, swarm, encodeCompactPeers4(peers4))
    const reply6 = encodeUdpAnnounceReply(9, swarm, encodeCompactPeers6(peers6))
    assert.deepEqual(parseUdpReply(reply4, 4), { action: 'announce', transactionId: 9, ...swarm, peers: peers4 })
    assert.deepEqual(parseUdpReply(reply6, 6), { action: 'announce', transactionId: 9, ...swarm, peers: peers6 })
    const entries = [
      { complete: 1, downloaded: 2, incomplete: 3 },
      { complete: 4, downloaded: 5, incomplete: 6 },
    ]
    assert.deepEqual(parseUdpReply(encodeUdpScrapeReply(9, entries), 4), { action: 'scrape', transactionId: 9, entries })
  })

  test('carry errors no larger than allowed', () => {
    const error = encodeUdpError(9, 'This tracker is private', 16)
    assert.equal(error?.length, 16)
    assert.deepEqual(parseUdpReply(error, 4), { action: 'error', transactionId: 9, failureReason: 'This tra' })
    assert.equal(encodeUdpError(9, 'no', 7), undefined)
    assert.equal(encodeUdpError(9, 'no', 500)?.length, 10)
  })

  test('are refused when they are broken', () => {
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(new Uint8Array(7), 4))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(new Uint8Array(15), 4))
    const announce = encodeUdpAnnounceReply(9, { intervalSeconds: 1, incomplete: 0, complete: 0 }, new Uint8Array(6))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(announce.subarray(0, 19), 4))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(announce.subarray(0, 25), 4))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(announce, 6))
    refuses('TRACKER_DATAGRAM_LENGTH', () => parseUdpReply(encodeUdpScrapeReply(9, [sampleEntry]).subarray(0, 19), 4))
    refuses('TRACKER_DATAGRAM_ACTION', () => parseUdpReply(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0), 4))
  })
})

const sampleEntry = { complete: 1, downloaded: 2, incomplete: 3 }
