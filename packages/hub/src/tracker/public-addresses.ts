import { isLoopback } from '@shoal/door/ip-networks'
import { parseIp } from '@shoal/protocol/ip-address'

/** Sees to it that nobody is sent to a loopback address that is another machine's. */
export class PublicAddresses {
  readonly #v4: Uint8Array | undefined
  readonly #v6: Uint8Array | undefined

  /** @param texts by which others reach this machine: the first of each family is told. @throws {RangeError} what is no address */
  constructor(texts: readonly string[]) {
    const addresses = texts.map(addressIn)
    this.#v4 = addresses.find(({ length }) => length === 4)
    this.#v6 = addresses.find(({ length }) => length === 16)
  }

  /** Packed peers as this asker can use them: changed in place, and those left out that it could not reach. */
  seenBy(asker: Uint8Array, family: 4 | 6, packed: Uint8Array): Uint8Array {
    if (packed.length === 0 || isLoopback(asker)) return packed
    const size = family === 4 ? 4 : 16
    const replacement = family === 4 ? this.#v4 : this.#v6
    let length = 0
    for (let at = 0; at < packed.length; at += size + 2) {
      const isLocal = family === 4 ? packed[at] === 127 : packed[at] === 0 && isLoopback(packed.subarray(at, at + 16))
      if (isLocal && replacement === undefined) continue
      if (isLocal) packed.set(replacement!, at)
      if (length !== at) packed.copyWithin(length, at, at + size + 2)
      length += size + 2
    }
    return length === packed.length ? packed : packed.subarray(0, length)
  }
}

function addressIn(text: string): Uint8Array {
  const address = parseIp(text)
  if (address === undefined) throw new RangeError(`Cannot use ${JSON.stringify(text)} as an address of this machine: it is no IP address`)
  return address
}
