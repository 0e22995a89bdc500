import { setUint32, uint32 } from '@shoal/protocol/bytes'
import { encodeHandshake, HANDSHAKE_LENGTH } from '@shoal/protocol/wire/handshake'
import { MESSAGE_ID } from '@shoal/protocol/wire/message'
import type { ByteStream, StreamHandler } from '../src/ports/network.ts'
import type { SwarmTorrent } from './swarm-torrent.ts'
import type { World, WorldPeer } from './world.ts'

export interface Greeting {
  readonly fast?: boolean
  readonly extensions?: boolean
}

/** One message, its length in front: an id and 32-bit numbers, then bytes. */
export function message(id: number, numbers: readonly number[] = [], rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(5 + numbers.length * 4 + rest.length)
  setUint32(bytes, 0, bytes.length - 4)
  bytes[4] = id
  for (const [at, number] of numbers.entries()) setUint32(bytes, 5 + at * 4, number)
  bytes.set(rest, 5 + numbers.length * 4)
  return bytes
}

/**
 * A peer that says what a story tells it to say, byte by byte, and notes what it hears: for those who do not keep to
 * the protocol.
 */
export class ScriptedPeer implements StreamHandler {
  readonly world: World
  readonly torrent: SwarmTorrent
  /** Ids of the messages it heard, in order; -1 is a keep-alive. */
  readonly heard: number[] = []
  /** When the other side hung up; undefined while it has not. */
  closedAtMs: number | undefined
  readonly #stream: ByteStream
  #received: Uint8Array = new Uint8Array(0)
  #hasHeardGreeting = false

  private constructor(world: World, torrent: SwarmTorrent, stream: ByteStream) {
    this.world = world
    this.torrent = torrent
    this.#stream = stream
    stream.start(this)
  }

  /** Connects from a machine of its own. */
  static async dial(world: World, name: string, torrent: SwarmTorrent, to: WorldPeer): Promise<ScriptedPeer> {
    const { address } = world.peer(name)
    const stream = await world.system.complete(world.network.host(address).dial(to.endpoint, { timeoutMs: 10_000 }))
    return new ScriptedPeer(world, torrent, stream)
  }

  get isClosed(): boolean {
    return this.closedAtMs !== undefined
  }

  say(...parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#stream.write(part.slice())
  }

  greet(greeting: Greeting = {}): void {
    this.say(this.greeting(greeting))
  }

  /** The 68 bytes of a right handshake. */
  greeting({ fast = true, extensions = true }: Greeting = {}): Uint8Array {
    return encodeHandshake({
      infoHash: this.torrent.info.infoHashV1!,
      peerId: new TextEncoder().encode('-XX0001-'.padEnd(20, 'scripted')),
      supportsExtensions: extensions,
      supportsFast: fast,
      supportsDht: false,
      supportsV2: false,
    })
  }

  /** Everything, as a right bitfield. */
  bitfield(): Uint8Array {
    const { pieceCount } = this.torrent.info
    const bits = new Uint8Array(Math.ceil(pieceCount / 8))
    for (let piece = 0; piece < pieceCount; piece++) bits[piece >> 3]! |= 0x80 >> (piece & 7)
    return message(MESSAGE_ID.bitfield, [], bits)
  }

  /** Reads nothing more: what is sent to it piles up. */
  stopReading(): void {
    this.#stream.pause()
  }

  hangUp(): void {
    this.#stream.destroy()
  }

  onData(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#received.length + chunk.length)
    all.set(this.#received)
    all.set(chunk, this.#received.length)
    let at = 0
    if (!this.#hasHeardGreeting && all.length >= HANDSHAKE_LENGTH) {
      this.#hasHeardGreeting = true
      at = HANDSHAKE_LENGTH
    }
    while (this.#hasHeardGreeting && at + 4 <= all.length) {
      const end = at + 4 + uint32(all, at)
      if (end > all.length) break
      this.heard.push(end === at + 4 ? -1 : all[at + 4]!)
      at = end
    }
    this.#received = all.slice(at)
  }

  onDrain(): void {}

  onClose(): void {
    this.closedAtMs = this.world.system.now()
  }
}
