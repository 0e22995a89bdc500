import { createServer, type Server, type Socket } from 'node:net'
import { Bitfield } from '@shoal/protocol/bitfield'
import { encodeHandshake, HANDSHAKE_LENGTH, parseHandshake } from '@shoal/protocol/wire/handshake'
import {
  encodeBitfield,
  MESSAGE_ID,
  type MessageHandler,
  PIECE_HEADER_BYTES,
  writePieceHeader,
  writeSimple,
} from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'

/** A seed as a vandal would write it: it has everything, serves everybody at once, and every third block it sends is wrong. */
export class LyingSeed {
  liesTold = 0
  blocksSent = 0
  connections = 0
  readonly #server: Server
  readonly #read: (offset: number, length: number) => Uint8Array
  readonly #pieceCount: number
  readonly #pieceLength: number

  constructor(options: { pieceCount: number; pieceLength: number; read: (offset: number, length: number) => Uint8Array }) {
    this.#pieceCount = options.pieceCount
    this.#pieceLength = options.pieceLength
    this.#read = options.read
    this.#server = createServer((socket) => this.#serve(socket))
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.connections++
    socket.on('error', () => socket.destroy())
    let greeting: Buffer | undefined = Buffer.alloc(0)
    const decoder = new MessageDecoder(this.#answers(socket))
    socket.on('data', (chunk) => {
      if (greeting === undefined) {
        decoder.push(chunk)
        return
      }
      greeting = Buffer.concat([greeting, chunk])
      if (greeting.length < HANDSHAKE_LENGTH) return
      const { infoHash } = parseHandshake(greeting)
      const rest = greeting.subarray(HANDSHAKE_LENGTH)
      greeting = undefined
      const peerId = new TextEncoder().encode(`-LY0001-${String(this.connections).padStart(12, '0')}`)
      socket.write(
        encodeHandshake({ infoHash, peerId, supportsExtensions: false, supportsFast: false, supportsDht: false, supportsV2: false }),
      )
      socket.write(encodeBitfield(Bitfield.full(this.#pieceCount).bytes))
      const unchoke = new Uint8Array(5)
      writeSimple(unchoke, 0, MESSAGE_ID.unchoke)
      socket.write(unchoke)
      decoder.push(rest)
    })
  }

  #answers(socket: Socket): MessageHandler {
    const nothing = (): void => {}
    return {
      onKeepAlive: nothing,
      onChoke: nothing,
      onUnchoke: nothing,
      onInterested: nothing,
      onNotInterested: nothing,
      onHave: nothing,
      onBitfield: nothing,
      onPiece: nothing,
      onCancel: nothing,
      onPort: nothing,
      onSuggest: nothing,
      onHaveAll: nothing,
      onHaveNone: nothing,
      onReject: nothing,
      onAllowedFast: nothing,
      onExtended: nothing,
      onUnknown: nothing,
      onRequest: (pieceIndex, begin, length) => {
        const message = new Uint8Array(PIECE_HEADER_BYTES + length)
        writePieceHeader(message, 0, pieceIndex, begin, length)
        message.set(this.#read(pieceIndex * this.#pieceLength + begin, length), PIECE_HEADER_BYTES)
        if (this.blocksSent++ % 3 === 2) {
          message[PIECE_HEADER_BYTES + 5]! ^= 0xff
          this.liesTold++
        }
        socket.write(message)
      },
    }
  }
}
