import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, toHex } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import {
  encodeBitfield,
  encodeExtended,
  LENGTH_PREFIX_BYTES,
  MESSAGE_ID,
  type MessageHandler,
  writeAllowedFast,
  writeCancel,
  writeHave,
  writeHaveAll,
  writeHaveNone,
  writeKeepAlive,
  writePieceHeader,
  writePort,
  writeReject,
  writeRequest,
  writeSimple,
  writeSuggest,
} from './message.ts'
import { MessageDecoder } from './message-decoder.ts'

/** Writes every call down as a line of text, so that views need not be kept. */
class Recorder implements MessageHandler {
  readonly calls: string[] = []
  onKeepAlive = () => this.#note('keep-alive')
  onChoke = () => this.#note('choke')
  onUnchoke = () => this.#note('unchoke')
  onInterested = () => this.#note('interested')
  onNotInterested = () => this.#note('not interested')
  onHave = (index: number) => this.#note('have', index)
  onBitfield = (bits: Uint8Array) => this.#note('bitfield', toHex(bits))
  onRequest = (index: number, begin: number, length: number) => this.#note('request', index, begin, length)
  onPiece = (index: number, begin: number, block: Uint8Array) => this.#note('piece', index, begin, toHex(block))
  onCancel = (index: number, begin: number, length: number) => this.#note('cancel', index, begin, length)
  onPort = (port: number) => this.#note('port', port)
  onSuggest = (index: number) => this.#note('suggest', index)
  onHaveAll = () => this.#note('have all')
  onHaveNone = () => this.#note('have none')
  onReject = (index: number, begin: number, length: number) => this.#note('reject', index, begin, length)
  onAllowedFast = (index: number) => this.#note('allowed fast', index)
  onExtended = (id: number, payload: Uint8Array) => this.#note('extended', id, toHex(payload))
  onUnknown = (id: number, payload: Uint8Array) => this.#note('unknown', id, toHex(payload))
  #note(...parts: (string | number)[]): void {
    this.calls.push(parts.join(' '))
  }
}

interface Sample {
  readonly bytes: Uint8Array
  /** The line that a Recorder writes for it. */
  readonly call: string
}

const uint32s = fc.integer({ min: 0, max: 0xffffffff })

function written(size: number, write: (into: Uint8Array) => number): Uint8Array {
  const bytes = new Uint8Array(size)
  assert.equal(write(bytes), size)
  return bytes
}

function piece(index: number, begin: number, block: Uint8Array): Uint8Array {
  const header = written(13, (into) => writePieceHeader(into, 0, index, begin, block.length))
  return concatBytes([header, block])
}

const someBytes = fc.uint8Array({ minLength: 1, maxLength: 300 })
const samples: fc.Arbitrary<Sample> = fc.oneof(
  fc.constant({ bytes: written(4, (into) => writeKeepAlive(into, 0)), call: 'keep-alive' }),
  fc.constant({ bytes: written(5, (into) => writeSimple(into, 0, MESSAGE_ID.choke)), call: 'choke' }),
  fc.constant({ bytes: written(5, (into) => writeSimple(into, 0, MESSAGE_ID.unchoke)), call: 'unchoke' }),
  fc.constant({ bytes: written(5, (into) => writeSimple(into, 0, MESSAGE_ID.interested)), call: 'interested' }),
  fc.constant({ bytes: written(5, (into) => writeSimple(into, 0, MESSAGE_ID.notInterested)), call: 'not interested' }),
  fc.constant({ bytes: written(5, (into) => writeHaveAll(into, 0)), call: 'have all' }),
  fc.constant({ bytes: written(5, (into) => writeHaveNone(into, 0)), call: 'have none' }),
  uint32s.map((i) => ({ bytes: written(9, (into) => writeHave(into, 0, i)), call: `have ${i}` })),
  uint32s.map((i) => ({ bytes: written(9, (into) => writeSuggest(into, 0, i)), call: `suggest ${i}` })),
  uint32s.map((i) => ({ bytes: written(9, (into) => writeAllowedFast(into, 0, i)), call: `allowed fast ${i}` })),
  fc.integer({ min: 0, max: 65_535 }).map((p) => ({ bytes: written(7, (into) => writePort(into, 0, p)), call: `port ${p}` })),
  fc.tuple(uint32s, uint32s, uint32s).map(([i, b, l]) => ({
    bytes: written(17, (into) => writeRequest(into, 0, i, b, l)),
    call: `request ${i} ${b} ${l}`,
  })),
  fc.tuple(uint32s, uint32s, uint32s).map(([i, b, l]) => ({
    bytes: written(17, (into) => writeCancel(into, 0, i, b, l)),
    call: `cancel ${i} ${b} ${l}`,
  })),
  fc.tuple(uint32s, uint32s, uint32s).map(([i, b, l]) => ({
    bytes: written(17, (into) => writeReject(into, 0, i, b, l)),
    call: `reject ${i} ${b} ${l}`,
  })),
  fc.tuple(uint32s, uint32s, someBytes).map(([i, b, block]) => ({ bytes: piece(i, b, block), call: `piece ${i} ${b} ${toHex(block)}` })),
  someBytes.map((bits) => ({ bytes: encodeBitfield(bits), call: `bitfield ${toHex(bits)}` })),
  fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 100 })).map(([id, payload]) => ({
    bytes: encodeExtended(id, payload),
    call: `extended ${id} ${toHex(payload)}`,
  })),
)

/** Cuts `bytes` at the given places, in whatever order they come. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
}

/** The naive twin: everything is there at once, and one message is cut off after the other. */
function naiveLengths(stream: Uint8Array): number[] {
  const lengths: number[] = []
  const numbers = new DataView(stream.buffer, stream.byteOffset)
  for (let at = 0; at < stream.length; at += LENGTH_PREFIX_BYTES + numbers.getUint32(at)) lengths.push(numbers.getUint32(at))
  return lengths
}

describe('MessageDecoder', () => {
  test('makes the same calls however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(samples, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 60 }), (messages, places) => {
        const stream = concatBytes(messages.map((message) => message.bytes))
        const recorder = new Recorder()
        const decoder = new MessageDecoder(recorder)
        for (const chunk of cut(stream, places)) decoder.push(chunk)
        assert.deepEqual(
          recorder.calls,
          messages.map((message) => message.call),
        )
        assert.equal(naiveLengths(stream).length, recorder.calls.length)
      }),
    )
  })

  test('makes the same calls byte by byte, out of one buffer that is used again', () => {
    const block = Uint8Array.from({ length: 40_000 }, (_, i) => i % 251)
    const stream = concatBytes([piece(1, 2, block), written(9, (into) => writeHave(into, 0, 7)), piece(3, 4, block.subarray(0, 5))])
    const recorder = new Recorder()
    const decoder = new MessageDecoder(recorder)
    const buffer = new Uint8Array(1)
    for (const byte of stream) {
      buffer[0] = byte
      decoder.push(buffer)
    }
    assert.deepEqual(recorder.calls, [`piece 1 2 ${toHex(block)}`, 'have 7', `piece 3 4 ${toHex(block.subarray(0, 5))}`])
  })

  test('hands a whole block over in place', () => {
    const chunk = piece(0, 0, new Uint8Array(16_384).fill(9))
    let block: Uint8Array | undefined
    const handler = Object.assign(new Recorder(), {
      onPiece: (_index: number, _begin: number, view: Uint8Array) => {
        block = view
      },
    })
    new MessageDecoder(handler).push(chunk)
    assert.equal(block?.buffer, chunk.buffer)
    assert.equal(block?.length, 16_384)
  })

  test('says how much of an unfinished block has come', () => {
    const decoder = new MessageDecoder(new Recorder())
    const message = piece(0, 0, new Uint8Array(1000))
    decoder.push(message.subarray(0, 13))
    assert.equal(decoder.partialPieceBytes, 0)
    decoder.push(message.subarray(13, 513))
    assert.equal(decoder.partialPieceBytes, 500)
    decoder.push(message.subarray(513))
    assert.equal(decoder.partialPieceBytes, 0)
  })

  test('drops the rest of the chunk when a handler stops it', () => {
    const recorder = new Recorder()
    const decoder = new MessageDecoder(recorder)
    recorder.onChoke = () => decoder.stop()
    const choke = written(5, (into) => writeSimple(into, 0, MESSAGE_ID.choke))
    const have = written(9, (into) => writeHave(into, 0, 7))
    decoder.push(concatBytes([have, choke, have]))
    decoder.push(have)
    assert.deepEqual(recorder.calls, ['have 7'])
    assert.equal(decoder.isStopped, true)
  })

  test('drops the rest of the chunk when the handler of a straddling message stops it', () => {
    const recorder = new Recorder()
    const decoder = new MessageDecoder(recorder)
    recorder.onChoke = () => decoder.stop()
    const choke = written(5, (into) => writeSimple(into, 0, MESSAGE_ID.choke))
    decoder.push(choke.subarray(0, 3))
    decoder.push(concatBytes([choke.subarray(3), choke]))
    assert.deepEqual(recorder.calls, [])
    assert.equal(decoder.isStopped, true)
  })

  test('hands on what it does not know', () => {
    const recorder = new Recorder()
    new MessageDecoder(recorder).push(Uint8Array.of(0, 0, 0, 3, 99, 1, 2))
    assert.deepEqual(recorder.calls, ['unknown 99 0102'])
  })

  test('refuses a message above the limit as soon as its length is seen', () => {
    const expectTooLong = (chunks: Uint8Array[]) => {
      const decoder = new MessageDecoder(new Recorder(), { maxMessageBytes: 1000 })
      assert.throws(
        () => {
          for (const chunk of chunks) decoder.push(chunk)
        },
        (error) => error instanceof ProtocolError && error.code === 'WIRE_MESSAGE_TOO_LONG',
      )
      assert.equal(decoder.isStopped, true)
    }
    expectTooLong([Uint8Array.of(0, 0, 3, 0xe9)])
    expectTooLong([Uint8Array.of(0xff), Uint8Array.of(0xff, 0xff, 0xff)])
    expectTooLong([Uint8Array.of(0, 0, 0), Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff)])
  })

  test('refuses lengths that a message cannot have', () => {
    const lengths: [number, number[]][] = [
      [0, [2]],
      [1, [2]],
      [2, [2]],
      [3, [5]],
      [4, [1, 4, 6]],
      [5, [1]],
      [6, [1, 12, 14]],
      [7, [1, 8, 9]],
      [8, [12, 14]],
      [9, [1, 2, 4]],
      [13, [4, 6]],
      [14, [2]],
      [15, [2]],
      [16, [12, 14]],
      [17, [4, 6]],
      [20, [1]],
    ]
    for (const [id, wrong] of lengths) {
      for (const length of wrong) {
        const message = new Uint8Array(4 + length)
        message[3] = length
        message[4] = id
        assert.throws(
          () => new MessageDecoder(new Recorder()).push(message),
          (error) => error instanceof ProtocolError && error.code === 'WIRE_BAD_LENGTH',
          `id ${id}, length ${length}`,
        )
      }
    }
  })

  test('answers any bytes with calls or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        const decoder = new MessageDecoder(new Recorder())
        try {
          for (const chunk of chunks) decoder.push(chunk)
        } catch (error) {
          assert.ok(error instanceof ProtocolError)
        }
      }),
    )
  })
})
