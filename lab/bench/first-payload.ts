import { closeSync, openSync, readSync } from 'node:fs'

/** More than trackers, handshakes and bitfields need. */
const PAYLOAD_BEGINS_AT_BYTES = 256 * 1024
const LOOK_EVERY_MS = 2

/**
 * Sees the first payload of a transfer arrive, from outside and alike for all clients: the bytes that the loopback
 * interface has received since the watch began. It looks only until then, so it takes nothing from the transfer.
 */
export class FirstPayloadWatch {
  #seenAtMs: number | undefined
  #hasEnded = false
  readonly #counter = openSync('/sys/class/net/lo/statistics/rx_bytes', 'r')
  readonly #text = Buffer.alloc(32)
  readonly #begunAt = this.#receivedBytes()
  readonly #timer = setInterval(() => this.#look(), LOOK_EVERY_MS)

  /** By `performance.now()`; ends the watch. `byMs` when nothing was seen by then: so little came, or so fast. */
  seenAtMs({ byMs }: { byMs: number }): number {
    this.#end()
    return Math.min(this.#seenAtMs ?? byMs, byMs)
  }

  #look(): void {
    if (this.#receivedBytes() - this.#begunAt <= PAYLOAD_BEGINS_AT_BYTES) return
    this.#seenAtMs = performance.now()
    this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    clearInterval(this.#timer)
    closeSync(this.#counter)
  }

  #receivedBytes(): number {
    return Number(this.#text.toString('latin1', 0, readSync(this.#counter, this.#text, 0, this.#text.length, 0)))
  }
}
