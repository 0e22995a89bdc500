import { setUint32, uint32 } from '@shoal/protocol/bytes'
import { crc32 } from './crc32.ts'
import type { StampRecord } from './file-state.ts'

/** One thing that happened since the snapshot, as the journal keeps it. */
export type ResumeRecord =
  /** The files under a piece may change from now on, and it is us who does it. */
  | { readonly type: 'writing'; readonly pieceIndex: number; readonly wallMs: number }
  /** The piece is right and in its files, the last of which has this stamp now (none when it is all padding). */
  | { readonly type: 'verified'; readonly pieceIndex: number; readonly stamp: StampRecord | undefined }
  | { readonly type: 'stamp'; readonly stamp: StampRecord }
  | { readonly type: 'lost'; readonly pieceIndex: number }
  /** What the records before number `recordCount` tell has reached the disk. */
  | { readonly type: 'synced'; readonly recordCount: number }
  | { readonly type: 'totals'; readonly uploaded: number; readonly downloaded: number }

/**
 * ```
 *  0  type       1  flags (1: suspect, 2: has a stamp)       2  zero
 *  4  piece index, or the count of a sync                    8  file index
 * 12  two doubles: size and time of a stamp, or totals      28  CRC-32 of the snapshot's CRC, the record's number, and all before
 * ```
 * With number and snapshot in the checksum no record can be taken for another one, nor for one of another generation.
 */
export const RECORD_BYTES = 32
const CRC_AT = 28

const TYPES = ['writing', 'verified', 'stamp', 'lost', 'synced', 'totals'] as const
const IS_SUSPECT = 1
const HAS_STAMP = 2

export function writeRecord(
  into: Uint8Array,
  at: number,
  record: ResumeRecord,
  key: { readonly snapshotCrc: number; readonly number: number },
): void {
  const bytes = into.subarray(at, at + RECORD_BYTES)
  bytes.fill(0)
  bytes[0] = TYPES.indexOf(record.type) + 1
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (record.type) {
    case 'writing':
      setUint32(bytes, 4, record.pieceIndex)
      view.setFloat64(12, record.wallMs)
      break
    case 'verified':
      setUint32(bytes, 4, record.pieceIndex)
      if (record.stamp !== undefined) writeStamp(bytes, view, record.stamp)
      break
    case 'stamp':
      writeStamp(bytes, view, record.stamp)
      break
    case 'lost':
      setUint32(bytes, 4, record.pieceIndex)
      break
    case 'synced':
      setUint32(bytes, 4, record.recordCount)
      break
    case 'totals':
      view.setFloat64(12, record.uploaded)
      view.setFloat64(20, record.downloaded)
  }
  setUint32(bytes, CRC_AT, checksum(bytes, key))
}

/** Undefined for anything that is not, to the bit, record `number` of that generation. */
export function readRecord(
  from: Uint8Array,
  at: number,
  key: { readonly snapshotCrc: number; readonly number: number },
): ResumeRecord | undefined {
  if (at + RECORD_BYTES > from.length) return undefined
  const bytes = from.subarray(at, at + RECORD_BYTES)
  if (uint32(bytes, CRC_AT) !== checksum(bytes, key)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const index = uint32(bytes, 4)
  switch (TYPES[bytes[0]! - 1]) {
    case 'writing':
      return { type: 'writing', pieceIndex: index, wallMs: view.getFloat64(12) }
    case 'verified':
      return { type: 'verified', pieceIndex: index, stamp: (bytes[1]! & HAS_STAMP) === 0 ? undefined : readStamp(bytes, view) }
    case 'stamp':
      return { type: 'stamp', stamp: readStamp(bytes, view) }
    case 'lost':
      return { type: 'lost', pieceIndex: index }
    case 'synced':
      return { type: 'synced', recordCount: index }
    case 'totals':
      return { type: 'totals', uploaded: view.getFloat64(12), downloaded: view.getFloat64(20) }
    case undefined:
      return undefined
  }
}

function writeStamp(bytes: Uint8Array, view: DataView, stamp: StampRecord): void {
  bytes[1] = HAS_STAMP | (stamp.isSuspect ? IS_SUSPECT : 0)
  setUint32(bytes, 8, stamp.fileIndex)
  view.setFloat64(12, stamp.size)
  view.setFloat64(20, stamp.modifiedMs)
}

function readStamp(bytes: Uint8Array, view: DataView): StampRecord {
  const isSuspect = (bytes[1]! & IS_SUSPECT) !== 0
  return { fileIndex: uint32(bytes, 8), size: view.getFloat64(12), modifiedMs: view.getFloat64(20), isSuspect }
}

function checksum(bytes: Uint8Array, key: { readonly snapshotCrc: number; readonly number: number }): number {
  const prefix = new Uint8Array(8)
  setUint32(prefix, 0, key.snapshotCrc)
  setUint32(prefix, 4, key.number)
  return crc32(bytes.subarray(0, CRC_AT), crc32(prefix))
}
