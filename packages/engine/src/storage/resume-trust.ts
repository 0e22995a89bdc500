import { Bitfield } from '@shoal/protocol/bitfield'
import { FileLayout } from '@shoal/protocol/metainfo/file-layout'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import type { FileStamp } from '../ports/disk.ts'
import { sameStamp } from './file-state.ts'
import type { ResumeState } from './resume-data.ts'
import type { StoredTorrent } from './stored-torrent.ts'

/**
 * What of the remembered may be believed, after a stop, a crash of the process, or a power cut (SAFETY R1, R3, R4).
 *
 * - Stopped in order: a piece counts when its files look exactly as they were left.
 * - The process died, the machine did not: every recorded piece counts. Files may be a little newer than their last
 *   record (the piece being written at that moment was not recorded).
 * - The machine died: what a sync point covers counts; later pieces are checked, not fetched again, and so is what was
 *   being written. A file that is newer than the last record that survived has pieces that no record tells of: what is
 *   missing of it is checked too.
 * - A file that is missing or too short: its pieces are gone. A file that looks otherwise than we can explain: all its
 *   pieces are checked, also those that we did not have (somebody may have put the whole file there).
 * - Nothing is remembered: whatever is there is checked.
 */
export interface ResumeTrust {
  readonly verified: Bitfield
  /** To be hashed before they count. */
  readonly toCheck: Bitfield
  /** Files on disk that nothing is remembered of, but which the last run may have begun when it died. */
  readonly begun: ReadonlySet<number>
  /** For people: what was not believed, and why. */
  readonly notes: readonly string[]
}

export interface ResumeEvidence {
  readonly state: ResumeState | undefined
  /** Of this run, as `bootFingerprint` says. */
  readonly boot: number
  readonly torrent: StoredTorrent
  /** What is on disk now: one a file, the parts file last. */
  readonly found: readonly (FileStamp | undefined)[]
  /** Which of them holds the bytes of a file; undefined for padding, which is always there. */
  readonly homeOf: (fileIndex: number) => number | undefined
}

/** Clocks and time stamps of file systems are coarse. */
const TOLERANCE_MS = 2_000
/** From "we write now" to the last byte of a piece: a slow disk may take this long, and a longer one costs a check. */
const WRITING_MS = 30_000
/** Of stamps and records this much can go in a power cut: `fdatasync` saves no stamp, but the system does within a minute. */
const FORGOTTEN_MS = 60_000

/** `newer`: ours, but written to after what we remember. */
type FileVerdict = 'as-left' | 'newer' | 'changed' | 'missing'

export function judgeResume(evidence: ResumeEvidence): ResumeTrust {
  const { state, torrent, found } = evidence
  const geometry = new PieceGeometry(torrent)
  const layout = new FileLayout(torrent.files)
  const { pieceCount, pieceLength } = geometry
  const isSameBoot = state !== undefined && (state.isClean || (state.boot !== 0 && state.boot === evidence.boot))
  const remembered = state?.verified ?? Bitfield.empty(pieceCount)
  const gone = Bitfield.empty(pieceCount)
  const toCheck = Bitfield.empty(pieceCount)
  const begun = new Set<number>()
  if (state !== undefined && !isSameBoot) {
    addAll(toCheck, state.unsynced)
    // Its last record may be lost and its bytes be there, in a file that shows the time of the record before.
    for (const pieceIndex of state.writing.keys()) toCheck.set(pieceIndex)
  }
  let changedFiles = 0
  for (const [fileIndex, file] of torrent.files.entries()) {
    const home = evidence.homeOf(fileIndex)
    const { begin, end } = layout.piecesOfFile(fileIndex, pieceLength)
    if (home === undefined || begin === end) continue
    const stamp = found[home]
    const isParts = home !== fileIndex
    const isWriting = state !== undefined && stamp !== undefined && wasBeingWritten(state, home, stamp, layout, pieceLength)
    const verdict = stamp === undefined ? 'missing' : state === undefined ? 'changed' : verdictOf(state, home, stamp, isSameBoot, isWriting)
    if (state !== undefined && stamp !== undefined && mayBeBegun(state, home, stamp, isSameBoot, isWriting)) begun.add(home)
    if (verdict === 'changed' && state !== undefined) changedFiles++
    const thereBytes = stamp === undefined ? 0 : stamp.size - (isParts ? file.offset : 0)
    if (verdict === 'as-left' && thereBytes >= file.length) continue
    for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) {
      const neededBytes = Math.min(file.length, geometry.pieceOffset(pieceIndex) + geometry.pieceSize(pieceIndex) - file.offset)
      const isRemembered = remembered.has(pieceIndex)
      if (thereBytes < neededBytes) gone.set(pieceIndex)
      // The parts file has holes wherever nobody wanted anything: only what we believed to have is worth a look.
      else if (verdict === 'changed' ? isRemembered || !isParts : verdict === 'newer' && !isRemembered) toCheck.set(pieceIndex)
    }
  }
  const verified = remembered.clone()
  removeAll(verified, gone)
  const goneCount = remembered.count - verified.count
  removeAll(toCheck, gone)
  removeAll(verified, toCheck)
  return { verified, toCheck, begun, notes: notesOf({ state, changedFiles, goneCount, checkCount: toCheck.count }) }
}

/** Does it look as if a piece that was being written at the end was the last to go there? */
function wasBeingWritten(state: ResumeState, home: number, stamp: FileStamp, layout: FileLayout, pieceLength: number): boolean {
  const isParts = home === layout.fileCount
  const { begin, end } = isParts ? { begin: 0, end: state.verified.size } : layout.piecesOfFile(home, pieceLength)
  let writingFromMs = Number.POSITIVE_INFINITY
  let writingToMs = Number.NEGATIVE_INFINITY
  for (const [pieceIndex, wallMs] of state.writing) {
    if (pieceIndex < begin || pieceIndex >= end) continue
    writingFromMs = Math.min(writingFromMs, wallMs - TOLERANCE_MS)
    writingToMs = Math.max(writingToMs, wallMs + WRITING_MS)
  }
  return stamp.modifiedMs >= writingFromMs && stamp.modifiedMs <= writingToMs
}

function verdictOf(state: ResumeState, home: number, stamp: FileStamp, isSameBoot: boolean, isWriting: boolean): FileVerdict {
  const last = state.stamps.get(home)
  if (state.isClean) return last !== undefined && sameStamp(stamp, last) ? 'as-left' : 'changed'
  // Made by the piece that was being written: nothing is remembered of it, so nothing can be wrong.
  if (last === undefined) return isWriting && isSameBoot ? 'as-left' : 'changed'
  if (isSameBoot) {
    const isTimeRight = Math.abs(stamp.modifiedMs - last.modifiedMs) <= TOLERANCE_MS || isWriting
    return isTimeRight && (stamp.size === last.size || (isWriting && stamp.size > last.size)) ? 'as-left' : 'changed'
  }
  // After a power cut the length of a file that was still growing is anybody's guess; pieces beyond its end are gone.
  const synced = state.syncedStamps.get(home) ?? last
  if (stamp.modifiedMs < Math.min(last.modifiedMs, synced.modifiedMs) - FORGOTTEN_MS) return 'changed'
  if (stamp.modifiedMs > Math.max(last.modifiedMs, state.activeMs) + FORGOTTEN_MS) return 'changed'
  return stamp.modifiedMs > last.modifiedMs || stamp.size > last.size ? 'newer' : 'as-left'
}

/**
 * Before the first record of a file it can hold anything from zeros to whole pieces, and none that verifies need be among
 * them; were it taken for somebody else's, nobody could go on but by moving it away (R8). After a power cut also the
 * record that it was being written can be gone, but it cannot be older than the snapshot, where it would have a stamp.
 */
function mayBeBegun(state: ResumeState, home: number, stamp: FileStamp, isSameBoot: boolean, isWriting: boolean): boolean {
  if (state.isClean || state.stamps.has(home)) return false
  if (isSameBoot) return isWriting
  return stamp.modifiedMs >= state.snapshotMs - TOLERANCE_MS && stamp.modifiedMs <= state.activeMs + FORGOTTEN_MS
}

function addAll(to: Bitfield, from: Bitfield): void {
  from.forEachSet((pieceIndex) => {
    to.set(pieceIndex)
  })
}

function removeAll(of: Bitfield, gone: Bitfield): void {
  gone.forEachSet((pieceIndex) => {
    of.clear(pieceIndex)
  })
}

function notesOf(of: { state: ResumeState | undefined; changedFiles: number; goneCount: number; checkCount: number }): readonly string[] {
  const notes: string[] = []
  if (of.state !== undefined && !of.state.isClean) notes.push('The last run did not stop in order')
  if (of.changedFiles > 0) notes.push(`Files that are not as we left them: ${of.changedFiles}`)
  if (of.goneCount > 0) notes.push(`Pieces that are gone, with files that are missing or too short: ${of.goneCount}`)
  if (of.checkCount > 0) notes.push(`Pieces to check: ${of.checkCount}`)
  return notes
}
