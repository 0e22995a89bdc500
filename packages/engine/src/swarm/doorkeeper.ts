import { compareBytes, equalBytes, latin1 } from '@shoal/protocol/bytes'
import type { Handshake } from '@shoal/protocol/wire/handshake'
import { EngineError } from '../base/errors.ts'
import type { SwarmOptions } from '../base/options.ts'
import type { PeerConnection } from '../peer/peer-connection.ts'
import type { PeerList } from './peer-list.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** Who may come into a swarm: not ourselves, nobody twice, nobody who lied, and not more than there is room for. */
export class Doorkeeper {
  readonly #identity: { readonly infoHash: Uint8Array; readonly ourPeerId: Uint8Array }
  readonly #listenPort: number | undefined
  readonly #peerList: PeerList
  readonly #options: SwarmOptions
  /** Those who are in, by peer id: with ten thousand of them nobody can be compared with each. */
  readonly #peers = new Map<string, PeerConnection>()

  constructor(options: {
    identity: { readonly infoHash: Uint8Array; readonly ourPeerId: Uint8Array }
    /** Where others can reach us; undefined when we do not listen. */
    listenPort: number | undefined
    peerList: PeerList
    options: SwarmOptions
  }) {
    this.#identity = options.identity
    this.#listenPort = options.listenPort
    this.#peerList = options.peerList
    this.#options = options.options
  }

  /** Lets it in. @throws {EngineError} `PEER_…`: why it is sent away */
  admit(connection: PeerConnection, { infoHash, peerId }: Handshake): void {
    if (!equalBytes(infoHash, this.#identity.infoHash)) {
      throw new EngineError('PEER_UNKNOWN_TORRENT', 'It answers for another torrent than the one we asked for')
    }
    if (equalBytes(peerId, this.#identity.ourPeerId)) {
      this.#onSelf(connection)
      throw new EngineError('PEER_SELF', 'This is us')
    }
    if (this.#peerList.isBanned(connection.remote, peerId)) throw new EngineError('PEER_BANNED', 'It sent bad data before')
    this.#resolveDuplicate(connection, peerId)
    if (this.#peers.size >= this.#options.maxConnections || this.#isCrowdedBy(connection.remote.host)) {
      throw new EngineError('PEER_LIMIT', `There are ${this.#peers.size} connections already`)
    }
    this.#peers.set(latin1(peerId), connection)
  }

  /** Those who have to go when fewer may be in than are: who exchanges least with us, and of these who came last. */
  surplus(peers: Iterable<SwarmPeer>, now: number): SwarmPeer[] {
    const rateOf = ({ connection }: SwarmPeer): number =>
      connection.downloadMeter.bytesPerSecond(now) + connection.uploadMeter.bytesPerSecond(now)
    const count = this.#peers.size - this.#options.maxConnections
    if (count <= 0) return []
    return [...peers].sort((a, b) => rateOf(a) - rateOf(b) || b.connectedAt - a.connectedAt).slice(0, count)
  }

  /** One who was let in is gone. */
  onGone({ peerId }: PeerConnection): void {
    this.#peers.delete(latin1(peerId))
  }

  /** The incoming end of a connection to ourselves hears the handshake first, so it is the one that finds out. */
  #onSelf({ isIncoming, remote }: PeerConnection): void {
    if (!isIncoming) this.#peerList.onSelf(remote)
    else if (this.#listenPort !== undefined) this.#peerList.onSelf({ host: remote.host, port: this.#listenPort })
  }

  /**
   * Two peers that dial each other at the same moment must agree which connection stays, or both go. The one
   * opened by the side with the larger peer id does.
   */
  #resolveDuplicate(connection: PeerConnection, peerId: Uint8Array): void {
    const other = this.#peers.get(latin1(peerId))
    if (other === undefined) return
    const weShouldHaveDialled = compareBytes(this.#identity.ourPeerId, peerId) > 0
    const newIsRight = connection.isIncoming !== weShouldHaveDialled
    if (other.isIncoming === connection.isIncoming || !newIsRight) {
      throw new EngineError('PEER_DUPLICATE', 'It is connected already')
    }
    other.close(new EngineError('PEER_DUPLICATE', 'Replaced by the connection from the other side'))
  }

  /** One address may not take all places from others (SAFETY W8); several peers behind one router are welcome. */
  #isCrowdedBy(host: string): boolean {
    const { maxConnections, crowdedPerAddress } = this.#options
    return this.#peers.size >= maxConnections / 2 && this.#peerList.connectionCountOf(host) >= crowdedPerAddress
  }
}
