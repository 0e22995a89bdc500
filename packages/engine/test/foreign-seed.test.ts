import { describe, test } from 'node:test'
import { fromLatin1 } from '@shoal/protocol/bytes'
import { EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake } from '@shoal/protocol/wire/extension'
import { encodeHandshake, HANDSHAKE_LENGTH } from '@shoal/protocol/wire/handshake'
import { encodeExtended, MESSAGE_ID, type MessageHandler, PIECE_HEADER_BYTES, writePieceHeader } from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import { encodeMetadataMessage, METADATA_EXTENSION, parseMetadataMessage } from '@shoal/protocol/wire/metadata'
import type { ByteStream } from '../src/ports/network.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

const PORT = 51_413
const OUR_METADATA_ID = 2
const ITS_METADATA_ID = 3

/** Says what a seed may say, in an order in which ours never would: it unchokes before anybody is interested. */
function serveForeign(stream: ByteStream, torrent: SwarmTorrent): void {
  const { raw, infoHashV1 } = torrent.info
  const say = (bytes: Uint8Array): void => void stream.write(bytes)
  const simple = (id: number): Uint8Array => Uint8Array.of(0, 0, 0, 1, id)
  const handler = new Proxy({} as MessageHandler, {
    get: (_, name) => {
      if (name === 'onExtended') return onExtended
      if (name === 'onRequest') return onRequest
      return () => {}
    },
  })
  const onExtended = (id: number, payload: Uint8Array): void => {
    if (id !== ITS_METADATA_ID) return
    const message = parseMetadataMessage(payload)
    if (message?.type !== 'request') return
    say(encodeExtended(OUR_METADATA_ID, encodeMetadataMessage({ type: 'data', piece: message.piece, totalSize: raw.length, data: raw })))
  }
  const onRequest = (pieceIndex: number, begin: number, length: number): void => {
    const header = new Uint8Array(PIECE_HEADER_BYTES)
    writePieceHeader(header, 0, pieceIndex, begin, length)
    say(header)
    say(torrent.pieceBytes(pieceIndex).slice(begin, begin + length))
  }
  const decoder = new MessageDecoder(handler)
  let toSkip = HANDSHAKE_LENGTH
  stream.start({
    onData: (chunk) => {
      const skipped = Math.min(toSkip, chunk.length)
      toSkip -= skipped
      decoder.push(chunk.subarray(skipped))
    },
    onDrain: () => {},
    onClose: () => {},
  })
  say(
    encodeHandshake({
      infoHash: infoHashV1!,
      peerId: fromLatin1('-TR3000-abcdefghijkl'),
      supportsExtensions: true,
      supportsFast: true,
      supportsDht: false,
      supportsV2: false,
    }),
  )
  const ids = new Map([[METADATA_EXTENSION, ITS_METADATA_ID]])
  say(encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake({ ids, metadataSize: raw.length })))
  say(simple(MESSAGE_ID.haveAll))
  say(simple(MESSAGE_ID.unchoke))
}

describe('a magnet link and a seed of another make', () => {
  test('begins at once where the seed had unchoked us before we knew what the torrent is', async () => {
    const world = new World({ seed: 'foreign seed' })
    const torrent = new SwarmTorrent({ seed: 'foreign seed', lengths: [100_000], pieceLength: 32_768 })
    const address = '10.1.1.1'
    const listening = world.network.host(address).listen({ port: PORT }, (stream) => serveForeign(stream, torrent))
    const listener = await world.system.complete(listening)
    const peers = [{ host: address, port: PORT }]
    const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet, peers } })
    await world.until('it has everything', () => leecher.isDone, 5_000)
    await world.system.complete(listener.close())
    await world.close()
  })
})
