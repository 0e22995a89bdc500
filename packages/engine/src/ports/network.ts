/** Where a socket is: an IP literal (IPv4 dotted or IPv6 without brackets, never `::ffff:…`) and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What a byte stream tells its owner. No call comes after `onClose`. */
export interface StreamHandler {
  /** `chunk` is a view into a buffer that is used again: it is good only until the call returns. */
  onData(chunk: Uint8Array): void
  /** A `write` had returned false; what waits has now fallen below the low-water mark. */
  onDrain(): void
  /** The stream is over, once. `error` is undefined after an orderly end by either side. */
  onClose(error: Error | undefined): void
}

/** One connection. Created paused: nothing is delivered before `start`. */
export interface ByteStream {
  readonly remote: Endpoint
  /** Bytes given to `write` that the operating system has not taken yet. */
  readonly bufferedBytes: number
  start(handler: StreamHandler): void
  /**
   * Queues bytes. They belong to the stream until `onSent` is called; it is called exactly once, also
   * when the stream dies before it could send them.
   * @returns false when the caller should wait for `onDrain` before it writes more (nothing was lost).
   */
  write(bytes: Uint8Array, onSent?: () => void): boolean
  /** Stops and restarts `onData`: the back-pressure towards the sender. */
  pause(): void
  resume(): void
  /** Sends what waits, then closes. */
  end(): void
  /** Closes at once; `onClose` follows. */
  destroy(error?: Error): void
}

export interface Listener {
  readonly port: number
  close(): Promise<void>
}

export interface DialOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike
}

/** The part of AbortSignal that the engine needs: the pure rooms have no DOM types. */
export interface AbortSignalLike {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface ListenOptions {
  /** Undefined: every interface, IPv6 and IPv4. */
  readonly host?: string
  /** 0 lets the system choose. */
  readonly port: number
}

export interface DatagramSocket {
  readonly port: number
  /** Fire and forget; an error for one destination never closes the socket. */
  send(bytes: Uint8Array, to: Endpoint): void
  close(): void
}

export interface HttpRequest {
  readonly url: string
  readonly timeoutMs: number
  /** The body (after decompression) may not be larger: `TRACKER_RESPONSE_TOO_LARGE`. */
  readonly maxBytes: number
  readonly signal?: AbortSignalLike
  /** Which of the addresses of a host name to use; undefined: any. */
  readonly family?: 4 | 6
}

export interface HttpResponse {
  readonly status: number
  readonly body: Uint8Array
}

/** TCP, UDP, names and plain HTTP GET. Every failure is an `EngineError` with a `NETWORK_…` or `TRACKER_…` code. */
export interface Network {
  dial(remote: Endpoint, options: DialOptions): Promise<ByteStream>
  /** @throws `PORT_IN_USE`, `PORT_NOT_ALLOWED` */
  listen(options: ListenOptions, onStream: (stream: ByteStream) => void): Promise<Listener>
  openDatagrams(
    options: { readonly family: 4 | 6; readonly port?: number },
    onDatagram: (bytes: Uint8Array, from: Endpoint) => void,
  ): Promise<DatagramSocket>
  /** IP literals of a host name (an IP literal is its own answer), IPv4 and IPv6 mixed in the resolver's order. */
  resolve(host: string): Promise<readonly string[]>
  get(request: HttpRequest): Promise<HttpResponse>
}
