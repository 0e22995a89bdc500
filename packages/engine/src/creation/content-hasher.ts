import { join } from 'node:path'
import { FileLayout, type FileSpan } from '@shoal/protocol/metainfo/file-layout'
import { MAX_PIECE_COUNT } from '@shoal/protocol/metainfo/info'
import type { NewFile } from '@shoal/protocol/metainfo/metainfo'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { EngineError } from '../base/errors.ts'
import { HereHasher } from '../node/here-hasher.ts'
import type { Disk, FileStamp } from '../ports/disk.ts'
import type { FileSlice, Hasher } from '../ports/hasher.ts'
import { inHashLanes } from '../storage/hash-lanes.ts'
import { inLanes } from '../storage/lanes.ts'
import { type HeldFile, OpenFiles } from '../storage/open-files.ts'
import type { FoundFile } from './content-walk.ts'
import { type FileHashTree, FileTrees } from './file-trees.ts'

const FILES_LOOKED_AT_AT_ONCE = 2
const MAX_OPEN_FILES = 64
/** A piece of more files than this is read into memory, a file at a time. */
const MAX_FILES_AT_ONCE = 32

export interface HashingOptions {
  /** The hash trees of BEP 52, too. */
  readonly isHybrid: boolean
  /** This thread is one of those that hash. */
  readonly alsoHere: boolean
  readonly onProgress: ((progress: { readonly hashedBytes: number; readonly totalBytes: number }) => void) | undefined
  readonly signal: AbortSignal | undefined
}

export interface ContentHashes {
  /** SHA-1: 20 bytes a piece, one after another. */
  readonly pieceHashes: Uint8Array
  /** One a file; undefined for padding and for empty ones. */
  readonly trees: readonly (FileHashTree | undefined)[] | undefined
}

/** The files of the torrent to be, end to end, and the hashes of their pieces. */
export class ContentHasher {
  readonly #disk: Disk
  readonly #hasher: Hasher
  readonly #here: HereHasher
  readonly #root: string
  readonly #files: readonly NewFile[]
  /** As the walk found them; padding has none. */
  readonly #stamps: ReadonlyMap<NewFile, FileStamp>
  readonly #layout: FileLayout
  readonly #geometry: PieceGeometry
  readonly #open: OpenFiles

  constructor(options: {
    disk: Disk
    hasher: Hasher
    root: string
    files: readonly NewFile[]
    found: readonly FoundFile[]
    pieceLength: number
  }) {
    const { disk, root, files, pieceLength } = options
    this.#disk = disk
    this.#hasher = options.hasher
    this.#here = new HereHasher(options.hasher)
    this.#root = root
    this.#files = files
    this.#stamps = new Map(options.found.map((file) => [file, file.stamp]))
    let end = 0
    this.#layout = new FileLayout(
      files.map(({ length }) => {
        end += length
        return { offset: end - length, length }
      }),
    )
    this.#geometry = new PieceGeometry({ totalSize: end, pieceLength })
    this.#open = new OpenFiles({ maxOpen: MAX_OPEN_FILES, openFile: (index) => disk.openFile(root, files[index]!.path, 'read') })
    const { pieceCount } = this.#geometry
    if (pieceCount <= MAX_PIECE_COUNT) return
    throw new EngineError('OPTION_INVALID', `Cannot make ${pieceCount} pieces: ${MAX_PIECE_COUNT} are the limit. Choose larger pieces.`)
  }

  /** @throws {EngineError} `FILE_CHANGED`, and of the disk. @throws the reason of `signal` */
  async hash({ onProgress, signal, alsoHere, isHybrid }: HashingOptions): Promise<ContentHashes> {
    const { pieceCount, pieceLength, totalSize } = this.#geometry
    const hashes = new Uint8Array(pieceCount * 20)
    const trees = isHybrid ? new FileTrees(this.#files, pieceLength, (bytes) => this.#hasher.sha256(bytes)) : undefined
    let hashedBytes = 0
    try {
      const work = { hasher: this.#hasher, pieceLength, pieceCount, alsoHere }
      await inHashLanes(work, indices(pieceCount), async (pieceIndex, isHere) => {
        signal?.throwIfAborted()
        const blocks = trees && this.#hashBlocks(pieceIndex, isHere, trees)
        hashes.set(await this.#hashPiece(pieceIndex, isHere), pieceIndex * 20)
        await blocks
        hashedBytes += this.#geometry.pieceSize(pieceIndex)
        onProgress?.({ hashedBytes, totalBytes: totalSize })
      })
      signal?.throwIfAborted()
      await inLanes(FILES_LOOKED_AT_AT_ONCE, this.#stamps, async ([file, stamp]) => {
        const now = await this.#disk.stat(this.#root, file.path)
        if (now?.size !== stamp.size || now.modifiedMs !== stamp.modifiedMs) throw changed(this.#root, file)
      })
    } finally {
      await this.#open.close()
    }
    return { pieceHashes: hashes, trees: trees?.finished() }
  }

  /** In a hybrid every piece lies in one file, and perhaps in the padding after it. */
  async #hashBlocks(pieceIndex: number, isHere: boolean, trees: FileTrees): Promise<void> {
    const span = this.#layout.spans(this.#geometry.pieceOffset(pieceIndex), this.#geometry.pieceSize(pieceIndex))[0]!
    const held = (await this.#hold(span.fileIndex))!
    try {
      const slice = { file: held.file, offset: span.fileOffset, length: span.length }
      const leaves = await (isHere ? this.#here : this.#hasher).hashBlocks(slice)
      if (leaves === undefined) throw changed(this.#root, this.#files[span.fileIndex]!)
      trees.add(span.fileIndex, span.fileOffset, leaves)
    } finally {
      held.release()
    }
  }

  async #hashPiece(pieceIndex: number, isHere: boolean): Promise<Uint8Array> {
    const spans = this.#layout.spans(this.#geometry.pieceOffset(pieceIndex), this.#geometry.pieceSize(pieceIndex))
    if (spans.length > MAX_FILES_AT_ONCE) return this.#hashFileByFile(pieceIndex, spans)
    const held: HeldFile[] = []
    try {
      const slices: FileSlice[] = []
      for (const { fileIndex, fileOffset, length } of spans) {
        const file = await this.#hold(fileIndex)
        if (file !== undefined) held.push(file)
        slices.push({ file: file?.file, offset: fileOffset, length })
      }
      const digest = await (isHere ? this.#here : this.#hasher).hashSlices(slices)
      if (digest === undefined) throw changed(this.#root, this.#files[spans[0]!.fileIndex]!)
      return digest
    } finally {
      for (const file of held) file.release()
    }
  }

  async #hashFileByFile(pieceIndex: number, spans: readonly FileSpan[]): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#geometry.pieceSize(pieceIndex))
    let at = 0
    for (const { fileIndex, fileOffset, length } of spans) {
      const held = await this.#hold(fileIndex)
      try {
        const got = await held?.file.read([bytes.subarray(at, at + length)], fileOffset)
        if (got !== undefined && got < length) throw changed(this.#root, this.#files[fileIndex]!)
      } finally {
        held?.release()
      }
      at += length
    }
    return this.#hasher.sha1(bytes)
  }

  /** Undefined for padding, which is zeros and in no file. */
  async #hold(fileIndex: number): Promise<HeldFile | undefined> {
    return this.#files[fileIndex]!.isPadding === true ? undefined : this.#open.hold(fileIndex, 'read')
  }
}

function* indices(count: number): Generator<number, void, undefined> {
  for (let index = 0; index < count; index++) yield index
}

function changed(root: string, file: NewFile): EngineError {
  return new EngineError('FILE_CHANGED', `"${join(root, ...file.path)}" changed while it was hashed. Try again when nobody writes to it.`)
}
