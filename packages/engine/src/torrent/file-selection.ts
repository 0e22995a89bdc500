import { EngineError } from '../base/errors.ts'
import { NORMAL_PRIORITY } from '../swarm/piece-picker.ts'

/** What a selection needs to know of a file; offsets and lengths are bytes. The files lie end to end, in order. */
export interface SelectableFile {
  readonly offset: number
  readonly length: number
  readonly isPadding: boolean
}

const MAX_PRIORITY = 7

/**
 * Which files somebody wants, and how urgently: 0 is not at all, 1 to 7 more and more.
 *
 * A piece is as urgent as the most urgent file that has a byte in it. Padding is never wanted for its own sake.
 */
export class FileSelection {
  readonly #files: readonly SelectableFile[]
  readonly #pieceLength: number
  readonly #pieceCount: number
  readonly #priorities: Uint8Array
  #wantedSize: number

  /** Everything is wanted, at normal priority. */
  constructor(files: readonly SelectableFile[], pieceLength: number) {
    const last = files.at(-1)
    this.#files = files
    this.#pieceLength = pieceLength
    this.#pieceCount = last === undefined ? 0 : Math.ceil((last.offset + last.length) / pieceLength)
    this.#priorities = Uint8Array.from(files, (file) => (file.isPadding ? 0 : NORMAL_PRIORITY))
    this.#wantedSize = this.#sumWanted()
  }

  /** One number a file, 0 to 7: what resume data keeps. */
  get priorities(): readonly number[] {
    return [...this.#priorities]
  }

  isWanted(fileIndex: number): boolean {
    return this.#priorities[fileIndex]! > 0
  }

  /**
   * Only these files are wanted, at normal priority.
   * @throws {EngineError} `OPTION_INVALID` for a file that is not there, `NOTHING_SELECTED`
   */
  selectOnly(fileIndexes: Iterable<number>): void {
    const priorities = this.#files.map(() => 0)
    for (const fileIndex of fileIndexes) {
      this.#check(fileIndex, NORMAL_PRIORITY)
      priorities[fileIndex] = NORMAL_PRIORITY
    }
    this.setPriorities(priorities)
  }

  /** @throws {EngineError} `OPTION_INVALID` for a file or a priority that is not there, `NOTHING_SELECTED` */
  setPriority(fileIndex: number, priority: number): void {
    this.#check(fileIndex, priority)
    const priorities = [...this.#priorities]
    priorities[fileIndex] = priority
    this.setPriorities(priorities)
  }

  /**
   * One priority a file, all at once; what is said of padding is ignored.
   * @throws {EngineError} `OPTION_INVALID`, `NOTHING_SELECTED`; nothing has changed then
   */
  setPriorities(priorities: readonly number[]): void {
    if (priorities.length !== this.#files.length) {
      throw new EngineError('OPTION_INVALID', `Cannot set ${priorities.length} priorities: the torrent has ${this.#files.length} files`)
    }
    for (const [fileIndex, priority] of priorities.entries()) this.#check(fileIndex, priority)
    const effective = this.#files.map((file, fileIndex) => (file.isPadding ? 0 : priorities[fileIndex]!))
    if (this.#files.length > 0 && effective.every((priority) => priority === 0)) {
      throw new EngineError('NOTHING_SELECTED', 'Cannot select nothing: at least one file must be wanted')
    }
    this.#priorities.set(effective)
    this.#wantedSize = this.#sumWanted()
  }

  /** One priority a piece: that of its most urgent file. */
  piecePriorities(): Uint8Array {
    const pieces = new Uint8Array(this.#pieceCount)
    for (const [fileIndex, priority] of this.#priorities.entries()) {
      if (priority === 0) continue
      const { begin, end } = this.#piecesOf(fileIndex)
      for (let pieceIndex = begin; pieceIndex < end; pieceIndex++) {
        if (pieces[pieceIndex]! < priority) pieces[pieceIndex] = priority
      }
    }
    return pieces
  }

  /** The files that must exist in the end, empty ones included. */
  wantedFiles(): number[] {
    return [...this.#files.keys()].filter((fileIndex) => this.isWanted(fileIndex))
  }

  /** Bytes of the wanted files. */
  get wantedSize(): number {
    return this.#wantedSize
  }

  /** Wanted pieces that also hold bytes of a file that is not wanted, rising: those bytes need a place all the same. */
  boundaryPieces(): number[] {
    const wanted = this.piecePriorities()
    const boundary = new Set<number>()
    for (const [fileIndex, file] of this.#files.entries()) {
      if (this.isWanted(fileIndex) || file.isPadding || file.length === 0) continue
      // The pieces between its first and its last are its alone.
      const { begin, end } = this.#piecesOf(fileIndex)
      for (const pieceIndex of [begin, end - 1]) if (wanted[pieceIndex]! > 0) boundary.add(pieceIndex)
    }
    return [...boundary].sort((a, b) => a - b)
  }

  #sumWanted(): number {
    return this.#files.reduce((sum, file, fileIndex) => sum + (this.isWanted(fileIndex) ? file.length : 0), 0)
  }

  #piecesOf(fileIndex: number): { readonly begin: number; readonly end: number } {
    const { offset, length } = this.#files[fileIndex]!
    const begin = Math.floor(offset / this.#pieceLength)
    return { begin, end: length === 0 ? begin : Math.floor((offset + length - 1) / this.#pieceLength) + 1 }
  }

  #check(fileIndex: number, priority: number): void {
    if (!Number.isInteger(fileIndex) || fileIndex < 0 || fileIndex >= this.#files.length) {
      throw new EngineError('OPTION_INVALID', `Cannot select file ${fileIndex + 1}: the torrent has ${filesInWords(this.#files.length)}`)
    }
    if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY) {
      throw new EngineError(
        'OPTION_INVALID',
        `Cannot give a file the priority ${priority}: it is 0 (not wanted) to ${MAX_PRIORITY} (first)`,
      )
    }
  }
}

/**
 * Reads what people type to choose files: `1,3-5`, counted from 1, in any order, spaces allowed.
 * @returns indexes counted from 0, rising, each once
 * @throws {EngineError} `OPTION_INVALID`, with what would be right
 */
export function parseFileList(text: string, fileCount: number): number[] {
  const chosen = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?$/.exec(part)
    if (match === null) {
      throw new EngineError(
        'OPTION_INVALID',
        `Cannot read the file list "${text}": write numbers and spans like 1,3-5; the torrent has ${filesInWords(fileCount)}`,
      )
    }
    const first = Number(match[1])
    const last = match[2] === undefined ? first : Number(match[2])
    if (last < first) throw new EngineError('OPTION_INVALID', `Cannot read the file list "${text}": ${first}-${last} runs backwards`)
    if (first < 1 || last > fileCount) {
      const wrong = first < 1 ? first : last
      throw new EngineError('OPTION_INVALID', `Cannot select file ${wrong}: the torrent has ${filesInWords(fileCount)}`)
    }
    for (let number = first; number <= last; number++) chosen.add(number - 1)
  }
  return [...chosen].sort((a, b) => a - b)
}

function filesInWords(fileCount: number): string {
  if (fileCount === 0) return 'no files'
  return fileCount === 1 ? 'one file, number 1' : `files 1 to ${fileCount}`
}
