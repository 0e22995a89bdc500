import { uint32 } from '@shoal/protocol/bytes'
import { HANDSHAKE_LENGTH } from '@shoal/protocol/wire/handshake'
import { MESSAGE_ID, PIECE_HEADER_BYTES } from '@shoal/protocol/wire/message'
import type {
  ByteStream,
  DatagramSocket,
  DialOptions,
  Endpoint,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  Network,
  StreamHandler,
} from '../src/ports/network.ts'

/** Gets one message that is about to be sent, a copy with its length in front, and may change it. */
export type Tamper = (message: Uint8Array) => void

/** The network of a peer that lies: an honest client in everything but for what is changed on its way out. */
export class TamperingNetwork implements Network {
  readonly #inner: Network
  readonly #tamper: Tamper

  constructor(inner: Network, tamper: Tamper) {
    this.#inner = inner
    this.#tamper = tamper
  }

  async dial(remote: Endpoint, options: DialOptions): Promise<ByteStream> {
    return new TamperingStream(await this.#inner.dial(remote, options), this.#tamper)
  }

  listen(options: ListenOptions, onStream: (stream: ByteStream) => void): Promise<Listener> {
    return this.#inner.listen(options, (stream) => onStream(new TamperingStream(stream, this.#tamper)))
  }

  openDatagrams(
    options: { readonly family: 4 | 6; readonly port?: number },
    onDatagram: (bytes: Uint8Array, from: Endpoint) => void,
  ): Promise<DatagramSocket> {
    return this.#inner.openDatagrams(options, onDatagram)
  }

  resolve(host: string): Promise<readonly string[]> {
    return this.#inner.resolve(host)
  }

  get(request: HttpRequest): Promise<HttpResponse> {
    return this.#inner.get(request)
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

class TamperingStream implements ByteStream {
  readonly #inner: ByteStream
  readonly #tamper: Tamper
  #hasGreeted = false

  constructor(inner: ByteStream, tamper: Tamper) {
    this.#inner = inner
    this.#tamper = tamper
  }

  get remote(): Endpoint {
    return this.#inner.remote
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  start(handler: StreamHandler): void {
    this.#inner.start(handler)
  }

  /** Our connections write whole messages, so each write can be looked at by itself. */
  write(bytes: Uint8Array, onSent?: () => void): boolean {
    const changed = bytes.slice()
    let at = this.#hasGreeted ? 0 : HANDSHAKE_LENGTH
    this.#hasGreeted = true
    while (at < changed.length) {
      const end = at + 4 + uint32(changed, at)
      if (end > changed.length) throw new Error('Cannot happen: a write that ends inside a message')
      this.#tamper(changed.subarray(at, end))
      at = end
    }
    return this.#inner.write(changed, onSent)
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  end(): void {
    this.#inner.end()
  }

  destroy(error?: Error): void {
    this.#inner.destroy(error)
  }
}
