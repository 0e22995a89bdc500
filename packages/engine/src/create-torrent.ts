import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { toHex } from '@shoal/protocol/bytes'
import { type Info, parseInfo } from '@shoal/protocol/metainfo/info'
import {
  choosePieceLength,
  encodeInfo,
  encodeMetainfo,
  layoutWithPadding,
  MAX_METAINFO_BYTES,
  type NewFile,
} from '@shoal/protocol/metainfo/metainfo'
import type { PieceLayers } from '@shoal/protocol/metainfo/piece-layers'
import { isTrackerUrl, isWebSeedUrl } from '@shoal/protocol/metainfo/tracker-list'
import { EngineError } from './base/errors.ts'
import { ContentHasher } from './creation/content-hasher.ts'
import { findContent, type LeftOut } from './creation/content-walk.ts'
import type { FileHashTree } from './creation/file-trees.ts'
import { NodeDisk } from './node/disk.ts'
import { NodeHasher } from './node/hasher.ts'
import { NodeSystem } from './node/system.ts'
import { diskError } from './node/system-error.ts'

/**
 * Makes a torrent of a file or a folder: walks it, hashes it on all cores, and writes the metainfo (BEP 3, and BEP 52 for a
 * hybrid one).
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
  /** For clients of v1 and of v2 alike (BEP 52); files lie as with `padding`. */
  readonly isHybrid?: boolean
  /** What the file or folder is called in the torrent; its own name unless given. */
  readonly name?: string
  /** Patterns of what to leave out (`PathPattern`): `*.tmp`, `cache/`, `a/**`. */
  readonly exclude?: readonly string[]
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
  /** Lower-case hex; of a hybrid. */
  readonly infoHashV2: string | undefined
  /** The folder that holds the file or folder: the download folder of whoever seeds it from here. */
  readonly root: string
  /** Below `root`, one for each of `info.files`: they differ from the torrent's paths where those names are not safe everywhere. */
  readonly pathsOnDisk: readonly (readonly string[])[]
  /** For people: what is not in the torrent, and what is called otherwise there. */
  readonly warnings: readonly string[]
  /** What of the folder is not in the torrent, and why. */
  readonly leftOut: readonly LeftOut[]
}

const MIN_PIECE_LENGTH = 16 * 1024
const MAX_PIECE_LENGTH = 128 * 1024 * 1024

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
  const isHybrid = options.isHybrid === true
  const { exclude = [], signal } = options
  const { files: found, leftOut } = await findContent({ root, name: basename(target), isTree: isHybrid, exclude, signal })
  const totalBytes = found.reduce((sum, file) => sum + file.length, 0)
  if (totalBytes === 0) {
    throw new EngineError('OPTION_INVALID', `Cannot share "${path}": there is nothing in it. Give a file or folder with content.`)
  }
  const pieceLength = options.pieceLength ?? choosePieceLength(totalBytes)
  const files = options.padding === true || isHybrid ? layoutWithPadding(found, pieceLength) : found
  const hasher = new NodeHasher(options.threads === undefined ? {} : { threads: options.threads })
  try {
    const content = new ContentHasher({ disk: new NodeDisk(), hasher, root, files, found, pieceLength })
    const { onProgress, hashHere: alsoHere = false } = options
    const { pieceHashes, trees } = await content.hash({ onProgress, signal, alsoHere, isHybrid })
    const name = options.name ?? basename(target)
    const named = files.map((file) => ({ ...file, path: [name, ...file.path.slice(1)] }))
    const infoRaw = encodeInfo({
      name,
      pieceLength,
      pieceHashes,
      files: named,
      ...(trees !== undefined && { piecesRoots: trees.map((tree) => tree?.root) }),
      ...(options.isPrivate !== undefined && { isPrivate: options.isPrivate }),
      ...(options.source !== undefined && { source: options.source }),
    })
    const pieceLayers = trees && layersOf(trees)
    const info = parseInfo(infoRaw, hasher, pieceLayers)
    return {
      bytes: encodeWhole(infoRaw, options, pieceLayers),
      info,
      infoHashV1: toHex(info.infoHashV1!),
      infoHashV2: info.infoHashV2 && toHex(info.infoHashV2),
      root,
      pathsOnDisk: files.map((file) => file.path),
      warnings: [...leftOut.flatMap(leftOutWarning), ...info.warnings, ...renameWarnings(info, named)],
      leftOut,
    }
  } finally {
    await hasher.close()
  }
}

function layersOf(trees: readonly (FileHashTree | undefined)[]): PieceLayers {
  const layers = new Map<string, Uint8Array>()
  for (const tree of trees) if (tree?.layer !== undefined) layers.set(toHex(tree.root), tree.layer)
  return layers
}

/** Whoever excludes something knows it. */
function leftOutWarning({ path, why }: LeftOut): string[] {
  const shown = `"${path.join('/')}"`
  switch (why) {
    case 'junk':
      return [`${shown} is left by a file manager: left out`]
    case 'link':
      return [`${shown} is a symbolic link: left out`]
    case 'empty-folder':
      return [`${shown} is an empty folder: a torrent cannot hold it`]
    case 'excluded':
      return []
  }
}

function checkOptions({ pieceLength, trackers = [], webSeeds = [], name }: CreateTorrentOptions): void {
  if (name !== undefined && (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))) {
    throw new EngineError('OPTION_INVALID', `Cannot call it ${JSON.stringify(name)}: give a name of a file or folder, without a slash.`)
  }
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

function encodeWhole(infoRaw: Uint8Array, options: CreateTorrentOptions, pieceLayers: PieceLayers | undefined): Uint8Array {
  const { trackers, webSeeds, comment, createdBy, creationDate = Math.floor(new NodeSystem().wallClock() / 1000) } = options
  const bytes = encodeMetainfo({
    infoRaw,
    ...(trackers !== undefined && { trackers }),
    ...(webSeeds !== undefined && { webSeeds }),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== null && { creationDate }),
    ...(pieceLayers !== undefined && { pieceLayers }),
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
