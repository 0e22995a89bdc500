/**
 * Hash trees of v2 (BEP 52): two children a node, SHA-256 of both, over blocks of 16 KiB.
 *
 * ```
 *              root                  level 2
 *         ┌─────┴─────┐
 *        h01         h20             level 1: a piece of 32 KiB is one node here
 *      ┌──┴──┐     ┌──┴──┐
 *     h0    h1    h2   zeros         level 0: blocks, and zeros up to a power of two
 * ```
 */

import { concatBytes } from '../bytes.ts'

export const TREE_HASH_LENGTH = 32

export type Sha256 = (bytes: Uint8Array) => Uint8Array

/** The hash of a whole subtree, `level` steps above the blocks, that lies beyond the end of the file. */
export function zeroHash(level: number, sha256: Sha256): Uint8Array {
  let hash: Uint8Array = new Uint8Array(TREE_HASH_LENGTH)
  for (let step = 0; step < level; step++) hash = sha256(concatBytes([hash, hash]))
  return hash
}

/**
 * The root over one layer of a tree.
 * @param layer the hashes of that layer one after another, at least one
 * @param level steps that the layer lies above the blocks: what is missing up to a power of two is `zeroHash(level)`
 */
export function merkleRoot(layer: Uint8Array, level: number, sha256: Sha256): Uint8Array {
  let nodes: Uint8Array = layer.slice()
  let count = layer.length / TREE_HASH_LENGTH
  let beyond = zeroHash(level, sha256)
  const pair = new Uint8Array(2 * TREE_HASH_LENGTH)
  for (; count > 1; count = Math.ceil(count / 2)) {
    const parents = new Uint8Array(Math.ceil(count / 2) * TREE_HASH_LENGTH)
    for (let left = 0; left < count; left += 2) {
      const at = left * TREE_HASH_LENGTH
      pair.set(nodes.subarray(at, at + 2 * TREE_HASH_LENGTH))
      if (left + 1 === count) pair.set(beyond, TREE_HASH_LENGTH)
      parents.set(sha256(pair), at / 2)
    }
    pair.set(beyond)
    pair.set(beyond, TREE_HASH_LENGTH)
    beyond = sha256(pair)
    nodes = parents
  }
  return nodes
}
