/** `file tree` of a v2 info dictionary (BEP 52): folders are dictionaries, and a file is what an empty key describes. */

import { BencodeDictionary, type BencodeValue } from '../bencode.ts'
import { ProtocolError } from '../errors.ts'
import { optionalBytesOf } from './field.ts'
import { type FileList, type ListedLink, readAttributes, readLength, readSymlink, renameWarnings, resolveLinks } from './file-list.ts'
import { TREE_HASH_LENGTH } from './merkle-tree.ts'
import { type SafeFolder, SafePaths } from './safe-path.ts'

/**
 * The files of a tree, in its order.
 *
 * A tree whose only entry is a file is that file, whatever the torrent's name; any other lies in a folder of that name.
 * Where v1 says of the same torrent (hybrid) that it is a folder, its word counts: `isSingleFile`.
 * @throws {ProtocolError} `METAINFO_FILE_TREE`, and what the fields and paths throw
 */
export function readFileTree(tree: BencodeDictionary, name: Uint8Array, isSingleFile: boolean = isOneFile(tree)): FileList {
  const paths = new SafePaths()
  const root = isSingleFile ? paths.root : paths.addFolder(paths.root, name)
  const files: ListedLink[] = []
  const open = [{ folder: root, entries: tree.entries() }]
  for (let inside = open.at(-1); inside !== undefined; inside = open.at(-1)) {
    const { done, value } = inside.entries.next()
    if (done) {
      open.pop()
      continue
    }
    const [key, entry] = value
    if (key.length === 0) throw fault('an entry is a file and a folder at once, or the root is a file')
    if (!(entry instanceof BencodeDictionary)) throw fault('an entry is not a dictionary')
    const file = entry.get('')
    if (file === undefined) open.push({ folder: paths.addFolder(inside.folder, key), entries: entry.entries() })
    else files.push(readFile(paths, inside.folder, key, onlyEntry(entry, file)))
  }
  const resolved = resolveLinks(files, paths, root)
  return { files: resolved.files, isSingleFile, warnings: [...resolved.warnings, ...renameWarnings(paths)] }
}

function isOneFile(tree: BencodeDictionary): boolean {
  const [first, second] = tree.entries()
  if (first === undefined || second !== undefined) return false
  const [, entry] = first
  return entry instanceof BencodeDictionary && entry.get('') !== undefined
}

function onlyEntry(entry: BencodeDictionary, file: BencodeValue): BencodeDictionary {
  const [, second] = entry.entries()
  if (second !== undefined) throw fault('an entry is a file and a folder at once')
  if (!(file instanceof BencodeDictionary)) throw fault('the description of a file is not a dictionary')
  return file
}

function readFile(paths: SafePaths, folder: SafeFolder, name: Uint8Array, file: BencodeDictionary): ListedLink {
  // v2 aligns files by itself, so padding has no place in a tree.
  const attributes = { ...readAttributes(file), isPadding: false }
  const path = paths.addFile(folder, name)
  if (attributes.isSymlink) return { path, length: 0, attributes, link: readSymlink(file) }
  const length = readLength(file)
  if (length === 0) return { path, length, attributes }
  const piecesRoot = optionalBytesOf(file, 'pieces root')
  if (piecesRoot?.length !== TREE_HASH_LENGTH) {
    throw fault(piecesRoot === undefined ? 'a file has no "pieces root"' : `a "pieces root" has ${piecesRoot.length} bytes, not 32`)
  }
  return { path, length, attributes, piecesRoot }
}

function fault(what: string): ProtocolError {
  return new ProtocolError('METAINFO_FILE_TREE', `Cannot read the file tree of the torrent: ${what}`)
}
