import type { Bitfield } from '@shoal/protocol/bitfield'
import type { Disk, FileStamp } from '../ports/disk.ts'
import type { FileState, StampRecord } from './file-state.ts'
import { claimOfContent, claimOfFile, contentOfFile, type FoundFile, foreignFile } from './foreign-files.ts'
import { inLanes } from './lanes.ts'
import type { StoredFiles } from './stored-files.ts'
import { nameOfFile } from './stored-torrent.ts'

const STAT_LANES = 8

/** Looks at what is in the download folder before us, and settles which of it is ours (`foreign-files.ts`). */
export class FileClaims {
  readonly notes: readonly string[]
  readonly #disk: Disk
  readonly #files: StoredFiles
  readonly #known = new Map<number, StampRecord>()
  /** An earlier run of ours left something behind about this torrent in this folder. */
  #wereHere = false
  /** As the survey found them: one a file, the parts file last. */
  #found: (FileStamp | undefined)[] = []

  constructor(options: { disk: Disk; files: StoredFiles }) {
    this.#disk = options.disk
    this.#files = options.files
    this.notes = options.files.torrent.files
      .filter((file) => file.symlinkTarget !== undefined)
      .map((file) => `'${nameOfFile(file)}' is a symbolic link in the torrent and is not made`)
  }

  async survey(known: readonly StampRecord[] | undefined): Promise<readonly (FileStamp | undefined)[]> {
    this.#wereHere = known !== undefined
    this.#known.clear()
    for (const record of known ?? []) this.#known.set(record.fileIndex, record)
    const found: (FileStamp | undefined)[] = Array.from({ length: this.#files.states.length + 1 })
    await inLanes(STAT_LANES, [...this.#files.states, this.#files.parts], async (state) => {
      if (state.place !== 'nowhere') found[state.index] = await this.#look(state)
    })
    this.#found = found
    for (const state of this.#files.states) {
      if (state.place !== 'nowhere' && state.length > 0) this.#place(state)
    }
    // From here on a change by others is noticed.
    for (const state of [...this.#files.states, this.#files.parts]) {
      if (state.place === 'file') state.stamp = found[state.index]
    }
    return found
  }

  /** Was it there at the survey, or have we made it since? */
  isThere(state: FileState): boolean {
    return this.#found[state.index] !== undefined || state.stamp !== undefined
  }

  /** `begun`: not in what `survey` knows, and yet perhaps ours. */
  async claim(verified: Bitfield, begun: ReadonlySet<number>): Promise<void> {
    const foreign: FileState[] = []
    for (const state of this.#files.states) {
      const found = this.#found[state.index]
      if (state.place === 'nowhere' || found === undefined || state.length === 0) continue
      const evidence = this.#evidenceOf(state, found, verified, begun)
      // Only what nothing else is known of is read.
      const claim = claimOfFile(evidence) ?? claimOfContent(evidence, await this.#contentOf(state, found.size))
      if (claim !== 'foreign') state.claim = claim
      if (claim === 'ours') continue
      if (state.isWanted) {
        if (claim === 'foreign') foreign.push(state)
      } else if (!this.#piecesOf(state).some((pieceIndex) => verified.has(pieceIndex))) {
        // Nobody wants the file, so there is no need to argue about it.
        state.claim = 'suspect'
        state.place = 'parts'
        state.stamp = undefined
      }
    }
    const first = foreign[0]
    if (first !== undefined) throw foreignFile(nameOfFile(first), first.root)
    // A sparse file takes what there is; when the disk is full the download waits and goes on by itself.
    if (this.#files.isReserving) await this.#files.requireSpace(this.#missingBytes(verified))
    for (const state of this.#files.states) if (state.isWanted && state.length === 0) await this.makeIfEmpty(state)
  }

  /** A file without bytes is in no piece, so no piece brings it: it is made here. */
  async makeIfEmpty(state: FileState): Promise<void> {
    if (state.length > 0 || state.place !== 'file') return
    const there = await this.#disk.stat(state.root, state.path)
    if (there !== undefined && there.size > 0) throw foreignFile(nameOfFile(state), state.root)
    if (there !== undefined) return
    const { release } = await this.#files.holdForWriting(state)
    release()
  }

  async #look(state: FileState): Promise<FileStamp | undefined> {
    try {
      return await this.#disk.stat(state.root, state.path)
    } catch (error) {
      // What is in the way of a file that nobody wants is in nobody's way.
      if (!state.isWanted) return undefined
      throw error
    }
  }

  /** Where the bytes of a file are: what we remember of it, else what the disk suggests. */
  #place(state: FileState): void {
    const found = this.#found[state.index]
    const hasParts = this.#found[this.#files.parts.index] !== undefined
    if (this.#known.has(state.index)) state.place = 'file'
    else if (state.isWanted) state.place = hasParts && found === undefined && this.#known.size > 0 ? 'parts' : 'file'
    else state.place = !hasParts && found !== undefined && found.size <= state.length ? 'file' : 'parts'
  }

  #evidenceOf(state: FileState, found: FileStamp, verified: Bitfield, begun: ReadonlySet<number>): FoundFile {
    const { geometry } = this.#files
    const pieces = state.place === 'file' ? this.#piecesOf(state) : []
    const end = state.offset + Math.min(found.size, state.length)
    const inside = pieces.filter((pieceIndex) => {
      const offset = geometry.pieceOffset(pieceIndex)
      return offset >= state.offset && offset + geometry.pieceSize(pieceIndex) <= end
    })
    const verifiedPieces = pieces.filter((pieceIndex) => verified.has(pieceIndex))
    const record = this.#known.get(state.index)
    return {
      size: found.size,
      length: state.length,
      known: record === undefined ? (begun.has(state.index) ? 'suspect' : undefined) : record.isSuspect ? 'suspect' : 'ours',
      isComplete: pieces.length > 0 && verifiedPieces.length === pieces.length,
      hasVerifiedPiece: inside.some((pieceIndex) => verified.has(pieceIndex)),
      touchesVerifiedPiece: verifiedPieces.length > 0,
      holdsWholePiece: inside.length > 0,
      wereHere: this.#wereHere,
      hasPieceBehindEnd: pieces.some((pieceIndex) => geometry.pieceOffset(pieceIndex) >= end),
    }
  }

  async #contentOf(state: FileState, size: number): ReturnType<typeof contentOfFile> {
    const { file, release } = await this.#files.hold(state)
    return contentOfFile(file, size).finally(release)
  }

  #piecesOf(state: FileState): readonly number[] {
    const { begin, end } = this.#files.layout.piecesOfFile(state.index, this.#files.geometry.pieceLength)
    return Array.from({ length: end - begin }, (_, at) => begin + at)
  }

  /** What the wanted files may still take: the pieces that are missing, or what is not yet reserved of a file. */
  #missingBytes(verified: Bitfield): number {
    const { geometry, isReserving } = this.#files
    let bytes = 0
    for (const state of this.#files.states) {
      if (!state.isWanted || state.place === 'nowhere') continue
      const toReserve = Math.max(0, state.length - (this.#found[state.index]?.size ?? 0))
      if (isReserving) {
        bytes += toReserve
        continue
      }
      for (const pieceIndex of this.#piecesOf(state)) {
        if (verified.has(pieceIndex)) continue
        const begin = Math.max(state.offset, geometry.pieceOffset(pieceIndex))
        const end = Math.min(state.offset + state.length, geometry.pieceOffset(pieceIndex) + geometry.pieceSize(pieceIndex))
        bytes += end - begin
      }
    }
    return bytes
  }
}
