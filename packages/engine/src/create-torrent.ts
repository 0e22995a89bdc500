import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { compareBytes, encodeUtf8, isValidUtf8, toHex } from '@shoal/protocol/bytes'
import { FileLayout, type FileSpan } from '@shoal/protocol/metainfo/file-layout'
import { type Info, MAX_PIECE_COUNT, parseInfo } from '@shoal/protocol/metainfo/info'
import {
  choosePieceLength,
  encodeInfo,
  encodeMetainfo,
  layoutWithPadding,
  MAX_METAINFO_BYTES,
  type NewFile,
} from '@shoal/protocol/metainfo/metainfo'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { isTrackerUrl, isWebSeedUrl } from '@shoal/protocol/metainfo/tracker-list'
import { EngineError } from './base/errors.ts'
import { NodeDisk } from './node/disk.ts'
import { NodeHasher } from './node/hasher.ts'
import { HereHasher } from './node/here-hasher.ts'
import { NodeSystem } from './node/system.ts'
import { diskError } from './node/system-error.ts'
import type { Disk, FileStamp } from './ports/disk.ts'
import type { FileSlice, Hasher } from './ports/hasher.ts'
import { inHashLanes } from './storage/hash-lanes.ts'
import { inLanes } from './storage/lanes.ts'
import { type HeldFile, OpenFiles } from './storage/open-files.ts'

/**
 * Makes a torrent of a file or a folder: walks it, hashes it on all cores, and writes the metainfo (BEP 3, v1).
 *
 * Nothing is left out in silence: what is not in the torrent is in `warnings`. Nothing is announced to anybody who
 * was not asked for: there is no default tracker.
 */
export interface CreateTorrentOptions {
  /** A power of two from 16 KiB; chosen by the size of the content unless given. */
  readonly pieceLength?: number
  /** Peers come from the trackers only (BEP 27). */
  readonly isPrivate?: boolean
  /** Tiers of addresses, in order (BEP 12). */
  readonly trackers?: readonly (readonly string[])[]
  /** HTTP servers that have the same content (BEP 19). */
  readonly webSeeds?: readonly string[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970; now unless given, and left out when null: then equal content makes equal bytes. */
  readonly creationDate?: number | null
  /** Makes the info hash differ from that of the same files elsewhere. */
  readonly source?: string
  /** Lets every file start with a piece (BEP 47), so that equal files have equal pieces. */
  readonly padding?: boolean
  /** Threads that hash; as many as there are cores, at most four, unless given. */
  readonly threads?: number
  /**
   * The calling thread is one of them, in turns of less than a millisecond: for a program that has nothing else to do meanwhile.
   * A thread less has to be started then, and the work begins at once.
   */
  readonly hashHere?: boolean
  readonly onProgress?: (progress: { readonly hashedBytes: number; readonly totalBytes: number }) => void
  readonly signal?: AbortSignal
}

export interface CreatedTorrent {
  /** The whole `.torrent` file. */
  readonly bytes: Uint8Array
  readonly info: Info
  /** Lower-case hex. */
  readonly infoHashV1: string
  /** The folder that holds the file or folder: the download folder of whoever seeds it from here. */
  readonly root: string
  /** Below `root`, one for each of `info.files`: they differ from the torrent's paths where those names are not safe everywhere. */
  readonly pathsOnDisk: readonly (readonly string[])[]
  /** For people: what is not in the torrent, and what is called otherwise there. */
  readonly warnings: readonly string[]
}

interface FoundFile extends NewFile {
  readonly stamp: FileStamp
}

const MIN_PIECE_LENGTH = 16 * 1024
const MAX_PIECE_LENGTH = 128 * 1024 * 1024
const FILES_LOOKED_AT_AT_ONCE = 2
const MAX_OPEN_FILES = 64
/** A piece of more files than this is read into memory, a file at a time. */
const MAX_FILES_AT_ONCE = 32
/** What desktops leave lying about. */
const JUNK: ReadonlySet<string> = new Set(['.ds_store', 'thumbs.db', 'ehthumbs.db', 'desktop.ini'])
const OWNER_MAY_RUN = 0o100

/**
 * @throws {EngineError} `FILE_MISSING`, `NOT_READABLE`, `FILE_CHANGED` (somebody wrote to it meanwhile), `PATH_UNSAFE`
 * (a name that is not UTF-8), `OPTION_INVALID` (also for content that is empty)
 * @throws the reason of `signal`
 */
export async function createTorrent(path: string, options: CreateTorrentOptions = {}): Promise<CreatedTorrent> {
  checkOptions(options)
  const target = await realpath(path).catch((error: unknown) => {
    throw diskError(error, 'share', path)
  })
  const root = dirname(target)
  const warnings: string[] = []
  const found = await findFiles(root, basename(target), warnings, options.signal)
  const totalBytes = found.reduce((sum, file) => sum + file.length, 0)
  if (totalBytes === 0) {
    throw new EngineError('OPTION_INVALID', `Cannot share "${path}": there is nothing in it. Give a file or folder with content.`)
  }
  const pieceLength = options.pieceLength ?? choosePieceLength(totalBytes)
  const files = options.padding === true ? layoutWithPadding(found, pieceLength) : found
  const hasher = new NodeHasher(options.threads === undefined ? {} : { threads: options.threads })
  try {
    const content = new Content({ disk: new NodeDisk(), hasher, root, files, found, pieceLength })
    const pieceHashes = await content.hash(options)
    const name = basename(target)
    const infoRaw = encodeInfo({
      name,
      pieceLength,
      pieceHashes,
      files,
      ...(options.isPrivate !== undefined && { isPrivate: options.isPrivate }),
      ...(options.source !== undefined && { source: options.source }),
    })
    const info = parseInfo(infoRaw, hasher)
    warnings.push(...info.warnings, ...renameWarnings(info, files))
    return {
      bytes: encodeWhole(infoRaw, options),
      info,
      infoHashV1: toHex(info.infoHashV1!),
      root,
      pathsOnDisk: files.map((file) => file.path),
      warnings,
    }
  } finally {
    await hasher.close()
  }
}

function checkOptions({ pieceLength, trackers = [], webSeeds = [] }: CreateTorrentOptions): void {
  if (pieceLength !== undefined) {
    const isPowerOfTwo = Number.isInteger(Math.log2(pieceLength))
    if (!(isPowerOfTwo && pieceLength >= MIN_PIECE_LENGTH && pieceLength <= MAX_PIECE_LENGTH)) {
      const rule = `a power of two from ${MIN_PIECE_LENGTH} (16 KiB) to ${MAX_PIECE_LENGTH} (128 MiB)`
      throw new EngineError('OPTION_INVALID', `Cannot make pieces of ${pieceLength} bytes: give ${rule}.`)
    }
  }
  for (const url of trackers.flat()) {
    if (isTrackerUrl(url)) continue
    throw new EngineError('OPTION_INVALID', `Cannot use the tracker "${url}": give an http, https, udp, ws or wss address.`)
  }
  for (const url of webSeeds) {
    if (!isWebSeedUrl(url)) throw new EngineError('OPTION_INVALID', `Cannot use the web seed "${url}": give an http or https address.`)
  }
}

function encodeWhole(infoRaw: Uint8Array, options: CreateTorrentOptions): Uint8Array {
  const { trackers, webSeeds, comment, createdBy, creationDate = Math.floor(new NodeSystem().wallClock() / 1000) } = options
  const bytes = encodeMetainfo({
    infoRaw,
    ...(trackers !== undefined && { trackers }),
    ...(webSeeds !== undefined && { webSeeds }),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== null && { creationDate }),
  })
  if (bytes.length <= MAX_METAINFO_BYTES) return bytes
  const text = `The torrent file would have ${bytes.length} bytes, and ${MAX_METAINFO_BYTES} are the limit`
  throw new EngineError('OPTION_INVALID', `${text}: choose larger pieces, or share fewer files at once.`)
}

function renameWarnings(info: Info, files: readonly NewFile[]): string[] {
  const warnings: string[] = []
  for (const [index, { path, isPadding }] of info.files.entries()) {
    const onDisk = files[index]!.path.join('/')
    if (!isPadding && onDisk !== path.join('/')) warnings.push(`"${onDisk}" will be called "${path.join('/')}" by whoever downloads it`)
  }
  return warnings
}

// ── the walk ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** All files of the content, in the order of the bytes of their paths. */
async function findFiles(root: string, name: string, warnings: string[], signal: AbortSignal | undefined): Promise<readonly FoundFile[]> {
  if (name === '') throw new EngineError('OPTION_INVALID', `Cannot share "${root}" as a whole: choose a file or folder in it.`)
  const target = join(root, name)
  const found = await stat(target).catch((error: unknown) => {
    throw diskError(error, 'share', target)
  })
  if (found.isFile()) return [await findFile(root, [name])]
  if (!found.isDirectory()) throw notShareable(target)
  const files: FoundFile[] = []
  await walk(root, [name], files, warnings, signal)
  const keys = new Map(files.map((file) => [file, encodeUtf8(file.path.join('/'))]))
  return files.sort((a, b) => compareBytes(keys.get(a)!, keys.get(b)!))
}

/** Iterative over folders by a queue of its own: a deep tree is no deep stack. */
async function walk(
  root: string,
  top: readonly string[],
  files: FoundFile[],
  warnings: string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const folders: (readonly string[])[] = [top]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted()
    const where = join(root, ...folder)
    const entries = await readdir(where, { withFileTypes: true, encoding: 'buffer' }).catch((error: unknown) => {
      throw diskError(error, 'share', where)
    })
    if (entries.length === 0) warnings.push(`"${folder.join('/')}" is an empty folder: a torrent cannot hold it`)
    for (const entry of entries) {
      const path = [...folder, nameOf(entry, where)]
      if (entry.isSymbolicLink()) warnings.push(`"${path.join('/')}" is a symbolic link: left out`)
      else if (entry.isDirectory()) folders.push(path)
      else if (!entry.isFile()) throw notShareable(join(root, ...path))
      else if (JUNK.has(path.at(-1)!.toLowerCase())) warnings.push(`"${path.join('/')}" is left by a file manager: left out`)
      else files.push(await findFile(root, path))
    }
  }
}

function nameOf(entry: Dirent<Buffer>, folder: string): string {
  if (isValidUtf8(entry.name)) return entry.name.toString('utf8')
  const shown = JSON.stringify(entry.name.toString('latin1'))
  throw new EngineError('PATH_UNSAFE', `Cannot share ${shown} in "${folder}": its name is not UTF-8. Rename it.`)
}

async function findFile(root: string, path: readonly string[]): Promise<FoundFile> {
  const where = join(root, ...path)
  const found = await stat(where).catch((error: unknown) => {
    throw diskError(error, 'share', where)
  })
  const stamp = { size: found.size, modifiedMs: found.mtimeMs }
  return { path, length: found.size, isExecutable: (found.mode & OWNER_MAY_RUN) !== 0, stamp }
}

function notShareable(path: string): EngineError {
  return new EngineError('NOT_READABLE', `Cannot share "${path}": it is neither a file nor a folder. Move it away.`)
}

// ── the hashing ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** The files of the torrent to be, end to end, and the hashes of their pieces. */
class Content {
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

  /** 20 bytes a piece, one after another. */
  async hash({ onProgress, signal, hashHere: alsoHere = false }: CreateTorrentOptions): Promise<Uint8Array> {
    const { pieceCount, pieceLength, totalSize } = this.#geometry
    const hashes = new Uint8Array(pieceCount * 20)
    let hashedBytes = 0
    try {
      const work = { hasher: this.#hasher, pieceLength, pieceCount, alsoHere }
      await inHashLanes(work, indices(pieceCount), async (pieceIndex, isHere) => {
        signal?.throwIfAborted()
        hashes.set(await this.#hashPiece(pieceIndex, isHere), pieceIndex * 20)
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
    return hashes
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
