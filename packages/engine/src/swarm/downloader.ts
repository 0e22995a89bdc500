import { BLOCK_LENGTH } from '@shoal/protocol/metainfo/piece-geometry'
import type { EngineError } from '../base/errors.ts'
import type { RateLimiter } from '../peer/rate-limiter.ts'
import type { TrafficRules } from '../peer/traffic-rules.ts'
import type { Hasher } from '../ports/hasher.ts'
import type { System } from '../ports/system.ts'
import { SmartBan } from './smart-ban.ts'
import type { SwarmContent } from './swarm-content.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** Asked for together on a busy line, a MiB: with 8 instead, both ends of a loopback transfer need 4 % more CPU time. */
const RUN_OF_REQUESTS = 64
/** How long a disk that is behind is left to catch up before more is asked for. */
const NO_ROOM_PAUSE_MS = 100

export interface DownloaderOwner {
  peers(): Iterable<SwarmPeer>
  peer(key: number): SwarmPeer | undefined
  /** A piece has passed its hash, is on disk and in the resume journal. */
  onPieceVerified(pieceIndex: number): void
  onPieceFailed(pieceIndex: number): void
  /** Sent bytes that do not belong to the torrent, beyond doubt. */
  onLiar(peerKey: number, pieceIndex: number): void
  /** The disk does not take a piece: it is kept, nothing more is asked for until `resume`. */
  onWriteFailed(error: EngineError): void
}

/**
 * Asks for blocks and takes them in: who is asked for what (the picker says), how much is out at a time (the
 * peer's pipeline says), where a block goes (assembly), and what follows from a whole piece, a bad one, a silent
 * peer or a lost one.
 */
export class Downloader {
  /** Bytes that came and were of no use: twice, unasked, or part of a piece that failed. */
  wastedBytes = 0
  downloadedBytes = 0
  readonly #system: System
  readonly #hasher: Hasher
  readonly #limiter: RateLimiter
  readonly #traffic: Readonly<TrafficRules>
  readonly #owner: DownloaderOwner
  readonly #smartBan: SmartBan<number>
  #content: SwarmContent | undefined
  #isPaused = false
  #isCatchingUp = false
  #refillIsDue = false
  #limiterIsAwaited = false

  constructor(options: {
    system: System
    hasher: Hasher
    limiter: RateLimiter
    traffic: Readonly<TrafficRules>
    owner: DownloaderOwner
  }) {
    this.#system = options.system
    this.#hasher = options.hasher
    this.#limiter = options.limiter
    this.#traffic = options.traffic
    this.#owner = options.owner
    this.#smartBan = new SmartBan<number>()
  }

  setContent(content: SwarmContent): void {
    this.#content = content
  }

  resume(): void {
    this.#isPaused = false
    this.refillAllSoon()
  }

  /** Asks `peer` for as many blocks as should be out. */
  refill(peer: SwarmPeer): void {
    const content = this.#content
    const { connection } = peer
    if (content === undefined || this.#isPaused || this.#isCatchingUp || connection.isClosed || !connection.isOpen) return
    if (!connection.state.isInterested || (connection.state.isChokingUs && peer.grantedToUs.size === 0)) {
      peer.isStarved = false // its own next word, a have or an unchoke, has us ask again
      return
    }
    if (content.committer.isBehind) {
      peer.isStarved = true // the next piece that is done has us ask again
      return
    }
    const { pipeline } = connection
    const outstanding = pipeline.outstanding
    const missing = pipeline.depth(connection.now, content.picker.isCrowded) - outstanding
    // Asked in runs: a request for each single block that arrives would cost a write and a wake-up each.
    if (missing <= 0 || (outstanding > 0 && missing < Math.min(RUN_OF_REQUESTS, outstanding >> 1))) return
    const isLimited = !(peer.isLocal && this.#traffic.lanIsUnlimited)
    const count = isLimited ? this.#allowedBlocks(missing) : missing
    if (count === 0) return
    const picked = content.picker.pick(peer, count, (pieceIndex, begin, length) => connection.request(pieceIndex, begin, length))
    if (picked < count) {
      if (isLimited) this.#limiter.refund((count - picked) * BLOCK_LENGTH)
      peer.isStarved = true
    } else {
      peer.isStarved = false
    }
  }

  /** Something changed that may give idle peers work: looks once, after the current turn. */
  refillStarvedSoon(): void {
    if (this.#refillIsDue) return
    this.#refillIsDue = true
    this.#system.soon(() => {
      this.#refillIsDue = false
      const now = this.#system.now()
      for (const peer of this.#owner.peers()) {
        if (!peer.isStarved) continue
        peer.connection.now = now
        this.refill(peer)
      }
    })
  }

  refillAllSoon(): void {
    for (const peer of this.#owner.peers()) peer.isStarved = true
    this.refillStarvedSoon()
  }

  onBlock(peer: SwarmPeer, pieceIndex: number, begin: number, block: Uint8Array): void {
    const content = this.#content!
    const { picker } = content
    this.downloadedBytes += block.length
    peer.isSlow = false
    if (picker.onBlock(peer.key, pieceIndex, begin) !== 'first') {
      this.wastedBytes += block.length
      return
    }
    if (content.assembly.addBlock(pieceIndex, begin, block) === 'no-room') {
      this.#onNoRoom(content, peer, pieceIndex, begin, block.length)
      return
    }
    picker.otherAskers(pieceIndex, begin, peer.key, (key) => {
      this.#owner.peer(key)?.connection.cancel(pieceIndex, begin, block.length)
      picker.onBlockLost(key, pieceIndex, begin)
    })
    if (picker.isComplete(pieceIndex)) content.committer.commit(pieceIndex)
  }

  /**
   * The disk is behind (only pieces too large for memory wait for it): the block is asked for again later, and nothing
   * else until then, so that the network waits and memory does not grow.
   */
  #onNoRoom(content: SwarmContent, peer: SwarmPeer, pieceIndex: number, begin: number, length: number): void {
    this.wastedBytes += length
    content.picker.onBlockNotKept(pieceIndex, begin)
    peer.isStarved = true
    if (this.#isCatchingUp) return
    this.#isCatchingUp = true
    this.#system.after(NO_ROOM_PAUSE_MS, () => {
      this.#isCatchingUp = false
      this.refillAllSoon()
    })
  }

  onStrayBlock(length: number): void {
    this.downloadedBytes += length
    this.wastedBytes += length
  }

  onBlockRejected(peer: SwarmPeer, pieceIndex: number, begin: number): void {
    this.#content?.picker.onBlockLost(peer.key, pieceIndex, begin)
    peer.isStarved = true
    this.refillStarvedSoon()
  }

  /** It choked us: what was asked of it is not coming, unless it speaks the fast extension and rejects each (BEP 6). */
  onChoked(peer: SwarmPeer): void {
    this.#content?.picker.endParole(peer.key)
    if (peer.connection.supportsFast) return
    this.#dropRequests(peer)
  }

  onPeerGone(peer: SwarmPeer): void {
    const { pipeline, state } = peer.connection
    // One that choked us and owed nothing leaves nothing to others: a crowd that goes is not gone through for each of it.
    const leavesWork = !state.isChokingUs || pipeline.outstanding > 0
    pipeline.clear((pieceIndex, begin) => this.#content?.picker.onBlockLost(peer.key, pieceIndex, begin))
    this.#content?.picker.onPeerGone(peer.key)
    if (leavesWork) this.refillStarvedSoon()
  }

  /** Looks for peers that fell silent with our requests; about once a second. */
  onTick(now: number): void {
    const content = this.#content
    if (content === undefined) return
    for (const peer of this.#owner.peers()) {
      const { pipeline } = peer.connection
      if (pipeline.outstanding > 0 && !peer.isSlow && pipeline.isSnubbed(now)) {
        peer.isSlow = true
        content.picker.onPeerSlow(peer.key)
        this.refillAllSoon()
      }
    }
  }

  // --- what becomes of whole pieces (from the committer) -------------------------------------------------------

  /** `bytes` is the piece, while it is still in memory. */
  onVerified(pieceIndex: number, bytes: Uint8Array | undefined): void {
    const { picker, geometry } = this.#content!
    for (const key of new Set(picker.sendersOf(pieceIndex))) {
      const peer = this.#owner.peer(key)
      if (peer !== undefined) peer.pieceAllowance = Number.POSITIVE_INFINITY
    }
    if (bytes !== undefined && this.#smartBan.remembers(pieceIndex)) {
      const digests = digestsOfBlocks(bytes, geometry.blockCount(pieceIndex), this.#hasher)
      for (const liar of this.#smartBan.onVerified(pieceIndex, digests)) this.#owner.onLiar(liar, pieceIndex)
    }
    picker.onVerified(pieceIndex)
    this.#owner.onPieceVerified(pieceIndex)
    this.refillStarvedSoon()
  }

  /**
   * The hash was wrong. One sender: it is the liar. Several: their blocks are remembered, one of them sends the piece
   * again alone, and the blocks that differ then tell who lied.
   */
  onBad(pieceIndex: number, bytes: Uint8Array | undefined): void {
    const { picker, geometry } = this.#content!
    this.wastedBytes += geometry.pieceSize(pieceIndex)
    const senderOfBlock = picker.sendersOf(pieceIndex)
    const senders = new Set(senderOfBlock)
    const [onlySender] = senders
    if (senders.size === 1 && onlySender !== undefined) {
      picker.onFailed(pieceIndex)
      this.#owner.onLiar(onlySender, pieceIndex)
    } else {
      if (bytes !== undefined)
        this.#smartBan.onBad(pieceIndex, senderOfBlock, digestsOfBlocks(bytes, geometry.blockCount(pieceIndex), this.#hasher))
      for (const key of senders) {
        const peer = this.#owner.peer(key)
        if (peer !== undefined) peer.pieceAllowance = 1
      }
      const parolee = this.#leastSuspect(senders, pieceIndex)
      picker.onFailed(pieceIndex, parolee === undefined ? {} : { onlyFrom: parolee })
    }
    this.#owner.onPieceFailed(pieceIndex)
    this.refillAllSoon()
  }

  /** The piece is kept; nothing more is asked for until the disk takes it. */
  onWriteFailed(error: EngineError): void {
    this.#isPaused = true
    this.#owner.onWriteFailed(error)
  }

  /** Whom to ask for the whole of a piece that came out wrong from several: preferably somebody who took no part in it. */
  #leastSuspect(senders: ReadonlySet<number>, pieceIndex: number): number | undefined {
    let best: SwarmPeer | undefined
    for (const peer of this.#owner.peers()) {
      if (!peer.pieces.has(pieceIndex) || peer.connection.state.isChokingUs || peer.isSlow) continue
      if (best === undefined || (senders.has(best.key) && !senders.has(peer.key))) best = peer
    }
    return best?.key
  }

  #dropRequests(peer: SwarmPeer): void {
    const picker = this.#content?.picker
    peer.connection.pipeline.clear((pieceIndex, begin) => picker?.onBlockLost(peer.key, pieceIndex, begin))
    this.refillStarvedSoon()
  }

  /** How many of `wanted` blocks the rate limit lets us ask for; the rest is asked for when it lets more. */
  #allowedBlocks(wanted: number): number {
    const bytes = this.#limiter.take(wanted * BLOCK_LENGTH, this.#system.now())
    const blocks = Math.floor(bytes / BLOCK_LENGTH)
    if (blocks === wanted) return blocks
    this.#limiter.refund(bytes - blocks * BLOCK_LENGTH)
    if (!this.#limiterIsAwaited) {
      this.#limiterIsAwaited = true
      this.#limiter.whenAvailable(() => {
        this.#limiterIsAwaited = false
        const now = this.#system.now()
        for (const peer of this.#owner.peers()) {
          peer.connection.now = now
          this.refill(peer)
        }
      })
    }
    return blocks
  }
}

/** SHA-1 of each block of a piece, in order. */
function digestsOfBlocks(piece: Uint8Array, blockCount: number, hasher: Hasher): Uint8Array[] {
  return Array.from({ length: blockCount }, (_, block) => hasher.sha1(piece.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH)))
}
