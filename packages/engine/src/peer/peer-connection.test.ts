import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes } from '@shoal/protocol/bytes'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { encodeExtensionHandshake } from '@shoal/protocol/wire/extension'
import { encodeHandshake } from '@shoal/protocol/wire/handshake'
import { encodeBitfield, encodeExtended, MESSAGE_ID } from '@shoal/protocol/wire/message'
import { DEFAULT_CONNECTION_OPTIONS } from '../base/options.ts'
import type { ByteStream, StreamHandler } from '../ports/network.ts'
import { SimSystem } from '../sim/system.ts'
import { PeerConnection, type PeerOwner } from './peer-connection.ts'

const INFO_HASH = new Uint8Array(20).fill(1)
const GEOMETRY = new PieceGeometry({ totalSize: 12 * 16_384, pieceLength: 16_384 })

const HAVE_ALL = Uint8Array.of(0, 0, 0, 1, MESSAGE_ID.haveAll)
const have = (pieceIndex: number): Uint8Array => Uint8Array.of(0, 0, 0, 5, MESSAGE_ID.have, 0, 0, 0, pieceIndex)
const bitfield = (...pieces: number[]): Uint8Array => {
  const bits = Bitfield.empty(GEOMETRY.pieceCount)
  for (const pieceIndex of pieces) bits.set(pieceIndex)
  return encodeBitfield(bits.toBytes())
}

/** A connection after both handshakes, and what it tells its owner about the peer's pieces. */
class Met {
  readonly told: (number | 'all anew')[] = []
  /** One entry a write. */
  readonly written: Uint8Array[] = []
  readonly system: SimSystem = new SimSystem({ seed: 1 })
  readonly connection: PeerConnection
  closedBecause: string | undefined

  constructor() {
    let handler: StreamHandler | undefined
    const stream: ByteStream = {
      remote: { host: '10.0.0.2', port: 6881 },
      bufferedBytes: 0,
      start: (given) => {
        handler = given
      },
      write: (bytes, onSent) => {
        this.written.push(bytes.slice())
        onSent?.()
        return true
      },
      pause: () => {},
      resume: () => {},
      end: () => {},
      destroy: () => {},
    }
    const owner = {
      onOpen: (peer: PeerConnection) => peer.setGeometry(GEOMETRY),
      onPieces: () => this.told.push('all anew'),
      onHave: (_peer: PeerConnection, pieceIndex: number) => this.told.push(pieceIndex),
      onDontHave: () => {},
      onExtensionHandshake: () => {},
      onTurnEnd: () => {},
      onClosed: (_peer: PeerConnection, error: Error | undefined) => {
        this.closedBecause = error?.message
      },
    } as unknown as PeerOwner // the rest is not asked here
    this.connection = new PeerConnection({
      key: 1,
      stream,
      system: this.system,
      connection: DEFAULT_CONNECTION_OPTIONS,
      door: { admit: () => ({ owner, infoHash: INFO_HASH, ourPeerId: new Uint8Array(20) }) },
      onRefused: () => {},
    })
    const peerId = new Uint8Array(20).fill(2)
    const hello = { infoHash: INFO_HASH, peerId, supportsExtensions: true, supportsFast: true, supportsDht: false, supportsV2: false }
    this.hear = (...messages) => handler!.onData(concatBytes(messages))
    this.hear(encodeHandshake(hello))
  }

  readonly hear: (...messages: Uint8Array[]) => void
}

describe('PeerConnection', () => {
  test('learns from the first message what the peer has', () => {
    const met = new Met()
    met.hear(bitfield(0, 3), have(5))
    assert.deepEqual(met.told, ['all anew', 5])
    assert.deepEqual(met.connection.pieces, Bitfield.fromBytes(bitfield(0, 3, 5).subarray(5), GEOMETRY.pieceCount))
  })

  test('takes a later bitfield for many haves: aria2 sends one when it gets many pieces at once', () => {
    const met = new Met()
    met.hear(bitfield(0, 3), have(5), bitfield(0, 5, 7, 8))
    assert.deepEqual(met.told, ['all anew', 5, 7, 8])
    assert.ok(met.connection.pieces.has(3), 'nothing is taken back')
  })

  test('takes a later have-all for the pieces that were missing', () => {
    const met = new Met()
    met.hear(bitfield(0, 1, 2, 3, 4, 5, 6, 7, 8), HAVE_ALL, HAVE_ALL)
    assert.deepEqual(met.told, ['all anew', 9, 10, 11])
    assert.ok(met.connection.isSeed)
  })

  test('tells of all pieces that were verified in one turn with one write', async () => {
    const met = new Met()
    met.hear(bitfield(0))
    await met.system.run(1)
    met.written.length = 0
    for (let pieceIndex = 1; pieceIndex < 12; pieceIndex++) met.connection.sendHave(pieceIndex)
    await met.system.run(1)
    assert.deepEqual(met.written, [concatBytes(Array.from({ length: 11 }, (_, at) => have(at + 1)))])
  })

  test('a bitfield that does not fit is no more welcome late than early', () => {
    const met = new Met()
    met.hear(have(5), encodeBitfield(new Uint8Array(9)))
    assert.match(met.closedBecause ?? '', /[Bb]itfield/)
  })

  test('does not look at all pieces for everybody who asks it to again and again', () => {
    const met = new Met()
    met.hear(HAVE_ALL)
    for (let round = 0; round < 20; round++) {
      met.connection.pieces.clear(3) // as "don't have" does
      met.hear(HAVE_ALL)
    }
    assert.match(met.closedBecause ?? '', /again and again/)
  })

  test('remembers what an extension handshake said when a later one says something else', () => {
    const met = new Met()
    met.hear(encodeExtended(0, encodeExtensionHandshake({ ids: new Map([['ut_metadata', 3]]), client: 'Other 1.0' })))
    met.hear(encodeExtended(0, encodeExtensionHandshake({ ids: new Map(), uploadOnly: true })))
    assert.equal(met.connection.extensions?.ids.get('ut_metadata'), 3)
    assert.equal(met.connection.extensions?.uploadOnly, true)
    assert.equal(met.connection.client, 'Other 1.0')
  })
})
