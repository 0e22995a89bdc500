import type { ByteStream, Network, StreamHandler } from '../src/ports/network.ts'
import { WrappedNetwork, WrappedStream } from './wrapped-network.ts'

interface Passage {
  readonly atMs: number
  readonly bytes: number
}

/** What passes a host's sockets, to the byte and the instant: the two ends of its wire. */
export class WireMeter {
  readonly sent: Passages = new Passages()
  readonly received: Passages = new Passages()
  /** The most that waited in one socket to be sent. */
  mostBufferedBytes = 0
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  network(inner: Network): Network {
    return new WrappedNetwork(inner, (stream) => new MeteredStream(stream, this))
  }

  onSent(bytes: number, bufferedBytes: number): void {
    this.sent.add(this.#now(), bytes)
    this.mostBufferedBytes = Math.max(this.mostBufferedBytes, bufferedBytes)
  }

  onReceived(bytes: number): void {
    this.received.add(this.#now(), bytes)
  }
}

/** Bytes and when they passed, in the order of time. */
export class Passages {
  readonly #list: Passage[] = []

  add(atMs: number, bytes: number): void {
    this.#list.push({ atMs, bytes })
  }

  /** Bytes from `fromMs` on, before `toMs`. */
  between(fromMs: number, toMs: number): number {
    return this.#list.reduce((sum, { atMs, bytes }) => (atMs >= fromMs && atMs < toMs ? sum + bytes : sum), 0)
  }

  /** The most that passed within any `windowMs` that lie between the two instants. */
  mostWithin(windowMs: number, fromMs: number, toMs: number): number {
    const list = this.#list.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    let most = 0
    let sum = 0
    let oldest = 0
    for (const { atMs, bytes } of list) {
      sum += bytes
      while (list[oldest]!.atMs <= atMs - windowMs) sum -= list[oldest++]!.bytes
      most = Math.max(most, sum)
    }
    return most
  }
}

class MeteredStream extends WrappedStream {
  readonly #meter: WireMeter

  constructor(inner: ByteStream, meter: WireMeter) {
    super(inner)
    this.#meter = meter
  }

  override start(handler: StreamHandler): void {
    super.start({
      onData: (chunk) => {
        this.#meter.onReceived(chunk.length)
        handler.onData(chunk)
      },
      onDrain: () => handler.onDrain(),
      onClose: (error) => handler.onClose(error),
    })
  }

  override write(bytes: Uint8Array, onSent?: () => void): boolean {
    const hasRoom = super.write(bytes, onSent)
    this.#meter.onSent(bytes.length, this.bufferedBytes)
    return hasRoom
  }
}
