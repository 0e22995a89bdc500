import { Bitfield } from '@shoal/protocol/bitfield'
import { encodeUtf8, equalBytes, fromLatin1, setUint16, setUint32, uint16, uint32 } from '@shoal/protocol/bytes'
import { crc32 } from './crc32.ts'
import type { StampRecord } from './file-state.ts'
import { RECORD_BYTES, type ResumeRecord, readRecord } from './resume-record.ts'

/**
 * What we remember of a torrent between runs: one file, a snapshot and after it the records of what happened since.
 *
 * ```
 * | header | verified bits | unsynced bits | selection | stamps | info dictionary | CRC-32 | record | record | …
 * |<--------------------------- snapshot, replaced as a whole -------------------------->|<- only appended ->
 * ```
 *
 * Reading never fails on account of the bytes: a snapshot that is not whole is `corrupt`, a record that is not
 * whole ends the records (what was appended after it cannot be older). Whether what is remembered may be believed is
 * the question of `resume-trust.ts`.
 */
export interface ResumeState {
  /** v1: 20 bytes. */
  readonly infoHash: Uint8Array
  readonly pieceLength: number
  readonly totalSize: number
  /** Stopped in order: nothing was written after the stamps were taken. */
  readonly isClean: boolean
  /** The boot of the machine that the unsynced pieces belong to; see `bootFingerprint`. */
  readonly boot: number
  readonly verified: Bitfield
  /** The part of `verified` that a power cut may have taken. */
  readonly unsynced: Bitfield
  /** The latest time of day at which we are known to have been at work. */
  readonly activeMs: number
  /** The same as of the snapshot: a file begun before it has a stamp in it. */
  readonly snapshotMs: number
  /** Pieces that were being written at the end, with the time of day at which that began. */
  readonly writing: ReadonlyMap<number, number>
  /** The last known of each file on disk, by file index; the parts file counts as the one after the last. */
  readonly stamps: ReadonlyMap<number, StampRecord>
  /** The same as of the last sync. */
  readonly syncedStamps: ReadonlyMap<number, StampRecord>
  /** One byte a file, 0 for unwanted; the rest is up to the caller. */
  readonly selection: Uint8Array
  readonly uploaded: number
  readonly downloaded: number
  /** The info dictionary, where there is no .torrent file that has it. */
  readonly infoRaw: Uint8Array | undefined
}

export type DecodedResume =
  | { readonly outcome: 'ok'; readonly state: ResumeState; readonly isTailTorn: boolean }
  | { readonly outcome: 'newer'; readonly version: number }
  | { readonly outcome: 'corrupt'; readonly reason: string }

export const RESUME_VERSION = 1
const MAGIC = fromLatin1('SHOALRES')
const HEADER_BYTES = 92
const STAMP_BYTES = 24
const CRC_BYTES = 4
const IS_CLEAN = 1
const HAS_UNSYNCED = 2

/**
 * ```
 *  0 magic          8 version     10 flags        12 snapshot bytes, CRC included     16 info hash
 * 36 piece length  40 pieces      44 total size   52 uploaded    60 downloaded   68 boot   72 files   76 stamps   80 info bytes   84 active
 * ```
 * @returns the snapshot and its CRC, which the records after it are bound to
 */
export function encodeSnapshot(state: ResumeState): { readonly bytes: Uint8Array; readonly crc: number } {
  const hasUnsynced = !state.unsynced.isEmpty
  const bits = state.verified.bytes.length
  const infoRaw = state.infoRaw ?? new Uint8Array(0)
  const length =
    HEADER_BYTES + bits * (hasUnsynced ? 2 : 1) + state.selection.length + state.stamps.size * STAMP_BYTES + infoRaw.length + CRC_BYTES
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC, 0)
  setUint16(bytes, 8, RESUME_VERSION)
  setUint16(bytes, 10, (state.isClean ? IS_CLEAN : 0) | (hasUnsynced ? HAS_UNSYNCED : 0))
  setUint32(bytes, 12, length)
  bytes.set(state.infoHash, 16)
  setUint32(bytes, 36, state.pieceLength)
  setUint32(bytes, 40, state.verified.size)
  view.setFloat64(44, state.totalSize)
  view.setFloat64(52, state.uploaded)
  view.setFloat64(60, state.downloaded)
  setUint32(bytes, 68, state.boot)
  setUint32(bytes, 72, state.selection.length)
  setUint32(bytes, 76, state.stamps.size)
  setUint32(bytes, 80, infoRaw.length)
  view.setFloat64(84, state.activeMs)
  let at = HEADER_BYTES
  const put = (part: Uint8Array): void => {
    bytes.set(part, at)
    at += part.length
  }
  put(state.verified.bytes)
  if (hasUnsynced) put(state.unsynced.bytes)
  put(state.selection)
  for (const stamp of state.stamps.values()) {
    setUint32(bytes, at, stamp.fileIndex)
    setUint32(bytes, at + 4, stamp.isSuspect ? 1 : 0)
    view.setFloat64(at + 8, stamp.size)
    view.setFloat64(at + 16, stamp.modifiedMs)
    at += STAMP_BYTES
  }
  put(infoRaw)
  const crc = crc32(bytes.subarray(0, at))
  setUint32(bytes, at, crc)
  return { bytes, crc }
}

export function decodeResume(bytes: Uint8Array): DecodedResume {
  if (bytes.length < HEADER_BYTES + CRC_BYTES || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    return { outcome: 'corrupt', reason: 'it is not a resume file' }
  }
  const version = uint16(bytes, 8)
  if (version > RESUME_VERSION) return { outcome: 'newer', version }
  const length = uint32(bytes, 12)
  const end = length - CRC_BYTES
  if (version !== RESUME_VERSION || length > bytes.length || end < HEADER_BYTES)
    return { outcome: 'corrupt', reason: 'its header is damaged' }
  const crc = crc32(bytes.subarray(0, end))
  if (uint32(bytes, end) !== crc) return { outcome: 'corrupt', reason: 'its checksum does not fit' }
  const snapshot = decodeSnapshot(bytes.subarray(0, end))
  if (snapshot === undefined) return { outcome: 'corrupt', reason: 'its parts do not add up' }
  const replay = new Replay(snapshot)
  let at = length
  let number = 0
  for (; at < bytes.length; at += RECORD_BYTES) {
    const record = readRecord(bytes, at, { snapshotCrc: crc, number })
    if (record === undefined || !replay.apply(record, number)) break
    number++
  }
  return { outcome: 'ok', state: replay.result(number), isTailTorn: at < bytes.length }
}

/** A boot of the machine as a number, to compare; 0 stands for unknown and equals nothing. */
export function bootFingerprint(bootId: string | undefined): number {
  return bootId === undefined ? 0 : Math.max(1, crc32(encodeUtf8(bootId)))
}

/** The checksum has been checked, so a contradiction in here is a mistake of a writer, not of a disk. */
function decodeSnapshot(bytes: Uint8Array): ResumeState | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = uint16(bytes, 10)
  const pieceCount = uint32(bytes, 40)
  const fileCount = uint32(bytes, 72)
  const stampCount = uint32(bytes, 76)
  const infoLength = uint32(bytes, 80)
  const bits = Math.ceil(pieceCount / 8)
  const hasUnsynced = (flags & HAS_UNSYNCED) !== 0
  if (HEADER_BYTES + bits * (hasUnsynced ? 2 : 1) + fileCount + stampCount * STAMP_BYTES + infoLength !== bytes.length) return undefined
  let at = HEADER_BYTES
  const take = (length: number): Uint8Array => {
    at += length
    return bytes.subarray(at - length, at)
  }
  const verified = bitfieldOf(take(bits), pieceCount)
  const unsynced = hasUnsynced ? bitfieldOf(take(bits), pieceCount) : Bitfield.empty(pieceCount)
  if (verified === undefined || unsynced === undefined) return undefined
  const selection = take(fileCount).slice()
  const stamps = new Map<number, StampRecord>()
  for (let count = 0; count < stampCount; count++, at += STAMP_BYTES) {
    const fileIndex = uint32(bytes, at)
    const isSuspect = uint32(bytes, at + 4) !== 0
    stamps.set(fileIndex, { fileIndex, isSuspect, size: view.getFloat64(at + 8), modifiedMs: view.getFloat64(at + 16) })
  }
  return {
    infoHash: bytes.slice(16, 36),
    pieceLength: uint32(bytes, 36),
    totalSize: view.getFloat64(44),
    isClean: (flags & IS_CLEAN) !== 0,
    boot: uint32(bytes, 68),
    verified,
    unsynced,
    activeMs: view.getFloat64(84),
    snapshotMs: view.getFloat64(84),
    writing: new Map(),
    stamps,
    syncedStamps: stamps,
    selection,
    uploaded: view.getFloat64(52),
    downloaded: view.getFloat64(60),
    infoRaw: infoLength === 0 ? undefined : take(infoLength).slice(),
  }
}

function bitfieldOf(bytes: Uint8Array, size: number): Bitfield | undefined {
  try {
    return Bitfield.fromBytes(bytes, size)
  } catch {
    return undefined // spare bits set: said as `corrupt`
  }
}

/** Applies records to a snapshot, one after another. */
class Replay {
  readonly #snapshot: ResumeState
  readonly #verified: Bitfield
  /** Which record told of a piece that no sync has covered yet; -1: the snapshot. */
  readonly #unsynced = new Map<number, number>()
  readonly #writing = new Map<number, number>()
  readonly #stamps: Map<number, StampRecord>
  readonly #syncedStamps: Map<number, StampRecord>
  #newStamps: { readonly number: number; readonly stamp: StampRecord }[] = []
  #uploaded: number
  #downloaded: number
  #activeMs: number

  constructor(snapshot: ResumeState) {
    this.#snapshot = snapshot
    this.#verified = snapshot.verified.clone()
    snapshot.unsynced.forEachSet((pieceIndex) => this.#unsynced.set(pieceIndex, -1))
    this.#stamps = new Map(snapshot.stamps)
    this.#syncedStamps = new Map(snapshot.stamps)
    this.#uploaded = snapshot.uploaded
    this.#downloaded = snapshot.downloaded
    this.#activeMs = snapshot.activeMs
  }

  /** @returns false for a record about something that this torrent does not have */
  apply(record: ResumeRecord, number: number): boolean {
    if ('pieceIndex' in record && record.pieceIndex >= this.#verified.size) return false
    switch (record.type) {
      case 'writing':
        this.#writing.set(record.pieceIndex, record.wallMs)
        this.#activeMs = Math.max(this.#activeMs, record.wallMs)
        return true
      case 'verified':
        this.#writing.delete(record.pieceIndex)
        this.#verified.set(record.pieceIndex)
        this.#unsynced.set(record.pieceIndex, number)
        if (record.stamp !== undefined) this.#setStamp(record.stamp, number)
        return true
      case 'stamp':
        this.#setStamp(record.stamp, number)
        return true
      case 'lost':
        this.#writing.delete(record.pieceIndex)
        this.#verified.clear(record.pieceIndex)
        this.#unsynced.delete(record.pieceIndex)
        return true
      case 'synced':
        for (const [pieceIndex, told] of this.#unsynced) if (told < record.recordCount) this.#unsynced.delete(pieceIndex)
        for (const { number: told, stamp } of this.#newStamps) if (told < record.recordCount) this.#syncedStamps.set(stamp.fileIndex, stamp)
        this.#newStamps = this.#newStamps.filter((told) => told.number >= record.recordCount)
        return true
      case 'totals':
        this.#uploaded = record.uploaded
        this.#downloaded = record.downloaded
        return true
    }
  }

  result(recordCount: number): ResumeState {
    const unsynced = Bitfield.empty(this.#verified.size)
    for (const pieceIndex of this.#unsynced.keys()) unsynced.set(pieceIndex)
    return {
      ...this.#snapshot,
      isClean: this.#snapshot.isClean && recordCount === 0,
      verified: this.#verified,
      unsynced,
      activeMs: this.#activeMs,
      writing: this.#writing,
      stamps: this.#stamps,
      syncedStamps: this.#syncedStamps,
      uploaded: this.#uploaded,
      downloaded: this.#downloaded,
    }
  }

  #setStamp(stamp: StampRecord, number: number): void {
    this.#stamps.set(stamp.fileIndex, stamp)
    this.#newStamps.push({ number, stamp })
  }
}
