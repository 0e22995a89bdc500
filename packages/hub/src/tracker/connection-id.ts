import { setUint32 } from '@shoal/protocol/bytes'
import type { HubSystem } from '../system.ts'
import { SipHash } from './sip-hash.ts'

/**
 * Connection ids of the UDP tracker (BEP 15), without a table: an id is a keyed MAC over a window of time and
 * the address that asked for it. Whoever sends it back has received what was sent to that address, so the
 * address is no spoofed one.
 *
 *     byte 0: number of the window, modulo 256 | bytes 1..7: MAC(secret, window, address)
 *
 * A window is a minute, and the current one and the one before it count: an id lives one to two minutes, as BEP 15 says. A
 * client that uses one for longer gets no answer, and asks for another.
 */
export class ConnectionIds {
  readonly #system: HubSystem
  readonly #mac: SipHash
  readonly #expected: Uint8Array = new Uint8Array(8)

  constructor(system: HubSystem) {
    this.#system = system
    this.#mac = new SipHash(system.randomBytes(16))
  }

  /** @param address 4 or 16 bytes. @returns 8 bytes that belong to the caller. */
  issue(address: Uint8Array): Uint8Array {
    const id = new Uint8Array(8)
    this.#compute(this.#window(), address, id)
    return id
  }

  /** Whether `id` (8 bytes or more, the first 8 count) was issued to this address not long ago. Takes the same time for every wrong id. */
  isValid(id: Uint8Array, address: Uint8Array): boolean {
    const current = this.#window()
    const age = (current - id[0]!) & 0xff
    const isInTime = age < WINDOWS
    this.#compute(current - (isInTime ? age : 0), address, this.#expected)
    let difference = 0
    for (let i = 1; i < 8; i++) difference |= id[i]! ^ this.#expected[i]!
    return isInTime && difference === 0
  }

  #window(): number {
    return Math.floor(this.#system.now() / WINDOW_MS)
  }

  #compute(window: number, address: Uint8Array, into: Uint8Array): void {
    const message = address.length === 4 ? MESSAGE4 : MESSAGE6
    setUint32(message, 0, window)
    message.set(address, 4)
    this.#mac.digest(message, into)
    into[0] = window
  }
}

const WINDOW_MS = 60_000
const WINDOWS = 2

/** Window and address, put together here so that nothing is allocated for a datagram with a wrong id. */
const MESSAGE4 = new Uint8Array(4 + 4)
const MESSAGE6 = new Uint8Array(4 + 16)
