/**
 * The info dictionary: what is in a torrent, and what its info hash is taken over (BEP 3, 27, 47, 52).
 *
 * A torrent can be v1 (one list of files, one SHA-1 for each piece), v2 (a tree of files, a hash tree for each file), or a
 * hybrid that says both about the same content. Whatever it is, the outcome is one list of files lying end to end, with
 * padding where the format leaves a gap, so that piece geometry and file layout are the same for all.
 *
 * Nothing here is forgiving: an info dictionary that bends the rules is read in one way by us and in another by somebody
 * else, and both believe that they hold the same torrent.
 */

import { BencodeDictionary, decodeBencode } from '../bencode.ts'
import { decodeUtf8 } from '../bytes.ts'
import { cleanText } from '../clean-text.ts'
import { ProtocolError } from '../errors.ts'
import { bytesOf, dictionaryOf, integerOf, optionalBytesOf, optionalIntegerOf } from './field.ts'
import { type FileEntry, type FileList, type ListedFile, layOut, paddingPath, readFileList, withPadding } from './file-list.ts'
import { readFileTree } from './file-tree.ts'
import { PieceGeometry } from './piece-geometry.ts'
import { checkPieceLayers, type PieceLayers } from './piece-layers.ts'

/** Hashing at once, as the engine's hasher and Node's crypto do it. */
export interface HashFunctions {
  sha1(bytes: Uint8Array): Uint8Array
  sha256(bytes: Uint8Array): Uint8Array
}

export interface Info {
  readonly version: 'v1' | 'v2' | 'hybrid'
  /** Safe as a file name: the file of a torrent that is one, else its folder. */
  readonly name: string
  readonly pieceLength: number
  readonly pieceCount: number
  /** All files with their padding: what the pieces cover. */
  readonly totalSize: number
  /** Peers come from its trackers only (BEP 27). */
  readonly isPrivate: boolean
  readonly isSingleFile: boolean
  readonly files: readonly FileEntry[]
  /** 20 bytes a piece, one after another; empty when the torrent is v2 only. */
  readonly pieceHashes: Uint8Array
  /** 20 bytes; not of a v2-only torrent. */
  readonly infoHashV1?: Uint8Array
  /** 32 bytes; not of a v1-only torrent. */
  readonly infoHashV2?: Uint8Array
  /** Where it was made for: makes info hashes of the same files differ between networks. */
  readonly source?: string
  /** The exact bytes that the hashes are taken over. */
  readonly raw: Uint8Array
  readonly warnings: readonly string[]
}

/** What peers may send us piece by piece is not longer (BEP 9); a `.torrent` is limited further. */
export const MAX_INFO_BYTES: number = 30 * 1024 * 1024
export const MAX_PIECE_COUNT = 2_097_152
export const MAX_PIECE_LENGTH: number = 512 * 1024 * 1024
const MIN_PIECE_LENGTH_V2 = 16_384
const PIECE_HASH_LENGTH = 20
const META_VERSION_V2 = 2
const MAX_SOURCE_CHARACTERS = 128

/**
 * Reads the bytes of an info dictionary, from a `.torrent` or from peers. `raw`, `pieceHashes` and the roots are views
 * into them, so they must not change any more.
 * @param pieceLayers from the `.torrent` around it. Peers do not send them, and then they are not checked.
 * @throws {ProtocolError} `BENCODE_…`, `METAINFO_…`
 */
export function parseInfo(raw: Uint8Array, hashes: HashFunctions, pieceLayers?: PieceLayers): Info {
  if (raw.length > MAX_INFO_BYTES) {
    throw new ProtocolError('METAINFO_TOO_LARGE', `Cannot read an info dictionary of ${raw.length} bytes: the limit is ${MAX_INFO_BYTES}`)
  }
  const value = decodeBencode(raw)
  if (value instanceof BencodeDictionary) return readInfo(value, hashes, pieceLayers)
  throw new ProtocolError('METAINFO_NOT_A_DICTIONARY', 'Cannot read the info dictionary: it is not a dictionary')
}

/** As `parseInfo`, of a dictionary that is decoded already. */
export function readInfo(info: BencodeDictionary, hashes: HashFunctions, pieceLayers?: PieceLayers): Info {
  const version = readVersion(info)
  const pieceLength = readPieceLength(info, version)
  const nameBytes = optionalBytesOf(info, 'name.utf-8') ?? bytesOf(info, 'name')
  const v1 = version === 'v2' ? undefined : readFileList(info, nameBytes)
  const v2 = version === 'v1' ? undefined : readFileTree(dictionaryOf(info, 'file tree'), nameBytes, v1?.isSingleFile)
  const list = (v1 ?? v2)!
  const root = list.files[0]?.path[0] ?? ''
  const content = combine(v1, v2, pieceLength, root)
  const { pieceCount } = new PieceGeometry({ totalSize: content.totalSize, pieceLength })
  if (pieceCount > MAX_PIECE_COUNT) throw tooManyPieces(pieceCount)
  const pieceHashes = version === 'v2' ? new Uint8Array() : readPieceHashes(info, pieceCount)
  if (pieceLayers !== undefined && version !== 'v1') {
    checkPieceLayers(pieceLayers, content.files, pieceLength, (bytes) => hashes.sha256(bytes))
  }
  const source = info.getBytes('source')
  return {
    version,
    name: root,
    pieceLength,
    pieceCount,
    totalSize: content.totalSize,
    isPrivate: (optionalIntegerOf(info, 'private') ?? 0) !== 0,
    isSingleFile: list.isSingleFile,
    files: content.files,
    pieceHashes,
    ...(version !== 'v2' && { infoHashV1: hashes.sha1(info.raw) }),
    ...(version !== 'v1' && { infoHashV2: hashes.sha256(info.raw) }),
    ...(source !== undefined && { source: cleanText(decodeUtf8(source), MAX_SOURCE_CHARACTERS) }),
    raw: info.raw,
    warnings: list.warnings,
  }
}

/** Looked at before anything else, so that a torrent of the future is called that and not broken (BEP 52). */
function readVersion(info: BencodeDictionary): Info['version'] {
  const metaVersion = optionalIntegerOf(info, 'meta version')
  if (metaVersion === undefined) return 'v1'
  if (metaVersion !== META_VERSION_V2) {
    throw new ProtocolError(
      'METAINFO_META_VERSION',
      `Cannot read a torrent of meta version ${metaVersion}: only ${META_VERSION_V2} is known`,
    )
  }
  return ['pieces', 'files', 'length'].some((key) => info.get(key) !== undefined) ? 'hybrid' : 'v2'
}

function readPieceLength(info: BencodeDictionary, version: Info['version']): number {
  const pieceLength = integerOf(info, 'piece length')
  const isInLimits = typeof pieceLength === 'number' && pieceLength >= 1 && pieceLength <= MAX_PIECE_LENGTH
  if (!isInLimits) {
    throw new ProtocolError(
      'METAINFO_PIECE_LENGTH',
      `Cannot read the torrent: pieces of ${pieceLength} bytes are not 1 to ${MAX_PIECE_LENGTH}`,
    )
  }
  const isPowerOfTwo = (pieceLength & (pieceLength - 1)) === 0
  if (version !== 'v1' && !(isPowerOfTwo && pieceLength >= MIN_PIECE_LENGTH_V2)) {
    const rule = `a power of two from ${MIN_PIECE_LENGTH_V2}`
    throw new ProtocolError('METAINFO_PIECE_LENGTH', `Cannot read the v2 torrent: pieces of ${pieceLength} bytes are not ${rule}`)
  }
  return pieceLength
}

function readPieceHashes(info: BencodeDictionary, pieceCount: number): Uint8Array {
  const pieces = bytesOf(info, 'pieces')
  if (pieces.length % PIECE_HASH_LENGTH !== 0) {
    throw new ProtocolError('METAINFO_PIECES', `Cannot read the torrent: "pieces" has ${pieces.length} bytes, not a multiple of 20`)
  }
  const hashCount = pieces.length / PIECE_HASH_LENGTH
  if (hashCount !== pieceCount) {
    throw new ProtocolError(
      'METAINFO_PIECES',
      `Cannot read the torrent: it has ${hashCount} piece hashes, and its files make ${pieceCount} pieces`,
    )
  }
  return pieces
}

interface Content {
  readonly files: readonly FileEntry[]
  readonly totalSize: number
}

/** One list of files out of what v1, v2 or both say. */
function combine(v1: FileList | undefined, v2: FileList | undefined, pieceLength: number, root: string): Content {
  const aligned = v2 && layOut(withPadding(v2.files, pieceLength, (length) => padding(root, length)))
  if (v1 === undefined) return aligned!
  const listed = layOut(v1.files)
  if (aligned === undefined) return listed
  return merge(listed, aligned, pieceLength)
}

function padding(root: string, length: number): ListedFile {
  const attributes = { isPadding: true, isExecutable: false, isHidden: false, isSymlink: false }
  return { path: paddingPath(root, length), length, attributes }
}

/**
 * Both halves of a hybrid must mean the same bytes in the same files at the same places; else peers of the one swarm
 * would hold another torrent than those of the other. v1 keeps its padding (there may be some at the end, too), and its
 * files get the roots of v2.
 */
function merge(v1: Content, v2: Content, pieceLength: number): Content {
  const others = v2.files.filter((file) => !file.isPadding)
  let index = 0
  const files = v1.files.map((file) => {
    if (file.isPadding) return file
    const other = others[index++]
    if (other === undefined) throw mismatch('v1 has more files than v2')
    if (!samePath(file.path, other.path))
      throw mismatch(`file ${index - 1} is ${file.path.join('/')} in v1 and ${other.path.join('/')} in v2`)
    const where = file.path.join('/')
    if (file.length !== other.length) throw mismatch(`${where} has ${file.length} bytes in v1 and ${other.length} in v2`)
    if (file.length > 0 && file.offset !== other.offset)
      throw mismatch(`${where} starts at byte ${file.offset} in v1 and ${other.offset} in v2`)
    if (!samePath(file.symlinkTarget, other.symlinkTarget)) throw mismatch(`the link ${where} has two targets`)
    return other.piecesRoot === undefined ? file : { ...file, piecesRoot: other.piecesRoot }
  })
  if (index < others.length) throw mismatch('v2 has more files than v1')
  if (Math.ceil(v1.totalSize / pieceLength) !== Math.ceil(v2.totalSize / pieceLength))
    throw mismatch('v1 and v2 make different counts of pieces')
  return { files, totalSize: v1.totalSize }
}

function samePath(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a?.length === b?.length && (a === undefined || a.every((name, index) => name === b?.[index]))
}

function mismatch(what: string): ProtocolError {
  return new ProtocolError('METAINFO_HYBRID_MISMATCH', `Cannot read the hybrid torrent, whose halves differ: ${what}`)
}

function tooManyPieces(pieceCount: number): ProtocolError {
  return new ProtocolError('METAINFO_TOO_MANY_PIECES', `Cannot read a torrent of ${pieceCount} pieces: the limit is ${MAX_PIECE_COUNT}`)
}
