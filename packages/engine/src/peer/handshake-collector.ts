import { ProtocolError } from '@shoal/protocol/errors'
import { couldBeHandshake, HANDSHAKE_LENGTH, type Handshake, parseHandshake } from '@shoal/protocol/wire/handshake'

/** Gathers the first 68 bytes of a stream, in whatever pieces they come. */
export class HandshakeCollector {
  readonly #bytes = new Uint8Array(HANDSHAKE_LENGTH)
  #length = 0

  /**
   * Takes what it needs of `chunk`.
   * @returns how many bytes that was; `handshake` once it is whole
   * @throws {ProtocolError} `WIRE_HANDSHAKE`: this is no BitTorrent peer
   */
  push(chunk: Uint8Array): { readonly taken: number; readonly handshake: Handshake | undefined } {
    const taken = Math.min(chunk.length, HANDSHAKE_LENGTH - this.#length)
    this.#bytes.set(chunk.subarray(0, taken), this.#length)
    this.#length += taken
    // Whoever speaks something else need not be waited for.
    if (!couldBeHandshake(this.#bytes, 0, this.#length))
      throw new ProtocolError('WIRE_HANDSHAKE', 'This is not how a BitTorrent peer begins')
    return { taken, handshake: this.#length === HANDSHAKE_LENGTH ? parseHandshake(this.#bytes) : undefined }
  }
}
