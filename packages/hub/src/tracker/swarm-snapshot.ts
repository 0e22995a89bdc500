import { crc32 } from 'node:zlib'
import { setUint16, setUint32, setUint64, uint16, uint32, uint64, viewOf } from '@shoal/protocol/bytes'
import { type PeerStore, type Swarm, TICK_SECONDS } from './peer-store.ts'
import type { PeerRole, PeerVector } from './peer-vector.ts'

/*
 * All swarms as bytes, so that a hub that was restarted knows them: else it gives thin answers for a whole interval.
 *
 *     header   "SHOALSWM" | version 1, 4 bytes | when it was begun, ms since 1970, 8 bytes
 *     swarm    1 | info hash, 20 | downloaded, 4 | is large, 1
 *     peers    2 | family 4 or 6 | how many, 2 | for each: endpoint, 6 or 18 | role | age in ticks of 10 s, 2    of the swarm before
 *     end      0 | swarms, 4 | peers, 4 | CRC-32 of all before, 4
 *
 * It is written while announces go on, a slice at a time. Every swarm in it was so at the moment at which it was written, and
 * a large one in parts: a peer that moved between two of them may be in it twice or not at all, and is there after its next
 * announce.
 */

/** Why a snapshot cannot be used. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError'
}

const MAGIC = Uint8Array.from('SHOALSWM', (letter) => letter.charCodeAt(0))
const VERSION = 1
const HEADER_BYTES = 20
const TAG = { end: 0, swarm: 1, peers: 2 } as const
const SWARM_BYTES = 1 + 20 + 4 + 1
const PEERS_HEADER_BYTES = 1 + 1 + 2
const END_BYTES = 1 + 4 + 4 + 4
const ROLES: readonly PeerRole[] = ['seed', 'partial', 'leech']
/** A slice takes less than a millisecond, so no announce waits for longer. */
const SLICE_BYTES = 64 * 1024

/**
 * The snapshot in slices.
 *
 * @param wallClock ms since 1970
 * @returns slices in memory that the next one uses again
 */
export function* snapshotSlices(store: PeerStore, wallClock: number): Generator<Uint8Array, undefined> {
  const slice = new SliceWriter()
  slice.header(wallClock)
  let swarms = 0
  let peers = 0
  for (const [infoHash, swarm] of store.swarms()) {
    if (swarm.count === 0 && swarm.downloaded === 0) continue
    if (!slice.hasRoomFor(SWARM_BYTES)) yield slice.take()
    slice.swarm(infoHash, swarm)
    swarms++
    for (const family of [4, 6] as const) {
      for (let position = 0; ; ) {
        const vector = swarm.peersOf(family)
        if (vector === undefined || position >= vector.count) break
        const written = slice.peers(vector, position, store.tick)
        if (written === 0) yield slice.take()
        position += written
        peers += written
      }
    }
  }
  if (!slice.hasRoomFor(END_BYTES)) yield slice.take()
  slice.end(swarms, peers)
  yield slice.take()
}

class SliceWriter {
  readonly #bytes = new Uint8Array(SLICE_BYTES)
  #length = 0
  #crc = 0

  hasRoomFor(bytes: number): boolean {
    return this.#length + bytes <= SLICE_BYTES
  }

  take(): Uint8Array {
    const slice = this.#bytes.subarray(0, this.#length)
    this.#crc = crc32(slice, this.#crc)
    this.#length = 0
    return slice
  }

  header(wallClock: number): void {
    this.#bytes.set(MAGIC)
    setUint32(this.#bytes, 8, VERSION)
    setUint64(this.#bytes, 12, BigInt(Math.floor(wallClock)))
    this.#length = HEADER_BYTES
  }

  swarm(infoHash: Uint8Array, swarm: Swarm): void {
    const at = this.#length
    this.#bytes[at] = TAG.swarm
    this.#bytes.set(infoHash, at + 1)
    setUint32(this.#bytes, at + 21, swarm.downloaded)
    this.#bytes[at + 25] = swarm.isLarge ? 1 : 0
    this.#length += SWARM_BYTES
  }

  /** As many peers from `position` on as there is room for. */
  peers(vector: PeerVector, position: number, tick: number): number {
    const peerBytes = vector.stride + 3
    const room = Math.floor((SLICE_BYTES - this.#length - PEERS_HEADER_BYTES) / peerBytes)
    const count = Math.min(vector.count - position, room, 0xffff)
    if (count <= 0) return 0
    const bytes = this.#bytes
    let at = this.#length
    bytes[at] = TAG.peers
    bytes[at + 1] = vector.stride === 6 ? 4 : 6
    setUint16(bytes, at + 2, count)
    at += PEERS_HEADER_BYTES
    for (let peer = position; peer < position + count; peer++, at += peerBytes) {
      vector.copyAt(peer, bytes, at)
      bytes[at + vector.stride] = ROLES.indexOf(vector.roleAt(peer))
      setUint16(bytes, at + vector.stride + 1, vector.ageAt(peer, tick))
    }
    this.#length = at
    return count
  }

  end(swarms: number, peers: number): void {
    const at = this.#length
    this.#bytes[at] = TAG.end
    setUint32(this.#bytes, at + 1, swarms)
    setUint32(this.#bytes, at + 5, peers)
    setUint32(this.#bytes, at + 9, crc32(this.#bytes.subarray(0, at + 9), this.#crc))
    this.#length += END_BYTES
  }
}

/** What was taken out of a snapshot. */
export interface Restored {
  readonly swarms: number
  /** Those that are still to be expected, and that the store's limits allow. */
  readonly peers: number
  /** How old the snapshot was. */
  readonly ageMs: number
}

/**
 * Puts the swarms of a snapshot into a store, with the ages that their peers have now.
 *
 * @param wallClock ms since 1970
 * @throws {SnapshotError} nothing has been put into the store then
 */
export function restoreSnapshot(bytes: Uint8Array, store: PeerStore, wallClock: number): Restored {
  expectWhole(bytes)
  const records = recordsOf(bytes)
  const ageMs = Math.max(0, wallClock - Number(uint64(bytes, 12)))
  const downTicks = Math.floor(ageMs / 1000 / TICK_SECONDS)
  let swarms = 0
  let peers = 0
  let swarm: Swarm | undefined
  for (const at of records) {
    if (bytes[at] === TAG.swarm) {
      swarm = store.findOrCreate(viewOf(bytes, at + 1, at + 21))
      if (swarm === undefined) break // as many as there may be
      swarms++
      swarm.downloaded = uint32(bytes, at + 21)
      swarm.isLarge = bytes[at + 25] === 1
      swarm.lastTick = store.tick
    } else if (swarm !== undefined) {
      peers += restorePeers(bytes, at, store, swarm, downTicks)
    }
  }
  return { swarms, peers, ageMs }
}

function restorePeers(bytes: Uint8Array, record: number, store: PeerStore, swarm: Swarm, downTicks: number): number {
  const stride = bytes[record + 1] === 4 ? 6 : 18
  const end = record + peersBytes(bytes, record)
  const lifetime = store.lifetimeTicks(swarm)
  let restored = 0
  for (let at = record + PEERS_HEADER_BYTES; at < end; at += stride + 3) {
    const endpoint = viewOf(bytes, at, at + stride)
    const age = uint16(bytes, at + stride + 1) + downTicks
    if (age >= lifetime || swarm.vectorFor(endpoint).find(endpoint) >= 0) continue
    if (store.add(swarm, endpoint, ROLES[bytes[at + stride]!]!, false, age)) restored++
  }
  return restored
}

/** @throws {SnapshotError} */
function expectWhole(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES + END_BYTES) throw new SnapshotError(`it has ${bytes.length} bytes, and the shortest one has more`)
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw new SnapshotError('it is no snapshot of swarms')
  const version = uint32(bytes, 8)
  if (version !== VERSION) throw new SnapshotError(`its version is ${version}, and this hub reads ${VERSION}`)
  if (crc32(bytes.subarray(0, bytes.length - 4)) !== uint32(bytes, bytes.length - 4))
    throw new SnapshotError('its checksum is wrong: it was cut off or changed')
}

/**
 * Where each record begins, all of them looked at before one is believed: bytes with the right checksum may still be
 * somebody else's.
 *
 * @throws {SnapshotError}
 */
function recordsOf(bytes: Uint8Array): number[] {
  const records: number[] = []
  const end = bytes.length - END_BYTES
  let at = HEADER_BYTES
  while (at < end) {
    const size = bytes[at] === TAG.swarm ? SWARM_BYTES : bytes[at] === TAG.peers ? peersBytes(bytes, at) : Number.NaN
    if (!(at + size <= end)) throw new SnapshotError(`the record at byte ${at} is none`)
    records.push(at)
    at += size
  }
  if (at !== end || bytes[end] !== TAG.end) throw new SnapshotError('it does not end as one does')
  return records
}

/** NaN when there is no such record. */
function peersBytes(bytes: Uint8Array, at: number): number {
  const family = bytes[at + 1]
  if (family !== 4 && family !== 6) return Number.NaN
  const stride = family === 4 ? 6 : 18
  const count = uint16(bytes, at + 2)
  const size = PEERS_HEADER_BYTES + count * (stride + 3)
  if (at + size > bytes.length) return Number.NaN
  for (let peer = 0, role = at + PEERS_HEADER_BYTES + stride; peer < count; peer++, role += stride + 3) {
    if (bytes[role]! >= ROLES.length) return Number.NaN
  }
  return size
}
