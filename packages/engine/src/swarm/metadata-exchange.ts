import { METADATA_EXTENSION, METADATA_PIECE_LENGTH, type MetadataMessage } from '@shoal/protocol/wire/metadata'
import { EngineError } from '../base/errors.ts'
import { MetadataFetch } from '../peer/metadata-fetch.ts'
import type { System } from '../ports/system.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** Every piece of the largest info dictionary, twice: whoever asks for more is playing, and after as many rejects sent away. */
const MAX_METADATA_REQUESTS = 4096

export interface MetadataExchangeOwner {
  onMetadata(raw: Uint8Array): void
  onMetadataLiar(peerKey: number): void
}

/**
 * The info dictionary over `ut_metadata` (BEP 9), both sides: a magnet link fetches it from any peers that have
 * it, and whoever has it serves it.
 */
export class MetadataExchange {
  readonly #system: System
  readonly #owner: MetadataExchangeOwner
  readonly #peers = new Map<number, SwarmPeer>()
  #fetch: MetadataFetch | undefined
  #raw: Uint8Array | undefined

  constructor(options: {
    system: System
    owner: MetadataExchangeOwner
    raw: Uint8Array | undefined
    isRight: (raw: Uint8Array) => boolean
  }) {
    this.#system = options.system
    this.#owner = options.owner
    this.#raw = options.raw
    if (options.raw === undefined) this.#fetch = new MetadataFetch({ isRight: options.isRight })
  }

  get size(): number | undefined {
    return this.#raw?.length
  }

  /** The peer has said what it speaks (BEP 10), perhaps with the size of the metadata. */
  onExtensionHandshake(peer: SwarmPeer): void {
    const extensions = peer.connection.extensions
    if (this.#fetch === undefined || extensions?.metadataSize === undefined || !extensions.ids.get(METADATA_EXTENSION)) return
    this.#peers.set(peer.key, peer)
    this.#fetch.onPeer(peer.key, extensions.metadataSize)
    this.#ask(peer)
  }

  onPeerGone(peer: SwarmPeer): void {
    if (!this.#peers.delete(peer.key)) return
    this.#fetch?.onPeerGone(peer.key)
    this.#askAll()
  }

  onMessage(peer: SwarmPeer, message: MetadataMessage): void {
    switch (message.type) {
      case 'request':
        this.#serve(peer, message.piece)
        return
      case 'reject':
        this.#fetch?.onReject(peer.key, message.piece, this.#system.now())
        this.#askAll()
        return
      case 'data':
        this.#onData(peer, message)
        return
    }
  }

  onTick(now: number): void {
    if (this.#fetch === undefined) return
    this.#fetch.tick(now)
    this.#askAll()
  }

  #onData(peer: SwarmPeer, message: Extract<MetadataMessage, { type: 'data' }>): void {
    if (this.#fetch === undefined) return
    const outcome = this.#fetch.onData(peer.key, message.piece, message.totalSize, message.data, this.#system.now())
    if (outcome.type !== 'more') for (const key of outcome.liars) this.#owner.onMetadataLiar(key)
    if (outcome.type === 'complete') {
      this.#raw = outcome.raw
      this.#fetch = undefined
      this.#peers.clear()
      this.#owner.onMetadata(outcome.raw)
      return
    }
    this.#askAll()
  }

  #serve(peer: SwarmPeer, piece: number): void {
    const raw = this.#raw
    const begin = piece * METADATA_PIECE_LENGTH
    if (++peer.metadataRequests > 2 * MAX_METADATA_REQUESTS) {
      peer.connection.close(new EngineError('PEER_MISBEHAVED', 'It asks for metadata without end'))
      return
    }
    if (raw === undefined || begin >= raw.length || peer.metadataRequests > MAX_METADATA_REQUESTS) {
      peer.connection.sendMetadataMessage({ type: 'reject', piece })
      return
    }
    peer.connection.sendMetadataMessage({
      type: 'data',
      piece,
      totalSize: raw.length,
      data: raw.subarray(begin, Math.min(raw.length, begin + METADATA_PIECE_LENGTH)),
    })
  }

  #askAll(): void {
    for (const peer of this.#peers.values()) this.#ask(peer)
  }

  #ask(peer: SwarmPeer): void {
    while (this.#fetch !== undefined) {
      const piece = this.#fetch.next(peer.key, this.#system.now())
      if (piece === undefined) return
      peer.connection.sendMetadataMessage({ type: 'request', piece })
    }
  }
}
