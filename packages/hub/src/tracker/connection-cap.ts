import { isLoopback } from '@shoal/door/ip-networks'
import { latin1 } from '@shoal/protocol/bytes'

/**
 * How many connections one address (an IPv6 /64) has, so that nobody alone takes all there may be. Programs on this machine and
 * proxies that are known are not counted.
 */
export class ConnectionCap {
  readonly #most: number
  readonly #isProxy: (address: Uint8Array) => boolean
  /** Only of those that have one. */
  readonly #open = new Map<string, number>()

  constructor(most: number, isProxy: (address: Uint8Array) => boolean) {
    this.#most = most
    this.#isProxy = isProxy
  }

  /** @returns false when it has as many as it may; else it has one more, until it `leave`s */
  enter(address: Uint8Array): boolean {
    if (isLoopback(address)) return true
    const key = keyOf(address)
    const open = this.#open.get(key) ?? 0
    if (open >= this.#most && !this.#isProxy(address)) return false
    this.#open.set(key, open + 1)
    return true
  }

  leave(address: Uint8Array): void {
    if (isLoopback(address)) return
    const key = keyOf(address)
    const open = (this.#open.get(key) ?? 0) - 1
    if (open > 0) this.#open.set(key, open)
    else this.#open.delete(key)
  }
}

function keyOf(address: Uint8Array): string {
  return latin1(address.length === 4 ? address : address.subarray(0, 8))
}
