import { equalBytes } from '@shoal/protocol/bytes'
import { asEngineError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import type { StampRecord } from './file-state.ts'
import { decodeResume, encodeSnapshot, type ResumeState } from './resume-data.ts'
import type { StoredTorrent } from './stored-torrent.ts'

/** What a file must be about to be of any use. */
export type ResumeSubject = Pick<StoredTorrent, 'pieceLength' | 'pieceCount' | 'totalSize'>

export interface LoadedResume {
  readonly state: ResumeState | undefined
  /** Of the generation before: the newest one could not be used. */
  readonly isPrevious: boolean
  /** For people: what could not be used and where it is now. */
  readonly notes: readonly string[]
}

/** Two million pieces with their journal and a large info dictionary stay below. */
const MAX_RESUME_BYTES = 128 * 1024 * 1024

/**
 * Reads what is remembered of a torrent: the newest generation, else the one before, else nothing. A file that cannot
 * be used is kept aside as `.bad` (or `.newer`, when a newer version wrote it), and a note says so. Never throws on
 * account of what is in the files: the worst case is a recheck.
 */
export async function loadResume(disk: Disk, path: string, infoHash: Uint8Array, torrent: ResumeSubject): Promise<LoadedResume> {
  const notes: string[] = []
  for (const candidate of [path, `${path}.prev`]) {
    const found = await readOne(disk, candidate, infoHash, torrent)
    if (typeof found === 'object') return { state: found, isPrevious: candidate !== path, notes }
    if (found === undefined) continue
    const aside = `${path}.${found === 'newer' ? 'newer' : 'bad'}`
    // It is about to be replaced; the note is worth more than the failure to keep it.
    const isKept = await disk.renameState(candidate, aside).then(
      () => true,
      () => false,
    )
    const why = found === 'newer' ? 'a newer version of this program wrote it' : found
    notes.push(`Cannot use ${candidate}: ${why}${isKept ? `; it is kept as ${aside}` : ''}`)
  }
  return { state: undefined, isPrevious: false, notes }
}

/**
 * What is remembered of a torrent whose files are elsewhere now, for its new place; `stamps` are those of the files that went there.
 * Nothing happens when nothing is remembered.
 */
export async function moveResume(options: {
  readonly disk: Disk
  readonly from: string
  readonly to: string
  readonly infoHash: Uint8Array
  readonly torrent: ResumeSubject
  readonly stamps: readonly StampRecord[]
}): Promise<void> {
  const { disk, from, to, infoHash, torrent, stamps } = options
  const { state } = await loadResume(disk, from, infoHash, torrent)
  if (state === undefined) return
  const moved = new Map<number, StampRecord>()
  for (const stamp of stamps) {
    // A file of which no look was remembered is one whose pieces are only believed: it is to be checked in its new place, too.
    const before = state.stamps.get(stamp.fileIndex)
    if (before !== undefined) moved.set(stamp.fileIndex, { ...stamp, isSuspect: before.isSuspect })
  }
  const { bytes } = encodeSnapshot({ ...state, stamps: moved })
  await disk.replaceState(to, bytes)
}

/** @returns what it says, undefined when there is nothing, `newer`, or the reason why it cannot be used */
async function readOne(disk: Disk, path: string, infoHash: Uint8Array, torrent: ResumeSubject): Promise<ResumeState | string | undefined> {
  let bytes: Uint8Array | undefined
  try {
    bytes = await disk.readState(path, MAX_RESUME_BYTES)
  } catch (error) {
    return asEngineError(error, 'STATE_CORRUPT', 'it cannot be read').message
  }
  if (bytes === undefined) return undefined
  const decoded = decodeResume(bytes)
  if (decoded.outcome === 'newer') return 'newer'
  if (decoded.outcome === 'corrupt') return decoded.reason
  const { state } = decoded
  if (!equalBytes(state.infoHash, infoHash)) return 'it is about another torrent'
  // The info hash fixes the shape, so we never write this; a file from elsewhere may say anything.
  const { pieceLength, pieceCount, totalSize } = torrent
  const isOfShape = state.pieceLength === pieceLength && state.verified.size === pieceCount && state.totalSize === totalSize
  return isOfShape ? state : 'it is about a torrent of another size'
}
