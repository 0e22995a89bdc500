/**
 * The files of a torrent: as v1 lists them (BEP 3, 47), and laid end to end as both versions lay them.
 */

import { BencodeDictionary } from '../bencode.ts'
import { latin1 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { byteStrings, integerOf, listOf, optionalBytesOf, optionalIntegerOf, optionalListOf } from './field.ts'
import { type SafeFolder, SafePaths } from './safe-path.ts'

/** One file of a torrent, where it may lie on our disk and where it lies in the torrent. */
export interface FileEntry {
  /**
   * Safe, relative to the download folder, and no two alike: `[name]` for a torrent that is one file, else
   * `[name, …]`. Padding is never written, and its paths say nothing.
   */
  readonly path: readonly string[]
  readonly length: number
  /** Bytes from the start of the torrent. */
  readonly offset: number
  /** Zeros that let the next file start with a piece (BEP 47); in no file on the disk. */
  readonly isPadding: boolean
  readonly isExecutable: boolean
  readonly isHidden: boolean
  /** For a symbolic link: the path, as `path`, of a file or folder of this torrent. */
  readonly symlinkTarget?: readonly string[]
  /** Root of the file's hash tree (BEP 52), 32 bytes; only in v2 and hybrid torrents, and not of empty files. */
  readonly piecesRoot?: Uint8Array
}

/** A file as it is written in a torrent, with a path that is safe already. */
export interface ListedFile {
  readonly path: readonly string[]
  readonly length: number
  readonly attributes: FileAttributes
  readonly symlinkTarget?: readonly string[]
  readonly piecesRoot?: Uint8Array
}

/** The same while nobody knows yet where a link leads. */
export interface ListedLink extends ListedFile {
  readonly link?: readonly Uint8Array[]
}

export interface FileAttributes {
  readonly isPadding: boolean
  readonly isExecutable: boolean
  readonly isHidden: boolean
  readonly isSymlink: boolean
}

/** The files that one version of a torrent describes. */
export interface FileList {
  readonly files: readonly ListedFile[]
  readonly isSingleFile: boolean
  readonly warnings: readonly string[]
}

/**
 * `length`, or `files`, of a v1 info dictionary.
 * @param name the torrent's own name, which is its file or its folder
 */
export function readFileList(info: BencodeDictionary, name: Uint8Array): FileList {
  const paths = new SafePaths()
  const attributes = readAttributes(info)
  if (info.get('files') === undefined) {
    const path = paths.addFile(paths.root, name)
    const plain = { ...attributes, isPadding: false, isSymlink: false }
    return { files: [{ path, length: readLength(info), attributes: plain }], isSingleFile: true, warnings: [] }
  }
  if (info.get('length') !== undefined) {
    throw new ProtocolError('METAINFO_FIELD_VALUE', 'Cannot read the torrent: it has "files" and "length", and can be only one of both')
  }
  const root = paths.addFolder(paths.root, name)
  const files: ListedLink[] = []
  for (const item of listOf(info, 'files')) {
    if (!(item instanceof BencodeDictionary)) {
      throw new ProtocolError('METAINFO_FIELD_TYPE', `Cannot read the torrent: file ${files.length} is not a dictionary`)
    }
    files.push(readFile(item, paths, root))
  }
  const resolved = resolveLinks(files, paths, root)
  return { files: resolved.files, isSingleFile: false, warnings: [...resolved.warnings, ...renameWarnings(paths)] }
}

function readFile(item: BencodeDictionary, paths: SafePaths, root: SafeFolder): ListedLink {
  const attributes = readAttributes(item)
  if (attributes.isPadding) {
    const length = readLength(item)
    return { path: paddingPath(root.path[0]!, length), length, attributes }
  }
  const key = item.get('path.utf-8') === undefined ? 'path' : 'path.utf-8'
  const path = paths.addPath(root, byteStrings(listOf(item, key), key))
  if (attributes.isSymlink) return { path, length: 0, attributes, link: readSymlink(item) }
  return { path, length: readLength(item), attributes }
}

/** `attr`: one letter an attribute, in any order; letters we do not know mean nothing (BEP 47). */
export function readAttributes(item: BencodeDictionary): FileAttributes {
  const attr = optionalBytesOf(item, 'attr')
  if (attr === undefined) return NO_ATTRIBUTES
  const letters = latin1(attr)
  return {
    isPadding: letters.includes('p'),
    isExecutable: letters.includes('x'),
    isHidden: letters.includes('h'),
    isSymlink: letters.includes('l'),
  }
}

const NO_ATTRIBUTES: FileAttributes = { isPadding: false, isExecutable: false, isHidden: false, isSymlink: false }

export function readLength(item: BencodeDictionary): number {
  const length = integerOf(item, 'length')
  if (typeof length === 'number' && length >= 0) return length
  throw new ProtocolError('METAINFO_FILE_LENGTH', `Cannot read the torrent: a file of ${length} bytes is impossible`)
}

/** The target of a link, from the root of the torrent. @throws {ProtocolError} `METAINFO_SYMLINK` */
export function readSymlink(item: BencodeDictionary): readonly Uint8Array[] {
  const length = optionalIntegerOf(item, 'length') ?? 0
  if (length !== 0) throw new ProtocolError('METAINFO_SYMLINK', `Cannot read the torrent: a symbolic link of ${length} bytes has none`)
  const list = optionalListOf(item, 'symlink path')
  if (list === undefined || list.isEmpty) {
    throw new ProtocolError('METAINFO_SYMLINK', 'Cannot read the torrent: a symbolic link has no target ("symlink path")')
  }
  const target = byteStrings(list, 'symlink path')
  if (target.some((component) => latin1(component.subarray(0, 3)) === '..')) {
    throw new ProtocolError('METAINFO_SYMLINK', 'Cannot read the torrent: a symbolic link has ".." in its target and would lead out of it')
  }
  return target
}

/**
 * The files with the targets of their links, once all have their paths. A link to nothing in the torrent becomes an
 * empty file.
 * @param root the folder that targets are counted from
 */
export function resolveLinks(
  files: readonly ListedLink[],
  paths: SafePaths,
  root: SafeFolder,
): { readonly files: readonly ListedFile[]; readonly warnings: readonly string[] } {
  const lost: ListedFile[] = []
  const resolved = files.map((file): ListedFile => {
    if (file.link === undefined) return file
    const symlinkTarget = paths.find(root, file.link)
    if (symlinkTarget !== undefined) return { ...file, symlinkTarget }
    lost.push(file)
    return file
  })
  const warnings = lost
    .slice(0, 1)
    .map(({ path }) => `${lost.length} symbolic links, such as ${path.join('/')}, point at nothing in the torrent: taken for empty files`)
  return { files: resolved, warnings }
}

export function renameWarnings(paths: SafePaths): string[] {
  if (paths.renamedCount === 0) return []
  return [`${paths.renamedCount} files or folders have names that some systems take for one: they got a number`]
}

/** Torrents are counted in numbers, which are exact up to here. */
const MAX_TOTAL_SIZE = Number.MAX_SAFE_INTEGER

/**
 * Lays the files end to end.
 * @throws {ProtocolError} `METAINFO_NO_FILES`, `METAINFO_TOTAL_SIZE`
 */
export function layOut(files: readonly ListedFile[]): { readonly files: readonly FileEntry[]; readonly totalSize: number } {
  if (files.every((file) => file.attributes.isPadding)) {
    throw new ProtocolError('METAINFO_NO_FILES', 'Cannot read the torrent: there is no file in it')
  }
  let offset = 0
  const entries = files.map(({ path, length, attributes, symlinkTarget, piecesRoot }): FileEntry => {
    const { isPadding, isExecutable, isHidden } = attributes
    const plain = { path, length, offset, isPadding, isExecutable, isHidden }
    const entry = symlinkTarget === undefined && piecesRoot === undefined ? plain : withOptional(plain, symlinkTarget, piecesRoot)
    if (length > MAX_TOTAL_SIZE - offset) {
      throw new ProtocolError('METAINFO_TOTAL_SIZE', `Cannot read the torrent: its files have more than ${MAX_TOTAL_SIZE} bytes together`)
    }
    offset += length
    return entry
  })
  return { files: entries, totalSize: offset }
}

function withOptional(file: FileEntry, symlinkTarget?: readonly string[], piecesRoot?: Uint8Array): FileEntry {
  return { ...file, ...(symlinkTarget && { symlinkTarget }), ...(piecesRoot && { piecesRoot }) }
}

/**
 * The files with padding between them, so that each file with bytes starts with a piece (BEP 47, 52).
 * Nothing follows the last.
 * @param padding makes a padding file of that many bytes
 */
export function withPadding<F extends { readonly length: number }>(
  files: readonly F[],
  pieceLength: number,
  padding: (length: number) => F,
): F[] {
  const padded: F[] = []
  let past = 0
  for (const file of files) {
    if (file.length > 0 && past > 0) {
      padded.push(padding(pieceLength - past))
      past = 0
    }
    padded.push(file)
    past = (past + file.length) % pieceLength
  }
  return padded
}

/** Where BEP 47 says that padding should lie, for programs that write it. */
export function paddingPath(root: string, length: number): readonly string[] {
  return [root, '.pad', String(length)]
}
