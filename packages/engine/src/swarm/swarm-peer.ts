import type { Bitfield } from '@shoal/protocol/bitfield'
import { isLocalIp } from '@shoal/protocol/ip-address'
import type { PeerConnection } from '../peer/peer-connection.ts'
import type { ChokeCandidate } from './choker.ts'
import type { HeraldPeer } from './herald.ts'
import type { PickPeer } from './piece-picker.ts'

/** What the swarm knows of a peer beyond its connection: what it is worth to us, and what it may do. */
export class SwarmPeer implements PickPeer, ChokeCandidate, HeraldPeer {
  readonly connection: PeerConnection
  /** It is in a network of our own. */
  readonly isLocal: boolean
  /** Silent with requests out: its blocks may be asked of others. */
  isSlow = false
  /** There was nothing to ask it for; asked again when something changes. */
  isStarved = false
  /**
   * Pieces it may have in work at once. A peer earns its second piece with its first good one, so a liar never
   * costs more than a piece (SAFETY W2).
   */
  pieceAllowance = 1
  /** Pieces that it gives us although it chokes us (BEP 6). */
  readonly grantedToUs: Set<number> = new Set()
  /** Pieces that we give it although we choke it. */
  readonly grantedByUs: Set<number> = new Set()
  /** Its requests wait for something (the limit, a frame, a read, a proof) that will call when it is there. */
  isServiceWaiting = false
  isOptimistic = false
  /** How many of our new pieces it has been told of: the herald's. */
  newsHeard = 0
  unchokedAt = 0
  uploadedAtUnchoke = 0
  /** Metadata requests it has made; bounded (W1). */
  metadataRequests = 0

  constructor(connection: PeerConnection) {
    this.connection = connection
    this.isLocal = isLocalIp(connection.remote.host)
  }

  get key(): number {
    return this.connection.key
  }
  get pieces(): Bitfield {
    return this.connection.pieces
  }
  /** While it chokes us: the only pieces we may ask for. */
  get allowedFast(): ReadonlySet<number> | undefined {
    return this.connection.state.isChokingUs ? this.grantedToUs : undefined
  }
  get isInterested(): boolean {
    return this.connection.state.isInterestedInUs
  }
  get isChoked(): boolean {
    return this.connection.state.isChoking
  }
  get isSnubbed(): boolean {
    return this.isSlow
  }
  get connectedAt(): number {
    return this.connection.connectedAt
  }
  get downloadRate(): number {
    return this.connection.downloadMeter.bytesPerSecond(this.connection.now)
  }
  get uploadRate(): number {
    return this.connection.uploadMeter.bytesPerSecond(this.connection.now)
  }
  get uploadedSinceUnchoke(): number {
    return this.connection.uploadMeter.total - this.uploadedAtUnchoke
  }
}
