import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { uint32 } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import { parseIp } from '@shoal/protocol/ip-address'
import { isTrackerFailure, type TrackerFailure } from '@shoal/protocol/tracker/announce'
import {
  ANNOUNCE_REPLY_BYTES,
  encodeConnectReply,
  encodeUdpError,
  encodeUdpScrapeReply,
  parseUdpRequest,
  UDP_ACTION,
  type UdpRequest,
  writeUdpAnnounceReply,
} from '@shoal/protocol/tracker/udp'
import type { AnswerLimits, Tracker } from './announce.ts'
import type { ConnectionIds } from './connection-id.ts'
import { announceKeyIn } from './tracker-path.ts'

type DatagramLookup = NonNullable<SocketOptions['lookup']>

export interface UdpTrackerCounts {
  announces: number
  scrapes: number
  connects: number
  /** Announces and scrapes that were answered with an error: their key, torrent or form was refused. */
  failures: number
  /** Datagrams that got no answer: too short, no tracker protocol, without a valid connection id, or more than their network may send. */
  dropped: number
}

/** So many peers fit a datagram that no network cuts in pieces. */
const LIMITS4: AnswerLimits = { maxPeers: 200, bothFamilies: false }
const LIMITS6: AnswerLimits = { maxPeers: 70, bothFamilies: false }
const SHORTEST_REQUEST = 16
/** Enough for a failure reason in words. */
const MAX_ERROR_BYTES = 300
const RECEIVE_BUFFER_BYTES = 4 << 20

/**
 * The UDP door of the tracker (BEP 15, BEP 41), without state: what an address has proven is in its connection
 * id.
 *
 * Nobody can use it against a third party: a sender that has proven nothing gets at most as many bytes as it
 * has sent, and a wrong connection id gets nothing at all.
 */
export class UdpTracker {
  readonly counts: UdpTrackerCounts = { announces: 0, scrapes: 0, connects: 0, failures: 0, dropped: 0 }
  readonly #tracker: Tracker
  readonly #connectionIds: ConnectionIds
  readonly #onBug: (error: unknown) => void
  readonly #sockets: Socket[] = []

  constructor(tracker: Tracker, connectionIds: ConnectionIds, onBug: (error: unknown) => void) {
    this.#tracker = tracker
    this.#connectionIds = connectionIds
    this.#onBug = onBug
  }

  /**
   * Opens one more socket.
   * @returns its port. Rejects with the system's own error.
   */
  listen(host: string, port: number): Promise<number> {
    const isIpv6 = host.includes(':')
    // Every destination is an address already: without this Node asks its resolver for each answer, and answers a turn later.
    const lookup: DatagramLookup = (address, _, done) => done(null, address, isIpv6 ? 6 : 4)
    const socket = createSocket(isIpv6 ? { type: 'udp6', ipv6Only: true, lookup } : { type: 'udp4', lookup })
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => {
        socket.close()
        reject(error)
      }
      socket.once('error', onError)
      socket.bind({ address: host, port }, () => {
        socket.off('error', onError)
        // A destination that cannot be reached is that client's matter and closes nothing.
        socket.on('error', () => {})
        socket.on('message', (bytes, from) => this.#onDatagram(socket, bytes, from))
        enlargeReceiveBuffer(socket)
        this.#sockets.push(socket)
        resolve(socket.address().port)
      })
    })
  }

  async close(): Promise<void> {
    const closing = this.#sockets.splice(0).map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.close(() => resolve())
        }),
    )
    await Promise.all(closing)
  }

  /**
   * What a datagram from `address` (4 or 16 bytes) gets.
   * @returns bytes that belong to the caller, or undefined for no answer
   */
  answer(bytes: Uint8Array, address: Uint8Array): Uint8Array | undefined {
    if (bytes.length < SHORTEST_REQUEST) return this.#drop()
    const isConnect = uint32(bytes, 8) === UDP_ACTION.connect
    if (!isConnect && !this.#connectionIds.isValid(bytes, address)) return this.#drop()
    if (!(isConnect ? this.#tracker.mayConnect(address) : this.#tracker.maySpend(address))) return this.#drop()
    let request: UdpRequest
    try {
      request = parseUdpRequest(bytes)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return isConnect ? this.#drop() : encodeUdpError(uint32(bytes, 12), error.message, MAX_ERROR_BYTES)
    }
    const { transactionId } = request
    if (request.action === 'announce') return this.#announce(request, address)
    if (request.action === 'connect') {
      this.counts.connects++
      return encodeConnectReply(transactionId, this.#connectionIds.issue(address))
    }
    this.counts.scrapes++
    // A scrape has no room for options, so it never comes with a key.
    const entries = this.#tracker.scrape(request.infoHashes, address)
    return isTrackerFailure(entries) ? this.#refuse(transactionId, entries) : encodeUdpScrapeReply(transactionId, entries)
  }

  #announce(request: UdpRequest & { action: 'announce' }, address: Uint8Array): Uint8Array | undefined {
    this.counts.announces++
    const isIpv4 = address.length === 4
    const reply = this.#tracker.announce(request.announce, address, isIpv4 ? LIMITS4 : LIMITS6, announceKeyIn(request.urlData))
    if (isTrackerFailure(reply)) return this.#refuse(request.transactionId, reply)
    const peers = isIpv4 ? reply.peers4 : reply.peers6
    // From Node's pool: an allocation of its own for each answer would cost half a microsecond.
    const bytes = Buffer.allocUnsafe(ANNOUNCE_REPLY_BYTES + peers.length)
    writeUdpAnnounceReply(bytes, request.transactionId, reply, peers)
    return bytes
  }

  #refuse(transactionId: number, failure: TrackerFailure): Uint8Array | undefined {
    this.counts.failures++
    return encodeUdpError(transactionId, failure.failureReason, MAX_ERROR_BYTES)
  }

  #onDatagram(socket: Socket, bytes: Buffer, from: RemoteInfo): void {
    try {
      const address = parseIp(withoutZone(from.address))
      // Port 0 can be forged, and no socket sends there: the attempt would throw.
      if (address === undefined || from.port === 0) {
        this.#drop()
        return
      }
      const reply = this.answer(bytes, address)
      if (reply !== undefined) socket.send(reply, from.port, from.address)
    } catch (error) {
      this.#onBug(error)
    }
  }

  #drop(): undefined {
    this.counts.dropped++
    return undefined
  }
}

/** A link-local address comes with its interface. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

/** Room for a burst. The system may give less, and then it is less. */
function enlargeReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
  } catch {
    // Some systems refuse what is above their limit: the usual size also works.
  }
}
