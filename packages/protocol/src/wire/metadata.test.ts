import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { encodeMetadataMessage, METADATA_PIECE_LENGTH, type MetadataMessage, parseMetadataMessage } from './metadata.ts'

const parse = (text: string) => parseMetadataMessage(fromLatin1(text))
const isRefused = (error: unknown) => error instanceof ProtocolError && error.code === 'WIRE_METADATA_MESSAGE'

describe('metadata messages', () => {
  test('are written as BEP 9 shows', () => {
    assert.equal(latin1(encodeMetadataMessage({ type: 'request', piece: 0 })), 'd8:msg_typei0e5:piecei0ee')
    assert.equal(latin1(encodeMetadataMessage({ type: 'reject', piece: 3 })), 'd8:msg_typei2e5:piecei3ee')
    const data = encodeMetadataMessage({ type: 'data', piece: 0, totalSize: 4, data: fromLatin1('abcd') })
    assert.equal(latin1(data), 'd8:msg_typei1e5:piecei0e10:total_sizei4eeabcd')
  })

  test('come back as they were', () => {
    const messages: fc.Arbitrary<MetadataMessage> = fc.oneof(
      fc.nat(2000).map((piece) => ({ type: 'request' as const, piece })),
      fc.nat(2000).map((piece) => ({ type: 'reject' as const, piece })),
      fc.tuple(fc.nat(200), fc.uint8Array({ minLength: 1, maxLength: 500 })).map(([piece, data]) => ({
        type: 'data' as const,
        piece,
        totalSize: piece * METADATA_PIECE_LENGTH + data.length,
        data,
      })),
    )
    fc.assert(fc.property(messages, (message) => assert.deepEqual(parseMetadataMessage(encodeMetadataMessage(message)), message)))
  })

  test('carry data that may look like bencode, as a view', () => {
    const message = fromLatin1('d8:msg_typei1e5:piecei0e10:total_sizei2eeee')
    const parsed = parseMetadataMessage(message)
    assert.ok(parsed?.type === 'data')
    assert.equal(latin1(parsed.data), 'ee')
    assert.equal(parsed.data.buffer, message.buffer)
  })

  test('may come without a total size', () => {
    assert.deepEqual(parse('d8:msg_typei1e5:piecei0eexy'), { type: 'data', piece: 0, data: fromLatin1('xy') })
  })

  test('of unknown types are ignored', () => {
    assert.equal(parse('d8:msg_typei3e5:piecei0ee'), undefined)
    assert.equal(parse('d8:msg_typei-1ee'), undefined)
  })

  test('are refused when they contradict themselves', () => {
    const wrong = ['', 'le', 'd5:piecei0ee', 'd8:msg_type1:0e', 'd8:msg_typei0ee', 'd8:msg_typei0e5:piecei-1ee']
    wrong.push('d8:msg_typei0e5:piecei4294967296ee')
    wrong.push('d8:msg_typei1e5:piecei0ee') // no data
    wrong.push('d8:msg_typei1e5:piecei0e10:total_sizei3eexx') // short
    wrong.push('d8:msg_typei1e5:piecei1e10:total_sizei2eexx') // behind the end
    wrong.push('d8:msg_typei1e5:piecei0e10:total_sizei0eexx')
    wrong.push('d8:msg_typei1e5:piecei0e10:total_size1:xexx')
    wrong.push(`d8:msg_typei1e5:piecei0ee${'x'.repeat(METADATA_PIECE_LENGTH + 1)}`)
    for (const text of wrong) assert.throws(() => parse(text), isRefused, text.slice(0, 60))
  })
})
