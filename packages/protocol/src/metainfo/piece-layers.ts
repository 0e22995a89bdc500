/** `piece layers` (BEP 52): the hashes of a file's pieces, which its root in the info dictionary vouches for. */

import { BencodeDictionary, type BencodeValue } from '../bencode.ts'
import { equalBytes, toHex } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import type { FileEntry } from './file-list.ts'
import { merkleRoot, type Sha256, TREE_HASH_LENGTH } from './merkle-tree.ts'
import { BLOCK_LENGTH } from './piece-geometry.ts'

/** Root of a file, in hex, to the hashes of its pieces one after another: 32 bytes for each. */
export type PieceLayers = ReadonlyMap<string, Uint8Array>

/** @throws {ProtocolError} `METAINFO_PIECE_LAYERS` */
export function readPieceLayers(value: BencodeValue): PieceLayers {
  if (!(value instanceof BencodeDictionary)) throw fault('"piece layers" is not a dictionary')
  const layers = new Map<string, Uint8Array>()
  for (const [root, layer] of value.entries()) {
    if (root.length !== TREE_HASH_LENGTH) throw fault(`a key of "piece layers" has ${root.length} bytes, not ${TREE_HASH_LENGTH}`)
    if (!(layer instanceof Uint8Array)) throw fault('a value of "piece layers" is not a byte string')
    layers.set(toHex(root), layer)
  }
  return layers
}

/**
 * Checks that every file of more than one piece has its layer, that each layer has the right length and gives its
 * root, and that there is no other.
 * @throws {ProtocolError} `METAINFO_PIECE_LAYERS`
 */
export function checkPieceLayers(layers: PieceLayers, files: readonly FileEntry[], pieceLength: number, sha256: Sha256): void {
  const checked = new Set<string>()
  for (const { length, piecesRoot, path } of files) {
    if (piecesRoot === undefined || length <= pieceLength) continue
    const key = toHex(piecesRoot)
    const layer = layers.get(key)
    if (layer === undefined) throw fault(`the piece layer of ${path.join('/')} is missing`)
    const pieceCount = Math.ceil(length / pieceLength)
    if (layer.length !== pieceCount * TREE_HASH_LENGTH) {
      throw fault(`the piece layer of ${path.join('/')} has ${layer.length} bytes, and ${pieceCount} pieces take ${TREE_HASH_LENGTH} each`)
    }
    // The length was looked at for every file; the hashing is the same for equal roots.
    if (checked.has(key)) continue
    if (!equalBytes(merkleRoot(layer, Math.log2(pieceLength / BLOCK_LENGTH), sha256), piecesRoot)) {
      throw fault(`the piece layer of ${path.join('/')} does not give its root`)
    }
    checked.add(key)
  }
  if (checked.size < layers.size) throw fault(`${layers.size - checked.size} piece layers belong to no file of more than one piece`)
}

function fault(what: string): ProtocolError {
  return new ProtocolError('METAINFO_PIECE_LAYERS', `Cannot read the torrent: ${what}`)
}
