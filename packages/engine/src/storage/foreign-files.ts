import { EngineError } from '../base/errors.ts'
import type { DiskFile } from '../ports/disk.ts'

/**
 * The rule that keeps other people's files whole: an existing file that is not this torrent's is never overwritten.
 *
 * A file that was there before us is
 *
 * - `ours` when resume data knows it, when a whole piece inside it verifies from disk, or when it is empty or
 *   holds nothing but zeros: it is written like a file that we made;
 * - `foreign` when it is longer than the torrent says, when its bytes are surely not this torrent's (it holds at
 *   least one whole piece, none of them verifies, and it is not zeros), or when nothing of it verifies, we have never
 *   been here, and a piece lies wholly behind its end: that would make it longer before its own bytes were compared.
 *   Refused before anything is written;
 * - `suspect` when we cannot tell, as of a file that we may have begun when we crashed: before a verified piece goes
 *   over its bytes, these are compared. Equal bytes need no writing, zeros and what lies after its end may be filled,
 *   anything else is refused.
 *
 * A piece that verifies but only touches the file from a neighbour proves too little (it may cover one byte of it):
 * such a file stays suspect, which costs one read a piece.
 */
export type FileClaim = 'ours' | 'suspect' | 'foreign'

export interface FoundFile {
  /** Bytes on disk and bytes the torrent says. */
  readonly size: number
  readonly length: number
  /** Resume data knows it, as a file that was ours or one that we still suspect; also one that we may have begun when we crashed. */
  readonly known: 'ours' | 'suspect' | undefined
  /** All its pieces verify: nothing will be written. */
  readonly isComplete: boolean
  /** A piece that lies wholly inside it verifies. */
  readonly hasVerifiedPiece: boolean
  /** A verified piece touches it from a neighbouring file. */
  readonly touchesVerifiedPiece: boolean
  /** At least one whole piece of the torrent lies inside the bytes that are there. */
  readonly holdsWholePiece: boolean
  /** We have been at this torrent in this folder before. A power cut can take what we wrote down of a file, and cut the file. */
  readonly wereHere: boolean
  /** A piece of it lies wholly behind the bytes that are there. */
  readonly hasPieceBehindEnd: boolean
}

/** What can be said without looking into the file; undefined when only its content can tell. */
export function claimOfFile(found: FoundFile): FileClaim | undefined {
  if (found.isComplete || found.known === 'ours') return 'ours'
  if (found.size > found.length) return 'foreign'
  if (found.size === 0 || found.hasVerifiedPiece) return 'ours'
  return undefined
}

/** `zeros`: all of it was looked at. `maybe-zeros`: too long to look at all of it, zeros so far. */
export type FileContent = 'zeros' | 'maybe-zeros' | 'data'

export function claimOfContent(found: FoundFile, content: FileContent): FileClaim {
  if (content === 'zeros') return 'ours'
  if (found.known === 'suspect' || content === 'maybe-zeros' || found.touchesVerifiedPiece) return 'suspect'
  return found.holdsWholePiece || (found.hasPieceBehindEnd && !found.wereHere) ? 'foreign' : 'suspect'
}

const LOOK_BYTES = 64 * 1024
/** A file of up to this many bytes is read through; of a longer one this many are sampled. */
const MAX_LOOK_BYTES = 4 * 1024 * 1024

/** Looks for bytes that are not zero: everywhere in a small file, at the ends and evenly spread in a large one. */
export async function contentOfFile(file: DiskFile, size: number): Promise<FileContent> {
  const view = new Uint8Array(LOOK_BYTES)
  const isReadThrough = size <= MAX_LOOK_BYTES
  const looks = isReadThrough ? Math.ceil(size / LOOK_BYTES) : MAX_LOOK_BYTES / LOOK_BYTES
  const stride = isReadThrough ? LOOK_BYTES : (size - LOOK_BYTES) / (looks - 1)
  for (let look = 0; look < looks; look++) {
    const got = await file.read([view], Math.floor(look * stride))
    for (let at = 0; at < got; at++) if (view[at] !== 0) return 'data'
  }
  return isReadThrough ? 'zeros' : 'maybe-zeros'
}

/**
 * Compares what a suspect file holds with the verified bytes that belong there.
 * `equal`: nothing to write. `free`: every byte is the right one, zero, or after the end of the file.
 */
export async function compareWithDisk(file: DiskFile, fileOffset: number, bytes: Uint8Array): Promise<'equal' | 'free' | 'different'> {
  const view = new Uint8Array(Math.min(bytes.length, LOOK_BYTES))
  let isEqual = true
  for (let at = 0; at < bytes.length; ) {
    const wanted = view.subarray(0, Math.min(view.length, bytes.length - at))
    const got = await file.read([wanted], fileOffset + at)
    for (let index = 0; index < got; index++) {
      const there = wanted[index]
      if (there === bytes[at + index]) continue
      if (there !== 0) return 'different'
      isEqual = false
    }
    if (got < wanted.length) return 'free'
    at += got
  }
  return isEqual ? 'equal' : 'free'
}

export function foreignFile(name: string, folder: string): EngineError {
  return new EngineError(
    'FILE_FOREIGN',
    `'${name}' in ${folder} exists with other content; nothing was overwritten. Move it away or choose another folder.`,
  )
}
