import type { Random } from './random.ts'
import type { SimSystem } from './system.ts'

/** What lies between two hosts, the same in both directions. */
export interface LinkOptions {
  /** One way. */
  readonly latencyMs: number
  /** Up to this much is added, by chance. */
  readonly jitterMs: number
  /** How many of a hundred packets are lost, as a fraction: a datagram is gone, a piece of a stream comes late. */
  readonly loss: number
  /** How many datagrams come twice, as a fraction. */
  readonly duplication: number
}

export const DEFAULT_LINK: Readonly<LinkOptions> = Object.freeze({ latencyMs: 10, jitterMs: 0, loss: 0, duplication: 0 })

export interface HostOptions {
  readonly upBytesPerSecond?: number
  readonly downBytesPerSecond?: number
  /** False: dials from others get no answer, as behind a firewall. */
  readonly isReachable?: boolean
}

/** How large the pieces of a stream are, and how much of it may be on its way. */
export interface StreamOptions {
  /** What the two systems hold of one direction for a reader who does not read. */
  readonly windowBytes: number
  /** A stream is cut at random into pieces of 1 to this many bytes. */
  readonly longestCutBytes: number
}

export const DEFAULT_STREAM: Readonly<StreamOptions> = Object.freeze({ windowBytes: 512 * 1024, longestCutBytes: 64 * 1024 })

/** TCP's own shortest wait before it sends again what got lost. */
const RETRANSMIT_MS = 200

/** The wire of one host: bytes leave, and come, one after another. */
export class Wire {
  readonly #system: SimSystem
  readonly #bytesPerSecond: number
  #freeAtMs = 0

  constructor(system: SimSystem, bytesPerSecond: number) {
    this.#system = system
    this.#bytesPerSecond = bytesPerSecond
  }

  /** @returns in how many milliseconds these bytes have passed. */
  occupy(byteCount: number): number {
    if (this.#bytesPerSecond === Infinity) return 0
    const now = this.#system.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + (byteCount * 1000) / this.#bytesPerSecond
    return this.#freeAtMs - now
  }
}

/** Everything on the way from one host to another, asked anew for each packet because it may change meanwhile. */
export interface PathParts {
  readonly from: string
  readonly to: string
  readonly random: Random
  readonly stream: StreamOptions
  readonly uplink: Wire
  readonly downlink: Wire
  link(): LinkOptions
  isCut(): boolean
}

export class Path {
  readonly from: string
  readonly to: string
  readonly windowBytes: number
  readonly #parts: PathParts

  constructor(parts: PathParts) {
    this.#parts = parts
    this.from = parts.from
    this.to = parts.to
    this.windowBytes = parts.stream.windowBytes
  }

  latencyMs(): number {
    return this.#parts.link().latencyMs
  }

  /** For one piece of a stream: a lost one is sent again until it arrives. */
  travelMs(): number {
    const { latencyMs, jitterMs, loss } = this.#parts.link()
    const { random } = this.#parts
    let delay = latencyMs + (jitterMs > 0 ? random.fraction() * jitterMs : 0)
    for (let wait = Math.max(RETRANSMIT_MS, 3 * latencyMs); random.chance(Math.min(loss, 0.9)); wait *= 2) delay += wait
    return delay
  }

  /** Half of the pieces are as long as they may be, the rest of any length: both happen on real networks. */
  cutLength(): number {
    const { random, stream } = this.#parts
    return random.chance(0.5) ? stream.longestCutBytes : 1 + random.below(stream.longestCutBytes)
  }

  occupyUplink(byteCount: number): number {
    return this.#parts.uplink.occupy(byteCount)
  }

  /** The downlink of the host at the beginning of this path: where what comes the other way ends. */
  occupyDownlink(byteCount: number): number {
    return this.#parts.downlink.occupy(byteCount)
  }

  isCut(): boolean {
    return this.#parts.isCut()
  }
}
