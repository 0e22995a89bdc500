import { parseIpv4 } from '@shoal/protocol/ip-address'
import { allowedFastSet } from '@shoal/protocol/wire/allowed-fast'
import type { SwarmOptions } from '../base/options.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { System, Timer } from '../ports/system.ts'
import { chooseUnchoked, mayUnchokeNow, turnBytesFor } from './choker.ts'
import type { SwarmContent } from './swarm-content.ts'
import type { SwarmPeer } from './swarm-peer.ts'

export interface UnchokerOwner {
  peers(): Iterable<SwarmPeer>
  readonly isSeeding: boolean
  readonly infoHash: Uint8Array
  /** From now on the peer may ask for whatever we have. */
  onUnchoking(peer: SwarmPeer): void
}

/**
 * Puts the choker's answers into effect: every ten seconds for everybody, and at once where a slot is free, so that
 * a newcomer on an idle seed does not wait for the next round. A choked newcomer gets a few pieces all the same
 * (BEP 6), so that it has something to trade.
 */
export class Unchoker {
  readonly #system: System
  readonly #hasher: Hasher
  readonly #options: SwarmOptions
  readonly #owner: UnchokerOwner
  /** Those whom we do not choke, a handful: nobody has to look for them among all peers. */
  readonly #unchoked = new Set<SwarmPeer>()
  #content: SwarmContent | undefined
  #timer: Timer | undefined
  #isStopped = false
  #optimisticSince = 0

  constructor(options: { system: System; hasher: Hasher; options: SwarmOptions; owner: UnchokerOwner }) {
    this.#system = options.system
    this.#hasher = options.hasher
    this.#options = options.options
    this.#owner = options.owner
  }

  setContent(content: SwarmContent): void {
    this.#content = content
  }

  start(): void {
    this.#timer = this.#system.every(this.#options.rechokeIntervalMs, () => this.rechoke())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Those who may download from us now. */
  unchoked(): Iterable<SwarmPeer> {
    return this.#unchoked
  }

  onInterestChanged(peer: SwarmPeer): void {
    if (!peer.isInterested) {
      if (!peer.isChoked) {
        this.#choke(peer)
        this.#fillSlots()
      }
      return
    }
    if (mayUnchokeNow(peer, this.#slotsTaken, this.#options.unchokeSlots, this.#owner.isSeeding)) this.#unchoke(peer)
    else this.#grantFewPieces(peer)
  }

  onPeerGone(peer: SwarmPeer): void {
    if (this.#unchoked.delete(peer)) this.#fillSlots()
  }

  /** Weighs everybody anew. */
  rechoke(): void {
    const content = this.#content
    if (content === undefined) return
    const now = this.#system.now()
    for (const peer of this.#owner.peers()) peer.connection.now = now
    const { unchoked, optimistic, optimisticSince } = chooseUnchoked({
      peers: this.#owner.peers(),
      slots: this.#options.unchokeSlots,
      isSeeding: this.#owner.isSeeding,
      now,
      optimisticSince: this.#optimisticSince,
      randomBelow: (limit) => this.#system.randomBelow(limit),
      options: { optimisticMs: this.#options.optimisticIntervalMs, turnBytes: turnBytesFor(content.geometry.pieceLength) },
    })
    this.#optimisticSince = optimisticSince
    for (const peer of this.#owner.peers()) peer.isOptimistic = peer === optimistic
    for (const peer of this.#unchoked) if (!unchoked.has(peer)) this.#choke(peer)
    for (const peer of unchoked) this.#unchoke(peer)
  }

  get #slotsTaken(): number {
    let taken = 0
    for (const peer of this.#unchoked) if (!peer.isOptimistic) taken++
    return taken
  }

  #fillSlots(): void {
    if (this.#isStopped) return
    let taken = this.#slotsTaken
    for (const peer of this.#owner.peers()) {
      if (taken >= this.#options.unchokeSlots) return
      if (!mayUnchokeNow(peer, taken, this.#options.unchokeSlots, this.#owner.isSeeding)) continue
      this.#unchoke(peer)
      if (!peer.isOptimistic) taken++
    }
  }

  #unchoke(peer: SwarmPeer): void {
    if (!peer.isChoked) return
    this.#unchoked.add(peer)
    peer.unchokedAt = this.#system.now()
    peer.uploadedAtUnchoke = peer.connection.uploadMeter.total
    this.#owner.onUnchoking(peer)
    peer.connection.unchoke()
  }

  #choke(peer: SwarmPeer): void {
    if (this.#unchoked.delete(peer)) peer.connection.choke()
  }

  #grantFewPieces(peer: SwarmPeer): void {
    const content = this.#content
    const { connection } = peer
    if (content === undefined || !connection.supportsFast || peer.grantedByUs.size > 0) return
    if (peer.pieces.count >= this.#options.allowedFastPieces) return
    const ipv4 = parseIpv4(connection.remote.host)
    if (ipv4 === undefined) return // BEP 6 defines the set for IPv4 only
    const granted = allowedFastSet(this.#owner.infoHash, ipv4, content.geometry.pieceCount, this.#options.allowedFastPieces, (bytes) =>
      this.#hasher.sha1(bytes),
    )
    for (const pieceIndex of granted) {
      if (!content.have.has(pieceIndex) || peer.pieces.has(pieceIndex)) continue
      peer.grantedByUs.add(pieceIndex)
      connection.sendAllowedFast(pieceIndex)
    }
  }
}
