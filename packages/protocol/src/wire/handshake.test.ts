import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { couldBeHandshake, encodeHandshake, HANDSHAKE_LENGTH, type Handshake, parseHandshake } from './handshake.ts'

const plain: Handshake = {
  infoHash: new Uint8Array(20).fill(0xaa),
  peerId: new Uint8Array(20).fill(0x2d),
  supportsExtensions: false,
  supportsFast: false,
  supportsDht: false,
  supportsV2: false,
}

describe('handshake', () => {
  test('puts the reserved bits where the BEPs say', () => {
    const reserved = (handshake: Handshake) => [...encodeHandshake(handshake).subarray(20, 28)]
    assert.deepEqual(reserved(plain), [0, 0, 0, 0, 0, 0, 0, 0])
    assert.deepEqual(reserved({ ...plain, supportsExtensions: true }), [0, 0, 0, 0, 0, 0x10, 0, 0])
    assert.deepEqual(reserved({ ...plain, supportsFast: true }), [0, 0, 0, 0, 0, 0, 0, 0x04])
    assert.deepEqual(reserved({ ...plain, supportsDht: true }), [0, 0, 0, 0, 0, 0, 0, 0x01])
    assert.deepEqual(reserved({ ...plain, supportsV2: true }), [0, 0, 0, 0, 0, 0, 0, 0x10])
  })

  test('comes back as it was, wherever it stands', () => {
    const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 })
    const handshakes = fc.record({
      infoHash: bytes20,
      peerId: bytes20,
      supportsExtensions: fc.boolean(),
      supportsFast: fc.boolean(),
      supportsDht: fc.boolean(),
      supportsV2: fc.boolean(),
    })
    fc.assert(
      fc.property(handshakes, fc.nat(9), (handshake, at) => {
        const stream = new Uint8Array(at + HANDSHAKE_LENGTH + 5)
        stream.set(encodeHandshake(handshake), at)
        assert.deepEqual(parseHandshake(stream, at), { ...handshake })
      }),
    )
  })

  test('owns its bytes: the receive buffer may be used again', () => {
    const buffer = Buffer.from(encodeHandshake(plain))
    const { infoHash } = parseHandshake(buffer)
    buffer.fill(0)
    assert.equal(infoHash[0], 0xaa)
  })

  test('ignores reserved bits that nobody here knows', () => {
    const bytes = encodeHandshake(plain)
    bytes.fill(0xff, 20, 28)
    assert.equal(parseHandshake(bytes).supportsFast, true)
  })

  test('knows a stranger by the first wrong byte', () => {
    const bytes = encodeHandshake(plain)
    for (let count = 0; count <= HANDSHAKE_LENGTH; count++) assert.equal(couldBeHandshake(bytes.subarray(0, count)), true)
    assert.equal(couldBeHandshake(Buffer.from('GET / HTTP/1.1')), false)
    assert.equal(couldBeHandshake(Buffer.from('\x13BitTorrent protocoL')), false)
  })

  test('refuses what is short or something else', () => {
    const isHandshakeError = (error: unknown) => error instanceof ProtocolError && error.code === 'WIRE_HANDSHAKE'
    assert.throws(() => parseHandshake(encodeHandshake(plain).subarray(0, 67)), isHandshakeError)
    assert.throws(() => parseHandshake(new Uint8Array(68)), isHandshakeError)
    assert.throws(() => parseHandshake(new Uint8Array(0)), isHandshakeError)
  })
})
