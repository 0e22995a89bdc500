import type { HubSystem } from '../system.ts'
import { SipHash } from './sip-hash.ts'

export interface BucketOptions {
  /** What a network may do for a long time. */
  readonly perSecond: number
  /** What it may do at once after a rest. */
  readonly burst: number
}

/** Networks share a bucket when their hashes agree: with so many that is rare, and with generous limits harmless. */
const BUCKETS = 16_384

/**
 * A limit of how often, for each network of the world, in a table that never grows (192 KiB): one token bucket for each hash of
 * a network's prefix, keyed, so that nobody can choose to share one with somebody else. A network is an IPv4 /24 or an IPv6
 * /56, or one address.
 */
export class TokenBuckets {
  readonly #system: HubSystem
  readonly #options: BucketOptions
  readonly #prefixBytes: { readonly v4: number; readonly v6: number }
  readonly #mac: SipHash
  /** What of the burst is gone: all zero at first, so that a new table costs nothing. */
  readonly #spent: Float32Array = new Float32Array(BUCKETS)
  readonly #lookedAt: Float64Array = new Float64Array(BUCKETS)

  /** @param of what one bucket is for: a network, or each address (an IPv6 /64) by itself */
  constructor(system: HubSystem, options: BucketOptions, of: 'network' | 'address' = 'network') {
    this.#system = system
    this.#options = options
    this.#prefixBytes = of === 'network' ? { v4: 3, v6: 7 } : { v4: 4, v6: 8 }
    this.#mac = new SipHash(system.randomBytes(16))
  }

  /** Takes a token of the address's network. @returns false when there is none */
  take(address: Uint8Array): boolean {
    const bucket = this.#refill(address)
    if (!this.#hasOne(bucket)) return false
    this.#spent[bucket]! += 1
    return true
  }

  /** Whether `take` would say false. */
  isEmpty(address: Uint8Array): boolean {
    return !this.#hasOne(this.#refill(address))
  }

  #hasOne(bucket: number): boolean {
    return this.#spent[bucket]! + 1 <= this.#options.burst
  }

  #refill(address: Uint8Array): number {
    const bucket = this.#bucketOf(address)
    const now = this.#system.now()
    const gained = ((now - this.#lookedAt[bucket]!) / 1000) * this.#options.perSecond
    this.#lookedAt[bucket] = now
    this.#spent[bucket] = Math.max(0, this.#spent[bucket]! - gained)
    return bucket
  }

  #bucketOf(address: Uint8Array): number {
    const isIpv4 = address.length === 4
    const length = isIpv4 ? this.#prefixBytes.v4 : this.#prefixBytes.v6
    MESSAGE.fill(0)
    MESSAGE[0] = isIpv4 ? 4 : 6
    for (let i = 0; i < length; i++) MESSAGE[i + 1] = address[i]!
    this.#mac.digest(MESSAGE, DIGEST)
    return (DIGEST[0]! | (DIGEST[1]! << 8)) & (BUCKETS - 1)
  }
}

/** One for all: a call is never interrupted. */
const MESSAGE = new Uint8Array(16)
const DIGEST = new Uint8Array(8)
