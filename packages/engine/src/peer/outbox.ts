import type { ByteStream } from '../ports/network.ts'
import type { System } from '../ports/system.ts'

/** Enough for an introduction and some chat: most peers never need the larger one. */
const FIRST_BUFFER_BYTES = 512
const BUFFER_BYTES = 4096

/**
 * The small messages of one connection (requests, haves, chokes), gathered over a turn and sent with one write.
 *
 * A buffer is used again once the stream has taken all that was written from it, so a busy connection lives on
 * one buffer. `room` gives a place to write at; the caller stores the new end.
 *
 *     bytes  [ sent ........ | waiting for flush | free ]
 *                            ^start              ^end
 */
export class Outbox {
  bytes: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES)
  end = 0
  readonly #stream: ByteStream
  readonly #system: System
  #start = 0
  #writesUnderWay = 0
  #flushIsDue = false
  #isClosed = false
  readonly #onSent = (): void => {
    this.#writesUnderWay--
    if (this.#writesUnderWay === 0 && this.#start === this.end) this.#start = this.end = 0
  }
  readonly #flushSoon = (): void => {
    this.#flushIsDue = false
    this.flush()
  }

  constructor(stream: ByteStream, system: System) {
    this.#stream = stream
    this.#system = system
  }

  /**
   * Makes sure that `length` bytes fit at the returned offset of `bytes`, and that they will be flushed this turn; what `mayWait`
   * goes out with whatever comes next.
   */
  room(length: number, mayWait = false): number {
    if (this.end + length > this.bytes.length) {
      this.flush()
      this.bytes = new Uint8Array(BUFFER_BYTES)
      this.#start = this.end = 0
      this.#writesUnderWay = 0
    }
    if (!this.#flushIsDue && !mayWait) {
      this.#flushIsDue = true
      this.#system.soon(this.#flushSoon)
    }
    return this.end
  }

  /** Sends what was gathered; also before anything else is written, so that the order on the wire is the order of the calls. */
  flush(): void {
    if (this.#start === this.end || this.#isClosed) return
    const gathered = this.bytes.subarray(this.#start, this.end)
    const buffer = this.bytes
    this.#start = this.end
    this.#writesUnderWay++
    this.#stream.write(gathered, () => {
      if (buffer === this.bytes) this.#onSent()
    })
  }

  /** Gathers a message that is made already; one that is long goes out by itself. The bytes are given away. */
  put(message: Uint8Array): void {
    if (message.length > FIRST_BUFFER_BYTES) {
      this.send(message)
      return
    }
    const at = this.room(message.length)
    this.bytes.set(message, at)
    this.end = at + message.length
  }

  /** A message of its own, with bytes that the caller gives away. @returns what `ByteStream.write` says. */
  send(message: Uint8Array, onSent?: () => void): boolean {
    if (this.#isClosed) {
      onSent?.()
      return false
    }
    this.flush()
    return this.#stream.write(message, onSent)
  }

  close(): void {
    this.#isClosed = true
  }
}
