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

/** A network like the one inside it, but for its streams: each goes through `wrap`. */
export class WrappedNetwork implements Network {
  readonly #inner: Network
  readonly #wrap: (stream: ByteStream) => ByteStream

  constructor(inner: Network, wrap: (stream: ByteStream) => ByteStream) {
    this.#inner = inner
    this.#wrap = wrap
  }

  async dial(remote: Endpoint, options: DialOptions): Promise<ByteStream> {
    return this.#wrap(await this.#inner.dial(remote, options))
  }

  listen(options: ListenOptions, onStream: (stream: ByteStream) => void): Promise<Listener> {
    return this.#inner.listen(options, (stream) => onStream(this.#wrap(stream)))
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

/** A stream like the one inside it; what should be different is overridden. */
export class WrappedStream implements ByteStream {
  readonly #inner: ByteStream

  constructor(inner: ByteStream) {
    this.#inner = inner
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

  write(bytes: Uint8Array, onSent?: () => void): boolean {
    return this.#inner.write(bytes, onSent)
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
