/** What we wrote down ourselves, after somebody else had it in hand (SAFETY W13). */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random, SimDisk, SimSystem } from '@shoal/engine/simulation'
import { Bitfield } from '@shoal/protocol/bitfield'
import { concatBytes, encodeUtf8, setUint32, uint32 } from '@shoal/protocol/bytes'
import { EngineError } from '../../../packages/engine/src/base/errors.ts'
import { lockStateFile } from '../../../packages/engine/src/node/state-file.ts'
import { crc32 } from '../../../packages/engine/src/storage/crc32.ts'
import { decodeResume, encodeSnapshot, type ResumeState } from '../../../packages/engine/src/storage/resume-data.ts'
import { loadResume } from '../../../packages/engine/src/storage/resume-file.ts'
import { RECORD_BYTES, type ResumeRecord, writeRecord } from '../../../packages/engine/src/storage/resume-record.ts'
import { judgeResume } from '../../../packages/engine/src/storage/resume-trust.ts'
import type { StoredTorrent } from '../../../packages/engine/src/storage/stored-torrent.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'

const INFO_HASH = new Uint8Array(20).fill(5)
const PIECE_LENGTH = 16_384
const PIECES = 11
const DAY = 1_767_225_600_000

/** Three files of eleven pieces, the middle one small, and padding. */
const TORRENT: StoredTorrent = {
  pieceLength: PIECE_LENGTH,
  pieceCount: PIECES,
  totalSize: PIECES * PIECE_LENGTH - 100,
  pieceHashes: new Uint8Array(PIECES * 20),
  files: [
    { path: ['t', 'a'], length: 5 * PIECE_LENGTH + 7, offset: 0, isPadding: false, isExecutable: false },
    { path: ['t', 'b'], length: 3, offset: 5 * PIECE_LENGTH + 7, isPadding: false, isExecutable: false },
    { path: ['t', '.pad', '1'], length: PIECE_LENGTH - 10, offset: 5 * PIECE_LENGTH + 10, isPadding: true, isExecutable: false },
    { path: ['t', 'c'], length: 5 * PIECE_LENGTH - 100, offset: 6 * PIECE_LENGTH, isPadding: false, isExecutable: false },
  ],
}

function stamp(fileIndex: number, random: Random): { fileIndex: number; size: number; modifiedMs: number; isSuspect: boolean } {
  return { fileIndex, size: random.below(PIECES * PIECE_LENGTH), modifiedMs: DAY + random.below(100_000), isSuspect: random.chance(1 / 8) }
}

function someBits(random: Random, density: number): Bitfield {
  const bits = Bitfield.empty(PIECES)
  for (let index = 0; index < PIECES; index++) if (random.chance(density)) bits.set(index)
  return bits
}

function someState(random: Random): ResumeState {
  const verified = someBits(random, 0.6)
  const unsynced = someBits(random, 0.2)
  for (let index = 0; index < PIECES; index++) if (!verified.has(index)) unsynced.clear(index)
  const activeMs = DAY + random.below(100_000)
  const stamps = new Map([0, 1, 3].map((fileIndex) => [fileIndex, stamp(fileIndex, random)]))
  return {
    infoHash: INFO_HASH,
    pieceLength: PIECE_LENGTH,
    totalSize: TORRENT.totalSize,
    isClean: random.chance(1 / 2),
    boot: random.below(3),
    verified,
    unsynced,
    activeMs,
    snapshotMs: activeMs,
    writing: new Map(),
    stamps,
    syncedStamps: stamps,
    selection: Uint8Array.of(4, 4, 0, random.below(8)),
    uploaded: random.below(1e9),
    downloaded: random.below(1e9),
    infoRaw: random.chance(1 / 4) ? random.bytes(30) : undefined,
  }
}

function someRecord(random: Random): ResumeRecord {
  const pieceIndex = random.below(PIECES)
  switch (random.below(6)) {
    case 0:
      return { type: 'writing', pieceIndex, wallMs: DAY + random.below(100_000) }
    case 1:
      return { type: 'stamp', stamp: stamp(random.below(5), random) }
    case 2:
      return { type: 'lost', pieceIndex }
    case 3:
      return { type: 'synced', recordCount: random.below(10) }
    case 4:
      return { type: 'totals', uploaded: random.below(1e9), downloaded: random.below(1e9) }
    default:
      return { type: 'verified', pieceIndex, stamp: random.chance(1 / 4) ? undefined : stamp(random.below(5), random) }
  }
}

function resumeFiles(): Uint8Array[] {
  const random = new Random('resume files')
  return Array.from({ length: 24 }, () => {
    const { bytes, crc } = encodeSnapshot(someState(random))
    const records = new Uint8Array(random.below(9) * RECORD_BYTES)
    for (let number = 0; number * RECORD_BYTES < records.length; number++) {
      writeRecord(records, number * RECORD_BYTES, someRecord(random), { snapshotCrc: crc, number })
    }
    return concatBytes([bytes, records])
  })
}

/** Right checksums over wrong contents: what somebody who can write to the disk would make. */
function resealed(input: Uint8Array, random: Random): Uint8Array {
  if (input.length < 100 || random.chance(1 / 4)) return input
  const bytes = input.slice()
  let length = uint32(bytes, 12)
  if (length > bytes.length || length < 96) {
    length = 96 + random.below(bytes.length - 95)
    setUint32(bytes, 12, length)
  }
  if (random.chance(1 / 2)) fitLength(bytes, length)
  const crc = crc32(bytes.subarray(0, length - 4))
  setUint32(bytes, length - 4, crc)
  const key = new Uint8Array(8)
  for (let number = 0, at = length; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES, number++) {
    setUint32(key, 0, crc)
    setUint32(key, 4, number)
    setUint32(bytes, at + 28, crc32(bytes.subarray(at, at + 28), crc32(key)))
  }
  return bytes
}

/** The info dictionary takes what the other parts leave, so that they add up. */
function fitLength(bytes: Uint8Array, length: number): void {
  const bits = Math.ceil(uint32(bytes, 40) / 8) * ((bytes[11]! & 2) === 0 ? 1 : 2)
  const rest = length - 4 - 92 - bits - uint32(bytes, 72) - uint32(bytes, 76) * 24
  if (rest >= 0) setUint32(bytes, 80, rest)
}

/** The same, of states that are equal. */
function comparable(state: ResumeState): unknown {
  const {
    verified,
    unsynced,
    stamps,
    isClean,
    boot,
    activeMs,
    selection,
    uploaded,
    downloaded,
    infoRaw,
    infoHash,
    pieceLength,
    totalSize,
  } = state
  return [
    verified.bytes,
    unsynced.bytes,
    stamps,
    isClean,
    boot,
    activeMs,
    selection,
    uploaded,
    downloaded,
    infoRaw,
    infoHash,
    pieceLength,
    totalSize,
  ]
}

const RESUME = {
  grammar: 'bytes',
  tokens: [Uint8Array.of(0x53, 0x48, 0x4f, 0x41, 0x4c, 0x52, 0x45, 0x53), Uint8Array.of(0x7f, 0xf8, 0, 0, 0, 0, 0, 0), new Uint8Array(32)],
  maxBytes: 1_200,
  refusals: 'none',
  corpus: resumeFiles,
} as const

export const resumeData: FuzzTarget = {
  ...RESUME,
  name: 'resume-data',
  mend: resealed,
  run(input) {
    const decoded = decodeResume(input)
    if (decoded.outcome !== 'ok') return decoded.outcome
    const { state } = decoded
    expect(state.verified.size === state.unsynced.size, 'bits of two lengths')
    for (const pieceIndex of state.writing.keys()) expect(pieceIndex < state.verified.size, 'a piece is written that there is not')
    const again = decodeResume(encodeSnapshot(state).bytes)
    expect(again.outcome === 'ok', 'written again it cannot be read')
    expectEqual(comparable(again.state), comparable(state), 'written again')
    return `fine${decoded.isTailTorn ? ', torn' : ''}${state.isClean ? ', clean' : ''}`
  },
}

export const resumeTrust: FuzzTarget = {
  ...RESUME,
  name: 'resume-trust',
  mend: resealed,
  run(input) {
    const decoded = decodeResume(input)
    if (decoded.outcome !== 'ok') return decoded.outcome
    // `loadResume` gives nothing else to be judged.
    if (decoded.state.verified.size !== PIECES) return 'another torrent'
    const random = new Random(crc32(input))
    const found = [...TORRENT.files, undefined].map(() => (random.chance(1 / 6) ? undefined : stamp(0, random)))
    const { verified, toCheck, begun } = judgeResume({
      state: decoded.state,
      boot: random.below(3),
      torrent: TORRENT,
      found,
      homeOf: (fileIndex) => (fileIndex === 2 ? undefined : random.chance(1 / 8) ? TORRENT.files.length : fileIndex),
    })
    expectEqual([verified.size, toCheck.size], [PIECES, PIECES], 'pieces that are judged')
    toCheck.forEachSet((pieceIndex) => expect(!verified.has(pieceIndex), `piece ${pieceIndex} is believed and to be checked`))
    verified.forEachSet((pieceIndex) =>
      expect(decoded.state.verified.has(pieceIndex), `piece ${pieceIndex} is believed and was not remembered`),
    )
    for (const home of begun) expect(!decoded.state.stamps.has(home), `file ${home} is remembered and called begun`)
    return `${verified.isEmpty ? 'nothing' : 'some'} believed, ${toCheck.isEmpty ? 'nothing' : 'some'} to check`
  },
}

/** Both generations are the same bytes, of which the first byte says where the older one is cut. */
export const resumeFile: FuzzTarget = {
  ...RESUME,
  name: 'resume-file',
  mend: resealed,
  oneIn: 4,
  async run(input) {
    const system = new SimSystem({ seed: crc32(input) })
    const disk = new SimDisk(system)
    const whole = async (): Promise<string> => {
      await disk.replaceState('/state/t.resume', input)
      await disk.replaceState('/state/t.resume', input.subarray(0, input.length - ((input[8] ?? 0) % 2)))
      const loaded = await loadResume(disk, '/state/t.resume', INFO_HASH, TORRENT)
      if (loaded.state === undefined) return `nothing, ${loaded.notes.length} notes`
      expectEqual([loaded.state.infoHash, loaded.state.verified.size], [INFO_HASH, PIECES], 'the torrent')
      return loaded.isPrevious ? 'the generation before' : 'the newest'
    }
    return system.complete(whole())
  },
}

let lockFolder: string | undefined

/** A lock that another process is said to hold: it is believed or taken, and whatever is in it, nothing else happens. */
export const stateLock: FuzzTarget = {
  name: 'state-lock',
  grammar: 'bytes',
  tokens: [
    '"pid":',
    '"bootId":',
    '"startedAt":',
    '{',
    '}',
    '[',
    'null',
    '-1',
    '0',
    '1',
    '1e9',
    '4294967297',
    '"',
    '\\u0000',
    '__proto__',
  ].map(encodeUtf8),
  maxBytes: 300,
  refusals: 'none',
  oneIn: 40,
  corpus: () =>
    ['{"pid":1}\n', `{"pid":${process.pid}}\n`, '{"pid":1,"bootId":"x","startedAt":"1"}\n', 'null', '{"pid":-1}', '{"pid":"1"}', ''].map(
      encodeUtf8,
    ),
  async run(input) {
    lockFolder ??= mkdtempSync(join(tmpdir(), 'shoal-fuzz-'))
    const path = join(lockFolder, 'state.lock')
    writeFileSync(path, input)
    try {
      const lock = await lockStateFile(path)
      await lock.release()
      return 'taken'
    } catch (error) {
      // Behind the refusal stands the refusal of the system, if any: what counts is that it has become one of ours.
      if (!(error instanceof EngineError)) throw error
      return error.code
    }
  },
  async close() {
    if (lockFolder !== undefined) rmSync(lockFolder, { recursive: true })
    lockFolder = undefined
  },
}
