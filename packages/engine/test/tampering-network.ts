import { uint32 } from '@shoal/protocol/bytes'
import { HANDSHAKE_LENGTH } from '@shoal/protocol/wire/handshake'
import { MESSAGE_ID, PIECE_HEADER_BYTES } from '@shoal/protocol/wire/message'
import type { ByteStream, Network } from '../src/ports/network.ts'
import { WrappedNetwork, WrappedStream } from './wrapped-network.ts'

/** Gets one message that is about to be sent, a copy with its length in front, and may change it. */
export type Tamper = (message: Uint8Array) => void

/** The network of a peer that lies: an honest client in everything but for what is changed on its way out. */
export class TamperingNetwork extends WrappedNetwork {
  constructor(inner: Network, tamper: Tamper) {
    super(inner, (stream) => new TamperingStream(stream, tamper))
  }
}

/** A liar that changes one byte of every `nth` block that it sends. */
export function wrongBlocks(nth: number): Tamper {
  let blockCount = 0
  return (message) => {
    if (message[4] !== MESSAGE_ID.piece) return
    if (++blockCount % nth === 0) message[PIECE_HEADER_BYTES + 100]! ^= 0xff
  }
}

class TamperingStream extends WrappedStream {
  readonly #tamper: Tamper
  #hasGreeted = false

  constructor(inner: ByteStream, tamper: Tamper) {
    super(inner)
    this.#tamper = tamper
  }

  /** Our connections write whole messages, so each write can be looked at by itself. */
  override write(bytes: Uint8Array, onSent?: () => void): boolean {
    const changed = bytes.slice()
    let at = this.#hasGreeted ? 0 : HANDSHAKE_LENGTH
    this.#hasGreeted = true
    while (at < changed.length) {
      const end = at + 4 + uint32(changed, at)
      if (end > changed.length) throw new Error('Cannot happen: a write that ends inside a message')
      this.#tamper(changed.subarray(at, end))
      at = end
    }
    return super.write(changed, onSent)
  }
}
