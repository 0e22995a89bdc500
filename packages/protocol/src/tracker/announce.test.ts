import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { formatIp, parseIp } from '../ip-address.ts'
import { decodeCompactPeers4, decodeCompactPeers6, encodeCompactPeers4, encodeCompactPeers6, REPLY_PEER_LIMIT } from './announce.ts'

const ports = fc.integer({ min: 1, max: 65_535 })
const short = (ip: string) => formatIp(parseIp(ip)!)

describe('packed peers', () => {
  test('are address and port, big-endian', () => {
    assert.deepEqual([...encodeCompactPeers4([{ host: '127.0.0.1', port: 6881 }])], [127, 0, 0, 1, 0x1a, 0xe1])
    const six = encodeCompactPeers6([{ host: '::1', port: 6881 }])
    assert.deepEqual([...six], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1])
  })

  test('come back as they were', () => {
    const peers4 = fc.array(fc.record({ host: fc.ipV4(), port: ports }))
    fc.assert(fc.property(peers4, (peers) => assert.deepEqual(decodeCompactPeers4(encodeCompactPeers4(peers)), peers.map(plain))))
    const peers6 = fc.array(fc.record({ host: fc.ipV6().map((ip) => `1${short(ip).slice(1)}`), port: ports }))
    fc.assert(
      fc.property(peers6, (peers) => {
        const valid = peers.filter((peer) => parseIp(peer.host)?.length === 16).map(({ host, port }) => ({ host: short(host), port }))
        assert.deepEqual(decodeCompactPeers6(encodeCompactPeers6(valid)), valid)
      }),
    )
  })

  test('leave out whoever does not fit the family, and port 0', () => {
    const mixed = [
      { host: 'peer.example', port: 1 },
      { host: '::1', port: 2 },
      { host: '10.0.0.1', port: 3 },
    ]
    assert.deepEqual(decodeCompactPeers4(encodeCompactPeers4(mixed)), [{ host: '10.0.0.1', port: 3 }])
    assert.deepEqual(decodeCompactPeers6(encodeCompactPeers6(mixed)), [{ host: '::1', port: 2 }])
    assert.deepEqual(decodeCompactPeers4(Uint8Array.of(10, 0, 0, 1, 0, 0)), [])
  })

  test('write an IPv4 address inside IPv6 as IPv4', () => {
    const bytes = new Uint8Array(18)
    bytes.set([0xff, 0xff, 10, 0, 0, 1, 0, 80], 10)
    assert.deepEqual(decodeCompactPeers6(bytes), [{ host: '10.0.0.1', port: 80 }])
  })

  test('of half a peer are refused', () => {
    const isRefused = (error: unknown) => error instanceof ProtocolError && error.code === 'TRACKER_REPLY'
    assert.throws(() => decodeCompactPeers4(new Uint8Array(7)), isRefused)
    assert.throws(() => decodeCompactPeers6(new Uint8Array(6)), isRefused)
  })

  test('are read up to a limit', () => {
    assert.equal(decodeCompactPeers4(new Uint8Array(6 * (REPLY_PEER_LIMIT + 10)).fill(1)).length, REPLY_PEER_LIMIT)
  })
})

const plain = (peer: { host: string; port: number }) => ({ ...peer })
