import { connect, type Socket } from 'node:net'
import { Random } from '@shoal/engine/simulation'
import { Bitfield } from '@shoal/protocol/bitfield'
import { fromLatin1 } from '@shoal/protocol/bytes'
import { EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake } from '@shoal/protocol/wire/extension'
import { encodeHandshake, HANDSHAKE_LENGTH } from '@shoal/protocol/wire/handshake'
import {
  encodeBitfield,
  encodeExtended,
  INDEX_MESSAGE_BYTES,
  MESSAGE_ID,
  type MessageHandler,
  SIMPLE_MESSAGE_BYTES,
  type SimpleMessageId,
  writeHave,
  writeSimple,
} from '@shoal/protocol/wire/message'
import { MessageDecoder } from '@shoal/protocol/wire/message-decoder'
import { serve } from './idle-process.ts'

/*
 * A crowd of peers that are connected and do next to nothing, as most connections of a large swarm: they shake hands,
 * say what they have, send a keep-alive a minute, now and then get a piece from somebody else or change their mind about
 * us, and are interested once we have what they lack. None asks for a block. Each has an address of its own in 127/8.
 */

const CHAT_INTERVAL_MS = 60_000
const CHAT_SLICE_MS = 50
const HANDSHAKES_AT_ONCE = 64
const RECEIVE_BUFFER = new Uint8Array(64 * 1024)
const KEEP_ALIVE = new Uint8Array(4)
const LISTEN_PORT = 6881

export interface CrowdTorrent {
  readonly infoHash: Uint8Array
  readonly pieceCount: number
}

export interface CrowdReport {
  readonly open: number
  readonly closed: number
  readonly messagesSent: number
  readonly bytesReceived: number
  /** Over the peers that are still there: pieces that we know the engine has. */
  readonly piecesHeardOf: { readonly min: number; readonly median: number; readonly max: number }
}

const crowd: IdlePeer[] = []
let bytesReceived = 0
let messagesSent = 0
let closedCount = 0

class IdlePeer implements MessageHandler {
  readonly #torrent: CrowdTorrent
  readonly #socket: Socket
  readonly #number: number
  readonly #mayBeSeed: boolean
  readonly #random: Random
  readonly #pieces: Bitfield
  readonly #theirs: Bitfield
  readonly #decoder = new MessageDecoder(this)
  #handshakeLeft = HANDSHAKE_LENGTH
  #isInterested = false
  #onSettled: (() => void) | undefined
  isOpen = false

  constructor(number: number, order: { readonly port: number; readonly hasSeeds: boolean }, torrent: CrowdTorrent, onSettled: () => void) {
    this.#number = number
    this.#torrent = torrent
    this.#random = new Random(number)
    this.#mayBeSeed = order.hasSeeds
    this.#onSettled = onSettled
    this.#pieces = Bitfield.empty(torrent.pieceCount)
    this.#theirs = Bitfield.empty(torrent.pieceCount)
    this.#socket = connect({
      host: '127.0.0.1',
      port: order.port,
      localAddress: `127.${100 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`,
      noDelay: true,
      onread: { buffer: RECEIVE_BUFFER, callback: (count) => this.#receive(RECEIVE_BUFFER.subarray(0, count)) },
    })
    this.#socket.once('connect', () => this.#shakeHands())
    this.#socket.on('error', () => {})
    this.#socket.once('close', () => {
      if (this.isOpen) closedCount++
      this.isOpen = false
      this.#settled()
    })
  }

  /** How many pieces the engine has told it of. */
  get heardOf(): number {
    return this.#theirs.count
  }

  /** Once a minute. */
  chat(): void {
    if (!this.isOpen) return
    const chance = this.#random.fraction()
    const pieceIndex = this.#random.below(this.#torrent.pieceCount)
    if (chance < 0.1 && !this.#pieces.isEmpty && this.#pieces.count < this.#torrent.pieceCount - 1 && this.#pieces.set(pieceIndex)) {
      const have = new Uint8Array(INDEX_MESSAGE_BYTES)
      writeHave(have, 0, pieceIndex)
      this.#send(have)
    } else if (chance < 0.15 && !this.#theirs.isEmpty) {
      this.#setInterested(!this.#isInterested)
    } else {
      this.#send(KEEP_ALIVE)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  onHave(pieceIndex: number): void {
    this.#theirs.set(pieceIndex)
    if (!this.#isInterested && !this.#pieces.has(pieceIndex)) this.#setInterested(true)
  }
  onBitfield(bits: Uint8Array): void {
    Bitfield.fromBytes(bits, this.#torrent.pieceCount).forEachSet((pieceIndex) => this.onHave(pieceIndex))
  }
  onHaveAll(): void {
    this.#theirs.setAll()
    if (!this.#pieces.isComplete) this.#setInterested(true)
  }
  onKeepAlive(): void {}
  onChoke(): void {}
  onUnchoke(): void {}
  onInterested(): void {}
  onNotInterested(): void {}
  onRequest(): void {}
  onPiece(): void {}
  onCancel(): void {}
  onPort(): void {}
  onSuggest(): void {}
  onHaveNone(): void {}
  onReject(): void {}
  onAllowedFast(): void {}
  onExtended(): void {}
  onUnknown(): void {}

  #shakeHands(): void {
    const peerId = new Uint8Array(20)
    peerId.set(fromLatin1(`-IP0001-${String(this.#number).padStart(12, '0')}`))
    this.#send(
      encodeHandshake({
        infoHash: this.#torrent.infoHash,
        peerId,
        supportsExtensions: true,
        supportsFast: true,
        supportsDht: false,
        supportsV2: false,
      }),
    )
  }

  #receive(chunk: Uint8Array): boolean {
    bytesReceived += chunk.length
    const handshake = Math.min(this.#handshakeLeft, chunk.length)
    if (handshake > 0) {
      this.#handshakeLeft -= handshake
      if (this.#handshakeLeft === 0) this.#introduce()
    }
    if (handshake < chunk.length) this.#decoder.push(chunk.subarray(handshake))
    return true
  }

  /** Half have nothing, one in twenty everything, the others a part. */
  #introduce(): void {
    const { pieceCount } = this.#torrent
    const kind = this.#number % 20
    if (kind === 0 && this.#mayBeSeed) this.#pieces.setAll()
    else if (kind < 10) {
      for (let pieceIndex = 0; pieceIndex < pieceCount; pieceIndex++) if (this.#random.chance(kind / 10)) this.#pieces.set(pieceIndex)
    }
    const simple = new Uint8Array(SIMPLE_MESSAGE_BYTES)
    if (this.#pieces.isEmpty || this.#pieces.isComplete)
      writeSimple(simple, 0, this.#pieces.isEmpty ? MESSAGE_ID.haveNone : MESSAGE_ID.haveAll)
    this.#send(this.#pieces.isEmpty || this.#pieces.isComplete ? simple : encodeBitfield(this.#pieces.bytes))
    const said = {
      ids: new Map([
        ['ut_metadata', 3],
        ['ut_pex', 1],
      ]),
      client: 'Idle Peer 1',
      requestQueueLength: 500,
      port: LISTEN_PORT,
    }
    this.#send(encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake(said)))
    this.isOpen = true
    this.#settled()
  }

  #setInterested(isInterested: boolean): void {
    if (this.#isInterested === isInterested) return
    this.#isInterested = isInterested
    const messageId: SimpleMessageId = isInterested ? MESSAGE_ID.interested : MESSAGE_ID.notInterested
    const message = new Uint8Array(SIMPLE_MESSAGE_BYTES)
    writeSimple(message, 0, messageId)
    this.#send(message)
  }

  #send(bytes: Uint8Array): void {
    messagesSent++
    this.#socket.write(bytes)
  }

  #settled(): void {
    this.#onSettled?.()
    this.#onSettled = undefined
  }
}

let chatting: NodeJS.Timeout | undefined
let nextToChat = 0

const service = {
  /** Peers number `first` to `first + count`, spread over the torrents. @returns how many were let in, and the seconds that took */
  async connect(order: {
    readonly port: number
    readonly torrents: readonly CrowdTorrent[]
    /** Whether one in twenty has everything. Two seeds have nothing to say to each other, so a seed is given none. */
    readonly hasSeeds: boolean
    readonly first: number
    readonly count: number
  }): Promise<{ readonly open: number; readonly seconds: number }> {
    const begunAt = performance.now()
    let next = order.first
    const end = order.first + order.count
    const lane = async (): Promise<void> => {
      while (next < end) {
        const number = next++
        const torrent = order.torrents[number % order.torrents.length]!
        await new Promise<void>((resolve) => crowd.push(new IdlePeer(number, order, torrent, resolve)))
      }
    }
    await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, lane))
    chatting ??= setInterval(chatSlice, CHAT_SLICE_MS)
    return { open: openCount(), seconds: (performance.now() - begunAt) / 1000 }
  },

  report(): CrowdReport {
    const heard = crowd.filter((peer) => peer.isOpen).map((peer) => peer.heardOf)
    heard.sort((a, b) => a - b)
    return {
      open: heard.length,
      closed: closedCount,
      messagesSent,
      bytesReceived,
      piecesHeardOf: { min: heard[0] ?? 0, median: heard[heard.length >> 1] ?? 0, max: heard.at(-1) ?? 0 },
    }
  },

  close(): void {
    clearInterval(chatting)
    for (const peer of crowd) peer.close()
  },
}

export type PeersService = typeof service

serve(service)

/** Everybody has a turn in a minute, a few at a time. */
function chatSlice(): void {
  const count = Math.ceil((crowd.length * CHAT_SLICE_MS) / CHAT_INTERVAL_MS)
  for (let left = Math.min(count, crowd.length); left > 0; left--) {
    crowd[nextToChat % crowd.length]!.chat()
    nextToChat++
  }
}

function openCount(): number {
  let count = 0
  for (const peer of crowd) if (peer.isOpen) count++
  return count
}
