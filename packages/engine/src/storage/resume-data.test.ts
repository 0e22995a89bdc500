import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes, encodeUtf8 } from '@shoal/protocol/bytes'
import fc from 'fast-check'
import { crc32 } from './crc32.ts'
import type { StampRecord } from './file-state.ts'
import { bootFingerprint, decodeResume, encodeSnapshot, RESUME_VERSION, type ResumeState } from './resume-data.ts'
import { RECORD_BYTES, type ResumeRecord, writeRecord } from './resume-record.ts'

const PIECES = 37
const FILES = 3

const stampOf: fc.Arbitrary<StampRecord> = fc.record(
  {
    fileIndex: fc.nat(FILES),
    size: fc.nat(2 ** 31 - 1).map((size) => size * 4096),
    modifiedMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
    isSuspect: fc.boolean(),
  },
  { noNullPrototype: true },
)
const pieceIndex = fc.nat(PIECES - 1)
const recordOf: fc.Arbitrary<ResumeRecord> = fc.oneof(
  fc.record({ type: fc.constant('writing' as const), pieceIndex, wallMs: fc.double({ min: 0, max: 2e12, noNaN: true }) }),
  fc.record({ type: fc.constant('verified' as const), pieceIndex, stamp: fc.option(stampOf, { nil: undefined }) }),
  fc.record({ type: fc.constant('stamp' as const), stamp: stampOf }),
  fc.record({ type: fc.constant('lost' as const), pieceIndex }),
  fc.record({ type: fc.constant('synced' as const), recordCount: fc.nat(30) }),
  fc.record({ type: fc.constant('totals' as const), uploaded: fc.nat(), downloaded: fc.nat() }),
)
const snapshotOf: fc.Arbitrary<ResumeState> = fc
  .record({
    have: fc.array(pieceIndex),
    unsynced: fc.array(pieceIndex),
    stamps: fc.array(stampOf),
    selection: fc.uint8Array({ minLength: FILES, maxLength: FILES }),
    infoRaw: fc.option(fc.uint8Array({ minLength: 1, maxLength: 100 }), { nil: undefined }),
    isClean: fc.boolean(),
    uploaded: fc.nat(),
    activeMs: fc.nat(),
  })
  .map((of) => {
    const verified = Bitfield.empty(PIECES)
    const unsynced = Bitfield.empty(PIECES)
    for (const piece of of.have) verified.set(piece)
    for (const piece of of.unsynced) if (verified.has(piece)) unsynced.set(piece)
    const stamps = new Map(of.stamps.map((stamp) => [stamp.fileIndex, stamp]))
    return {
      infoHash: new Uint8Array(20).fill(7),
      pieceLength: 2 ** 18,
      totalSize: 2 ** 40 + 1,
      isClean: of.isClean,
      boot: 12345,
      verified,
      unsynced,
      activeMs: of.activeMs,
      snapshotMs: of.activeMs,
      writing: new Map(),
      stamps,
      syncedStamps: stamps,
      selection: of.selection,
      uploaded: of.uploaded,
      downloaded: 2 ** 50,
      infoRaw: of.infoRaw,
    }
  })

function encode(snapshot: ResumeState, records: readonly ResumeRecord[]): Uint8Array {
  const { bytes, crc } = encodeSnapshot(snapshot)
  const tail = new Uint8Array(records.length * RECORD_BYTES)
  for (const [number, record] of records.entries()) writeRecord(tail, number * RECORD_BYTES, record, { snapshotCrc: crc, number })
  return concatBytes([bytes, tail])
}

/** What the records mean, in the simplest words: sets, and a scan of everything for every sync. */
function naive(snapshot: ResumeState, records: readonly ResumeRecord[]) {
  const verified = new Set<number>()
  const toldBy = new Map<number, number>()
  const writing = new Map<number, number>()
  const stamps = new Map(snapshot.stamps)
  let totals = { uploaded: snapshot.uploaded, downloaded: snapshot.downloaded }
  snapshot.verified.forEachSet((piece) => verified.add(piece))
  snapshot.unsynced.forEachSet((piece) => void toldBy.set(piece, -1))
  for (const [number, record] of records.entries()) {
    if (record.type === 'writing') writing.set(record.pieceIndex, record.wallMs)
    if (record.type === 'verified' || record.type === 'lost') writing.delete(record.pieceIndex)
    if (record.type === 'verified') {
      verified.add(record.pieceIndex)
      toldBy.set(record.pieceIndex, number)
    }
    if (record.type === 'lost') {
      verified.delete(record.pieceIndex)
      toldBy.delete(record.pieceIndex)
    }
    if (record.type === 'synced') for (const [piece, told] of toldBy) if (told < record.recordCount) toldBy.delete(piece)
    if ('stamp' in record && record.stamp !== undefined) stamps.set(record.stamp.fileIndex, record.stamp)
    if (record.type === 'totals') totals = { uploaded: record.uploaded, downloaded: record.downloaded }
  }
  return {
    verified: [...verified].toSorted((a, b) => a - b),
    unsynced: [...toldBy.keys()].toSorted((a, b) => a - b),
    writing,
    stamps,
    totals,
  }
}

function setBits(field: Bitfield): number[] {
  const set: number[] = []
  field.forEachSet((piece) => set.push(piece))
  return set
}

function decodeOk(bytes: Uint8Array): { state: ResumeState; isTailTorn: boolean } {
  const decoded = decodeResume(bytes)
  if (decoded.outcome !== 'ok') throw new Error(`not readable: ${JSON.stringify(decoded)}`)
  return decoded
}

function assertMeans(bytes: Uint8Array, snapshot: ResumeState, records: readonly ResumeRecord[]): void {
  const { state } = decodeOk(bytes)
  const twin = naive(snapshot, records)
  assert.deepEqual(setBits(state.verified), twin.verified)
  assert.deepEqual(setBits(state.unsynced), twin.unsynced)
  assert.deepEqual(state.writing, twin.writing)
  assert.deepEqual(state.stamps, twin.stamps)
  assert.deepEqual({ uploaded: state.uploaded, downloaded: state.downloaded }, twin.totals)
  assert.equal(state.isClean, snapshot.isClean && records.length === 0)
}

describe('resume data', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(snapshotOf, (snapshot) => {
        const { state, isTailTorn } = decodeOk(encode(snapshot, []))
        assert.deepEqual(state, snapshot)
        assert.equal(isTailTorn, false)
      }),
    )
  })

  test('means what its naive twin says, for any story', () => {
    fc.assert(
      fc.property(snapshotOf, fc.array(recordOf, { maxLength: 40 }), (snapshot, records) => {
        assertMeans(encode(snapshot, records), snapshot, records)
      }),
      { numRuns: 300 },
    )
  })

  test('cut at any byte tells the story up to there, or says that it is corrupt', () => {
    fc.assert(
      fc.property(snapshotOf, fc.array(recordOf, { minLength: 1, maxLength: 8 }), (snapshot, records) => {
        const whole = encode(snapshot, records)
        const snapshotLength = whole.length - records.length * RECORD_BYTES
        for (let length = 0; length < whole.length; length++) {
          const cut = whole.subarray(0, length)
          if (length < snapshotLength) assert.equal(decodeResume(cut).outcome, 'corrupt')
          else assertMeans(cut, snapshot, records.slice(0, Math.floor((length - snapshotLength) / RECORD_BYTES)))
        }
      }),
      { numRuns: 20 },
    )
  })

  test('with any bit flipped tells the story up to there, or says that it is corrupt or newer', () => {
    fc.assert(
      fc.property(snapshotOf, fc.array(recordOf, { minLength: 1, maxLength: 5 }), fc.nat(7), (snapshot, records, bit) => {
        const whole = encode(snapshot, records)
        const snapshotLength = whole.length - records.length * RECORD_BYTES
        for (let at = 0; at < whole.length; at++) {
          const flipped = whole.slice()
          flipped[at]! ^= 1 << bit
          if (at >= snapshotLength) {
            assertMeans(flipped, snapshot, records.slice(0, Math.floor((at - snapshotLength) / RECORD_BYTES)))
            assert.equal(decodeOk(flipped).isTailTorn, true)
          } else {
            assert.notEqual(decodeResume(flipped).outcome, 'ok')
          }
        }
      }),
      { numRuns: 20 },
    )
  })

  test('takes no record of another generation, and none out of its order', () => {
    fc.assert(
      fc.property(snapshotOf, fc.array(recordOf, { minLength: 2, maxLength: 5 }), (snapshot, records) => {
        const whole = encode(snapshot, records)
        const tail = whole.subarray(whole.length - records.length * RECORD_BYTES)
        const other = { ...snapshot, uploaded: snapshot.uploaded + 1 }
        assertMeans(concatBytes([encode(other, []), tail]), other, [])
        assertMeans(concatBytes([encode(snapshot, []), tail.subarray(RECORD_BYTES)]), snapshot, [])
      }),
      { numRuns: 50 },
    )
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        assert.equal(decodeResume(bytes).outcome, 'corrupt')
      }),
    )
  })

  test('never throws for a checksum that fits over nonsense', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 92, maxLength: 400 }), (bytes) => {
        bytes.set(encodeUtf8('SHOALRES\0\u0001'))
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
        if (bytes.length < 100) return
        view.setUint32(12, bytes.length)
        view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)))
        assert.ok(['ok', 'corrupt'].includes(decodeResume(bytes).outcome))
      }),
      { numRuns: 500 },
    )
  })

  test('of a newer version is told apart from a corrupt one', () => {
    const state = fc.sample(snapshotOf, { numRuns: 1, seed: 1 })[0]!
    const bytes = encode(state, [])
    bytes[9] = RESUME_VERSION + 1
    assert.deepEqual(decodeResume(bytes), { outcome: 'newer', version: RESUME_VERSION + 1 })
  })
})

describe('what resume data is made of', () => {
  test('CRC-32 as everybody computes it', () => {
    assert.equal(crc32(encodeUtf8('123456789')), 0xcbf43926)
    assert.equal(crc32(encodeUtf8('6789'), crc32(encodeUtf8('12345'))), 0xcbf43926)
    assert.equal(crc32(new Uint8Array(0)), 0)
  })

  test('an unknown boot is no boot', () => {
    assert.equal(bootFingerprint(undefined), 0)
    assert.notEqual(bootFingerprint(''), 0)
    assert.notEqual(bootFingerprint('a'), bootFingerprint('b'))
  })
})
