/** Bytes between peers, one message or one stream at a time. */

import { Random } from '@shoal/engine/simulation'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes, fromLatin1, setUint32, toHex, uint32 } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import { encodeDontHave, parseDontHave } from '@shoal/protocol/wire/dont-have'
import { encodeExtensionHandshake, parseExtensionHandshake } from '@shoal/protocol/wire/extension'
import { couldBeHandshake, encodeHandshake, type Handshake, parseHandshake } from '@shoal/protocol/wire/handshake'
import type { MessageHandler } from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import { encodeMetadataMessage, parseMetadataMessage } from '@shoal/protocol/wire/metadata'
import { HandshakeCollector } from '../../../packages/engine/src/peer/handshake-collector.ts'
import { crc32 } from '../../../packages/engine/src/storage/crc32.ts'
import { badMessages } from '../corpus.ts'
import { naiveCalls } from '../naive-decoder.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'
import { EXTENSION_TOKENS, MESSAGE_TOKENS } from '../tokens.ts'

const TWENTY = new Uint8Array(20).fill(0x61)
const ALL = { supportsExtensions: true, supportsFast: true, supportsDht: true, supportsV2: true }

/** The same bytes in pieces of any length, the same pieces each time. */
export function chunksOf(bytes: Uint8Array, longest = 40): Uint8Array[] {
  const random = new Random(crc32(bytes))
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = random.chance(1 / 4) ? 1 + random.below(longest * 500) : 1 + random.below(longest)
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}

export const handshake: FuzzTarget = {
  name: 'handshake',
  grammar: 'bytes',
  tokens: [fromLatin1('\x13BitTorrent protocol'), fromLatin1('GET / HTTP/1.1\r\n'), Uint8Array.of(0x16, 3, 1)],
  maxBytes: 200,
  refusals: 'protocol',
  corpus: () => [encodeHandshake({ infoHash: TWENTY, peerId: TWENTY, ...ALL }), ...badMessages('wire/bad', 'handshake')],
  run(input) {
    let gathered: Handshake | undefined
    let refusal: unknown
    const collector = new HandshakeCollector()
    let taken = 0
    for (const chunk of chunksOf(input, 10)) {
      try {
        const step = collector.push(chunk)
        taken += step.taken
        gathered ??= step.handshake
      } catch (error) {
        refusal = error
      }
      if (gathered !== undefined || refusal !== undefined) break
    }
    expect(refusal === undefined || !couldBeHandshake(input), 'refused while it could still be one')
    const whole = parseHandshake(input)
    expectEqual(gathered, whole, 'the handshake that came in pieces')
    expectEqual(taken, 68, 'bytes taken')
    expectEqual(parseHandshake(encodeHandshake(whole)), whole, 'the same written again')
    return `fine${whole.supportsFast ? ', fast' : ''}${whole.supportsExtensions ? ', extensions' : ''}`
  },
}

/** Writes down every call, with copies of the views it gets. */
class Witness implements MessageHandler {
  readonly calls: string[] = []
  readonly #note = (text: string): void => {
    this.calls.push(text)
  }
  onKeepAlive = (): void => this.#note('keep-alive')
  onChoke = (): void => this.#note('0')
  onUnchoke = (): void => this.#note('1')
  onInterested = (): void => this.#note('2')
  onNotInterested = (): void => this.#note('3')
  onHave = (index: number): void => this.#note(`4 ${index}`)
  onBitfield = (bits: Uint8Array): void => this.#note(`5 ${toHex(bits)}`)
  onRequest = (index: number, begin: number, length: number): void => this.#note(`6 ${index} ${begin} ${length}`)
  onPiece = (index: number, begin: number, block: Uint8Array): void => this.#note(`7 ${index} ${begin} ${toHex(block)}`)
  onCancel = (index: number, begin: number, length: number): void => this.#note(`8 ${index} ${begin} ${length}`)
  onPort = (port: number): void => this.#note(`9 ${port}`)
  onSuggest = (index: number): void => this.#note(`13 ${index}`)
  onHaveAll = (): void => this.#note('14')
  onHaveNone = (): void => this.#note('15')
  onReject = (index: number, begin: number, length: number): void => this.#note(`16 ${index} ${begin} ${length}`)
  onAllowedFast = (index: number): void => this.#note(`17 ${index}`)
  onExtended = (id: number, payload: Uint8Array): void => this.#note(`20 ${id} ${toHex(payload)}`)
  onUnknown = (id: number, payload: Uint8Array): void => this.#note(`other ${id} ${toHex(payload)}`)
}

export const messageDecoder: FuzzTarget = {
  name: 'message-decoder',
  grammar: 'wire',
  tokens: MESSAGE_TOKENS.filter((message) => message.length < 1_000),
  maxBytes: 4_000,
  refusals: 'protocol',
  corpus: () => [concatBytes(MESSAGE_TOKENS.filter((message) => message.length < 1_000)), ...badMessages('wire/bad', 'messages')],
  run(input) {
    const witness = new Witness()
    const limit = 1_000
    const decoder = new MessageDecoder(witness, { maxMessageBytes: limit })
    let refusal: ProtocolError | undefined
    try {
      for (const chunk of chunksOf(input)) {
        const view = chunk.slice()
        decoder.push(view)
        // What it kept a view of, it must not have.
        view.fill(0xdb)
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      refusal = error
    }
    const twin = naiveCalls(input, limit)
    expectEqual(witness.calls, twin.calls, 'calls')
    expectEqual(refusal?.code, twin.refusal, 'refusal')
    expectEqual(decoder.isStopped, refusal !== undefined, 'stopped')
    if (refusal !== undefined) throw refusal
    return `fine, ${Math.min(20, witness.calls.length)} messages`
  },
}

export const extensionHandshake: FuzzTarget = {
  name: 'extension-handshake',
  grammar: 'bencode',
  tokens: EXTENSION_TOKENS,
  maxBytes: 17_000,
  refusals: 'protocol',
  corpus: () => [
    encodeExtensionHandshake({
      ids: new Map([
        ['ut_metadata', 2],
        ['lt_donthave', 7],
      ]),
      client: 'Shoal 0.1.0',
      port: 6881,
      yourIp: '10.0.0.1',
      requestQueueLength: 500,
      metadataSize: 31_235,
      uploadOnly: true,
    }),
    ...badMessages('wire/bad', 'extension-handshake'),
  ],
  run(input) {
    const read = parseExtensionHandshake(input)
    const { uploadOnly, ...rest } = read
    const { uploadOnly: isAgain = false, ...again } = parseExtensionHandshake(encodeExtensionHandshake(read))
    expectEqual([sorted(again.ids), { ...again, ids: 0 }], [sorted(rest.ids), { ...rest, ids: 0 }], 'the same written again')
    expectEqual(isAgain, uploadOnly === true, 'upload only')
    return `fine, ${Object.keys(rest).length} fields`
  },
}

function sorted(ids: ReadonlyMap<string, number>): unknown {
  return [...ids].sort(([one], [two]) => (one < two ? -1 : 1))
}

export const utMetadata: FuzzTarget = {
  name: 'ut-metadata',
  grammar: 'bencode',
  tokens: EXTENSION_TOKENS,
  maxBytes: 17_000,
  refusals: 'protocol',
  corpus: () => [
    encodeMetadataMessage({ type: 'request', piece: 0 }),
    encodeMetadataMessage({ type: 'reject', piece: 3 }),
    encodeMetadataMessage({ type: 'data', piece: 1, totalSize: 16_384 + 20, data: TWENTY }),
    encodeMetadataMessage({ type: 'data', piece: 0, totalSize: 20, data: TWENTY }),
    ...badMessages('wire/bad', 'metadata'),
  ],
  run(input) {
    const message = parseMetadataMessage(input)
    if (message === undefined) return 'unknown kind'
    expectEqual(parseMetadataMessage(encodeMetadataMessage(message)), message, 'the same written again')
    return message.type
  },
}

export const dontHave: FuzzTarget = {
  name: 'dont-have',
  grammar: 'bytes',
  tokens: [],
  maxBytes: 40,
  refusals: 'protocol',
  corpus: () => [encodeDontHave(0), encodeDontHave(0xffff_ffff), ...badMessages('wire/bad', 'dont-have')],
  run(input) {
    expectEqual(encodeDontHave(parseDontHave(input)), input, 'the same written again')
    return 'fine'
  },
}

/** Four bytes say of how many pieces; the rest are the bits. */
export const bitfield: FuzzTarget = {
  name: 'bitfield',
  grammar: 'bytes',
  tokens: [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 0, 0, 9), Uint8Array.of(0, 0, 1, 0), Uint8Array.of(0xff, 0x80)],
  maxBytes: 300,
  refusals: 'protocol',
  corpus: () => [0, 1, 7, 8, 9, 31, 32, 33, 64, 1_000].map((size) => concatBytes([prefix(size), Bitfield.full(size).bytes])),
  run(input) {
    if (input.length < 4) return 'too short'
    // A size is never a stranger's: it is the count of pieces of a torrent that was read.
    const size = uint32(input, 0) % 4_096
    const bits = input.subarray(4)
    const field = Bitfield.fromBytes(bits, size)
    const set = Array.from({ length: size }, (_, index) => index).filter((index) => (bits[index >> 3]! & (0x80 >> (index & 7))) !== 0)
    const listed: number[] = []
    field.forEachSet((index) => listed.push(index))
    expectEqual(listed, set, 'bits that are set')
    expectEqual([field.count, field.isEmpty, field.isComplete], [set.length, set.length === 0, set.length === size], 'counts')
    expectEqual(field.toBytes(), bits, 'its bytes')
    expectEqual(Bitfield.empty(size).intersectsMissing(field), set.length > 0, 'something to fetch')
    return field.isComplete ? 'complete' : field.isEmpty ? 'empty' : 'some'
  },
}

function prefix(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  setUint32(bytes, 0, value)
  return bytes
}
