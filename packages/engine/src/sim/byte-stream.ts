import { EngineError } from '../base/errors.ts'
import type { ByteStream, Endpoint, StreamHandler } from '../ports/network.ts'
import type { Timer } from '../ports/system.ts'
import type { Path } from './path.ts'
import type { SimSystem } from './system.ts'

/** The same marks and patience as the real stream's. */
const HIGH_WATER_BYTES = 1024 * 1024
const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2
const LINGER_MS = 10_000
/** What a chunk holds after its time: whoever kept the view finds this instead of the data. */
export const POISON = 0xdb

interface Waiting {
  readonly bytes: Uint8Array
  readonly onSent: (() => void) | undefined
  taken: number
}

type Segment = { readonly type: 'data'; readonly bytes: Uint8Array } | { readonly type: 'end' } | { readonly type: 'reset' }

/**
 * One end of a simulated TCP connection.
 *
 * Bytes travel: `write` queue → (window open? uplink free?) → wire → (downlink free?) → inbox → `onData`. The window is what
 * the two systems hold for a reader who does not read: when it is full, the sender's queue grows and `write` returns false,
 * exactly as far away as on the real network.
 */
export class SimByteStream implements ByteStream {
  readonly remote: Endpoint
  readonly #system: SimSystem
  /** The way from here to the other end, and what it is like now. */
  readonly #path: Path
  readonly #onGone: (stream: SimByteStream) => void
  #other: SimByteStream | undefined
  #handler: StreamHandler | undefined
  #scratch: Uint8Array = new Uint8Array(0)

  readonly #queue: Waiting[] = []
  #bufferedBytes = 0
  #unreadBytes = 0
  #wantsDrain = false
  #isPumpDue = false
  #isUplinkBusy = false
  #ending = false
  #endSent = false

  readonly #inbox: Segment[] = []
  /** On the way to here, in the order in which they left: what comes next is always the first, an event only says when. */
  readonly #flying: Segment[] = []
  /** How many would have arrived while the network was cut: TCP sends them again. */
  #heldCount = 0
  /** Waiting for the downlink, in order. */
  readonly #landing: Segment[] = []
  #lastArrivalMs = 0
  #isPaused = false
  #isDeliveryDue = false
  #remoteEnded = false

  #reason: Error | undefined
  #isDead = false
  #isSilent = false
  #hasToldClose = false
  #linger: Timer | undefined

  constructor(system: SimSystem, path: Path, remote: Endpoint, onGone: (stream: SimByteStream) => void) {
    this.#system = system
    this.#path = path
    this.remote = remote
    this.#onGone = onGone
  }

  /** Joins two ends that were made for each other. */
  static join(one: SimByteStream, two: SimByteStream): void {
    one.#other = two
    two.#other = one
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get path(): Path {
    return this.#path
  }

  /** Nothing sent from either end arrives before this instant: the other end does not exist sooner. */
  opensAt(timeMs: number): void {
    this.#lastArrivalMs = timeMs
  }

  start(handler: StreamHandler): void {
    if (this.#handler !== undefined) throw new Error('Cannot happen: a stream was started twice')
    this.#handler = handler
    if (this.#isDead) this.#system.schedule(0, () => this.#tellClose())
    else this.#scheduleDelivery()
  }

  write(bytes: Uint8Array, onSent?: () => void): boolean {
    if (this.#isDead || this.#ending || this.#remoteEnded) {
      if (onSent !== undefined && !this.#isSilent) this.#system.soon(onSent)
      return false
    }
    this.#queue.push({ bytes, onSent, taken: 0 })
    this.#bufferedBytes += bytes.length
    this.#schedulePump()
    if (this.#bufferedBytes < HIGH_WATER_BYTES) return true
    this.#wantsDrain = true
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#scheduleDelivery()
  }

  end(): void {
    if (this.#ending || this.#isDead) return
    this.#ending = true
    this.resume()
    this.#schedulePump()
    this.#touchLinger()
  }

  destroy(error?: Error): void {
    if (this.#isDead) return
    this.#reason ??= error
    const other = this.#other
    // What we never read makes the system answer with a reset; else the other end sees an orderly end.
    const isRude = this.#inbox.some(({ type }) => type === 'data') || (other !== undefined && other.#unreadBytes > 0)
    this.#send({ type: isRude ? 'reset' : 'end' }, 0)
    this.#die()
  }

  /** The connection is torn: both ends learn of it, each by its own packet. */
  reset(): void {
    this.#arrive({ type: 'reset' })
  }

  /** The process that owned this end was killed: its handler is never called again, and the system cuts the connection. */
  kill(): void {
    if (this.#isDead) return
    this.#isSilent = true
    this.#send({ type: 'reset' }, 0)
    this.#die()
  }

  /** The network works again: what was held back is sent once more. */
  release(): void {
    if (this.#path.isCut()) return
    for (; this.#heldCount > 0; this.#heldCount--) this.#scheduleArrival(this.#path.latencyMs())
    this.#schedulePump()
  }

  #schedulePump(): void {
    if (this.#isPumpDue || this.#isDead) return
    this.#isPumpDue = true
    this.#system.schedule(0, () => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  /** One segment at a time is on the uplink, so that the connections of a host take turns. */
  #pump(): void {
    while (!this.#isDead && !this.#isUplinkBusy && this.#queue.length > 0) {
      const room = this.#path.windowBytes - this.#unreadBytes
      if (room <= 0) return
      const length = Math.min(this.#path.cutLength(), room, this.#bufferedBytes)
      const bytes = this.#takeFromQueue(length)
      this.#unreadBytes += bytes.length
      const uplinkMs = this.#path.occupyUplink(bytes.length)
      this.#send({ type: 'data', bytes }, uplinkMs)
      if (uplinkMs > 0) {
        this.#isUplinkBusy = true
        this.#system.schedule(uplinkMs, () => {
          this.#isUplinkBusy = false
          this.#pump()
        })
      }
    }
    if ((this.#ending || this.#remoteEnded) && this.#queue.length === 0 && !this.#endSent && !this.#isDead && !this.#isUplinkBusy) {
      this.#endSent = true
      this.#send({ type: 'end' }, 0)
      this.#closeIfOver()
    }
  }

  #takeFromQueue(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let filled = 0
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!
      const count = Math.min(length - filled, first.bytes.length - first.taken)
      bytes.set(first.bytes.subarray(first.taken, first.taken + count), filled)
      filled += count
      first.taken += count
      if (first.taken < first.bytes.length) break
      this.#queue.shift()
      this.#system.schedule(0, () => {
        if (!this.#isSilent) first.onSent?.()
      })
    }
    this.#bufferedBytes -= filled
    this.#touchLinger(true)
    if (this.#wantsDrain && this.#bufferedBytes <= LOW_WATER_BYTES) {
      this.#wantsDrain = false
      this.#system.schedule(0, () => {
        if (!this.#isDead && !this.#ending) this.#handler?.onDrain()
      })
    }
    return bytes
  }

  /** Puts a segment on the wire; they arrive in the order in which they left. */
  #send(segment: Segment, departureMs: number): void {
    const other = this.#other
    if (other !== undefined) other.#travel(segment, departureMs + this.#path.travelMs())
  }

  #travel(segment: Segment, delayMs: number): void {
    this.#flying.push(segment)
    this.#scheduleArrival(delayMs)
  }

  #scheduleArrival(delayMs: number): void {
    const arrival = Math.max(this.#lastArrivalMs, this.#system.now() + delayMs)
    this.#lastArrivalMs = arrival
    this.#system.schedule(arrival - this.#system.now(), () => {
      if (this.#path.isCut()) this.#heldCount++
      else this.#passDownlink(this.#flying.shift()!)
    })
  }

  #passDownlink(segment: Segment): void {
    const downlinkMs = segment.type === 'data' ? this.#path.occupyDownlink(segment.bytes.length) : this.#path.occupyDownlink(0)
    if (downlinkMs === 0 && this.#landing.length === 0) {
      this.#arrive(segment)
      return
    }
    this.#landing.push(segment)
    this.#system.schedule(downlinkMs, () => this.#arrive(this.#landing.shift()!))
  }

  #arrive(segment: Segment): void {
    if (this.#isDead) {
      if (segment.type === 'data') this.#send({ type: 'reset' }, 0)
      return
    }
    if (segment.type === 'reset') {
      if (!this.#remoteEnded && !this.#ending) {
        const { host, port } = this.remote
        this.#reason ??= new EngineError('NETWORK_RESET', `Lost the connection to ${host}:${port}: the other side cut the connection.`)
      }
      this.#die()
      return
    }
    this.#inbox.push(segment)
    this.#deliverNext()
  }

  #scheduleDelivery(): void {
    if (this.#isDeliveryDue || this.#inbox.length === 0) return
    this.#isDeliveryDue = true
    this.#system.schedule(0, () => {
      this.#isDeliveryDue = false
      this.#deliverNext()
    })
  }

  #deliverNext(): void {
    if (this.#isDead || this.#handler === undefined || this.#isPaused || this.#isDeliveryDue) return
    const segment = this.#inbox.shift()
    if (segment === undefined) return
    if (segment.type === 'end') {
      this.#remoteEnded = true
      this.#touchLinger()
      this.#schedulePump()
      this.#closeIfOver()
      return
    }
    if (segment.type === 'data') this.#hand(segment.bytes)
    this.#scheduleDelivery()
  }

  #hand(bytes: Uint8Array): void {
    const count = bytes.length
    this.#system.note(count)
    this.#touchLinger(true)
    const other = this.#other
    if (other !== undefined) this.#system.schedule(this.#path.latencyMs(), () => other.#wasRead(count))
    if (this.#ending) return // we have said goodbye: only the other side's end is still of interest
    if (this.#scratch.length < count) this.#scratch = new Uint8Array(count)
    this.#scratch.set(bytes)
    this.#handler?.onData(this.#scratch.subarray(0, count))
    this.#scratch.fill(POISON, 0, count)
  }

  #wasRead(byteCount: number): void {
    this.#unreadBytes -= byteCount
    this.#pump()
  }

  #closeIfOver(): void {
    if (this.#remoteEnded && this.#endSent) this.#die()
  }

  /** From `end` or the other side's end on; then it only starts again when something moves. */
  #touchLinger(onlyIfRunning = false): void {
    if (onlyIfRunning && this.#linger === undefined) return
    this.#linger?.cancel()
    this.#linger = this.#system.schedule(LINGER_MS, () => this.#die())
  }

  #die(): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#linger?.cancel()
    this.#onGone(this)
    this.#inbox.length = 0
    this.#bufferedBytes = 0
    this.#system.schedule(0, () => {
      for (const { onSent } of this.#queue.splice(0)) {
        if (!this.#isSilent) onSent?.()
      }
      this.#tellClose()
    })
  }

  #tellClose(): void {
    if (this.#handler === undefined || this.#hasToldClose || this.#isSilent) return
    this.#hasToldClose = true
    this.#handler.onClose(this.#reason)
  }
}
