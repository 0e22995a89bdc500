import { HANDSHAKE_LENGTH, parseHandshake } from '@shoal/protocol/wire/handshake'
import type { MessageHandler } from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import type { ByteStream, Endpoint, StreamHandler } from '../../packages/engine/src/ports/network.ts'
import type { System, Timer } from '../../packages/engine/src/ports/system.ts'

/** Hears everything and does nothing. */
const deaf = new Proxy({}, { get: () => () => undefined }) as MessageHandler

/**
 * The other end of a connection, played by the fuzzer: what it says is given to `say`, and what it is told is read as any
 * peer would read it, so that nothing comes out of us that is no message.
 */
export class ScriptedStream implements ByteStream {
  readonly remote: Endpoint = { host: '10.0.0.9', port: 50_000 }
  readonly bufferedBytes = 0
  #handler: StreamHandler | undefined
  #greeting: Uint8Array = new Uint8Array(0)
  readonly #decoder = new MessageDecoder(deaf, { maxMessageBytes: 1 << 20 })
  /** Why it was closed, when it was with an error. */
  error: Error | undefined
  isClosed = false
  writtenBytes = 0

  start(handler: StreamHandler): void {
    this.#handler = handler
  }

  say(chunk: Uint8Array): void {
    if (!this.isClosed) this.#handler?.onData(chunk)
  }

  drain(): void {
    if (!this.isClosed) this.#handler?.onDrain()
  }

  hangUp(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#handler?.onClose(undefined)
  }

  write(bytes: Uint8Array, onSent?: () => void): boolean {
    this.writtenBytes += bytes.length
    const missing = HANDSHAKE_LENGTH - this.#greeting.length
    if (missing > 0) {
      this.#greeting = Buffer.concat([this.#greeting, bytes.subarray(0, missing)])
      if (this.#greeting.length === HANDSHAKE_LENGTH) parseHandshake(this.#greeting)
    }
    if (bytes.length > missing) this.#decoder.push(bytes.subarray(Math.max(0, missing)))
    onSent?.()
    return true
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy()
  }

  destroy(error?: Error): void {
    if (this.isClosed) return
    this.isClosed = true
    this.error = error
    this.#handler?.onClose(error)
  }
}

/** A clock that stands until it is moved, and callbacks that wait until they are let go. */
export class StandingClock implements System {
  #now = 1_000
  #soon: (() => void)[] = []
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()
  #dice = 1

  now(): number {
    return this.#now
  }

  wallClock(): number {
    return this.#now
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#now + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  every(_intervalMs: number, _callback: () => void): Timer {
    return { cancel: () => undefined }
  }

  soon(callback: () => void): void {
    this.#soon.push(callback)
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.randomBelow(256))
  }

  randomBelow(limit: number): number {
    this.#dice = (Math.imul(this.#dice, 1_103_515_245) + 12_345) >>> 0
    return this.#dice % limit
  }

  bootId(): undefined {
    return undefined
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Lets time pass, and everything happen that was due in it. */
  pass(ms: number): void {
    this.#now += ms
    for (const callback of this.#soon.splice(0)) callback()
    for (const timer of this.#timers) {
      if (timer.atMs > this.#now || !this.#timers.delete(timer)) continue
      timer.callback()
    }
  }
}
