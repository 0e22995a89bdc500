/** How much before a playhead is fetched before all else. */
const WINDOW_BYTES = 16 * 1024 * 1024
const MIN_WINDOW_PIECES = 2
const MAX_WINDOW_PIECES = 64
/** All playheads together: the picker goes through them for each piece that it chooses. */
const MAX_URGENT_PIECES = 256

/** What a reader of a file will want; `end` is excluded. */
export interface ReadingSpan {
  /** Pieces between which it reads. */
  readonly begin: number
  readonly end: number
  /** The pieces at both ends of the file: players look for the index there. */
  readonly fileEnds: readonly number[]
}

/** One reader's place. */
export interface Playhead {
  moveTo(pieceIndex: number): void
  close(): void
}

interface Reader {
  readonly span: ReadingSpan
  at: number
}

/**
 * Where the readers of a torrent's files are, and so which pieces somebody waits for: what is under each playhead, then the ends
 * of the files, then what is ahead, of all readers alike the nearest first.
 */
export class Playheads {
  readonly #windowPieces: number
  readonly #onChange: (urgent: readonly number[]) => void
  readonly #readers = new Set<Reader>()

  constructor(options: { readonly pieceLength: number; readonly onChange: (urgent: readonly number[]) => void }) {
    this.#windowPieces = Math.max(MIN_WINDOW_PIECES, Math.min(MAX_WINDOW_PIECES, Math.ceil(WINDOW_BYTES / options.pieceLength)))
    this.#onChange = options.onChange
  }

  open(span: ReadingSpan): Playhead {
    const reader: Reader = { span, at: span.begin }
    this.#readers.add(reader)
    this.#onChange(this.#urgent())
    return {
      moveTo: (pieceIndex) => {
        if (reader.at === pieceIndex) return
        reader.at = pieceIndex
        this.#onChange(this.#urgent())
      },
      close: () => {
        this.#readers.delete(reader)
        this.#onChange(this.#urgent())
      },
    }
  }

  #urgent(): number[] {
    const urgent = new Set<number>()
    for (const { at } of this.#readers) urgent.add(at)
    for (const { span } of this.#readers) for (const pieceIndex of span.fileEnds) urgent.add(pieceIndex)
    for (let ahead = 1; ahead < this.#windowPieces; ahead++) {
      for (const { at, span } of this.#readers) if (at + ahead < span.end) urgent.add(at + ahead)
    }
    return [...urgent].slice(0, MAX_URGENT_PIECES)
  }
}
