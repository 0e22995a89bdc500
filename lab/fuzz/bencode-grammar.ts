import type { Random } from '@shoal/engine/simulation'
import { compareBytes, concatBytes, latin1 } from '@shoal/protocol/bytes'
import { asciiBytes, type ByteMutator, INTERESTING_DECIMALS, pick } from './byte-mutator.ts'

/** Bencode as a tree that can be changed: our own plain reading of BEP 3, also the naive twin of the decoder. */
export type Tree =
  | { kind: 'integer'; digits: string }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'list'; items: Tree[] }
  | { kind: 'dictionary'; entries: { key: Uint8Array; value: Tree }[] }

/** Deeper trees are left to the changes that know no grammar. */
const MAX_DEPTH = 120

/**
 * The tree that the bytes begin with, and where it ended; undefined when they begin with none. Recursive and trusting in
 * everything but the grammar: keys may come in any order, but none twice.
 */
export function readTree(bytes: Uint8Array, at = 0, depth = 0): { readonly tree: Tree; readonly end: number } | undefined {
  const first = String.fromCharCode(bytes[at] ?? 0)
  if (depth > MAX_DEPTH) return undefined
  if (first === 'i') {
    const end = bytes.indexOf(0x65, at)
    const digits = end < 0 || end - at > 22 ? '' : latin1(bytes.subarray(at + 1, end))
    return /^(0|-?[1-9]\d{0,19})$/.test(digits) ? { tree: { kind: 'integer', digits }, end: end + 1 } : undefined
  }
  if (first === 'l') {
    const items: Tree[] = []
    let next = at + 1
    while (bytes[next] !== 0x65) {
      const item = readTree(bytes, next, depth + 1)
      if (item === undefined) return undefined
      items.push(item.tree)
      next = item.end
    }
    return { tree: { kind: 'list', items }, end: next + 1 }
  }
  if (first === 'd') {
    const entries: { key: Uint8Array; value: Tree }[] = []
    const seen = new Set<string>()
    let next = at + 1
    while (bytes[next] !== 0x65) {
      const key = readString(bytes, next)
      const value = key && readTree(bytes, key.end, depth + 1)
      if (key === undefined || value === undefined || seen.has(latin1(key.bytes))) return undefined
      seen.add(latin1(key.bytes))
      entries.push({ key: key.bytes, value: value.tree })
      next = value.end
    }
    return { tree: { kind: 'dictionary', entries }, end: next + 1 }
  }
  const string = readString(bytes, at)
  return string && { tree: { kind: 'bytes', bytes: string.bytes }, end: string.end }
}

function readString(bytes: Uint8Array, at: number): { readonly bytes: Uint8Array; readonly end: number } | undefined {
  const [, digits] = /^(0|[1-9]\d{0,9}):/.exec(latin1(bytes.subarray(at, at + 12))) ?? []
  if (digits === undefined) return undefined
  const begin = at + digits.length + 1
  const end = begin + Number(digits)
  return end > bytes.length ? undefined : { bytes: bytes.subarray(begin, end), end }
}

/** Keys in the order that they have; nothing is checked. */
export function writeTree(tree: Tree): Uint8Array {
  const parts: Uint8Array[] = []
  writeInto(parts, tree)
  return concatBytes(parts)
}

function writeInto(parts: Uint8Array[], tree: Tree): void {
  switch (tree.kind) {
    case 'integer':
      parts.push(asciiBytes(`i${tree.digits}e`))
      return
    case 'bytes':
      parts.push(asciiBytes(`${tree.bytes.length}:`), tree.bytes)
      return
    case 'list':
      parts.push(asciiBytes('l'))
      for (const item of tree.items) writeInto(parts, item)
      parts.push(asciiBytes('e'))
      return
    case 'dictionary':
      parts.push(asciiBytes('d'))
      for (const { key, value } of tree.entries) {
        parts.push(asciiBytes(`${key.length}:`), key)
        writeInto(parts, value)
      }
      parts.push(asciiBytes('e'))
  }
}

/** Changes one to four places of the tree and leaves the rest well-formed; what follows the tree stays. */
export function mutateBencode(bytes: Uint8Array, by: Changing): Uint8Array {
  const { random } = by
  const read = readTree(bytes)
  if (read === undefined) return bytes
  let { tree } = read
  do tree = changedTree(tree, by)
  while (random.chance(1 / 3))
  // Unsorted keys end everything at the first check: now and then is enough.
  if (random.chance(15 / 16)) sortKeys(tree)
  return concatBytes([writeTree(tree), bytes.subarray(read.end)])
}

interface Changing {
  readonly random: Random
  readonly tokens: readonly Uint8Array[]
  /** For what is inside a byte string. */
  readonly bytes: ByteMutator
}

/** One node, drawn from all of them, becomes another. */
function changedTree(tree: Tree, by: Changing): Tree {
  const nodes = nodesOf(tree)
  const target = nodes[by.random.below(nodes.length)]!
  const other = nodes[by.random.below(nodes.length)]!
  return mapTree(tree, (node) => (node === target ? changedNode(node, other, by) : node))
}

function changedNode(node: Tree, other: Tree, by: Changing): Tree {
  const { random } = by
  if (random.chance(1 / 8)) return other
  if (random.chance(1 / 8)) return newValue(by)
  switch (node.kind) {
    case 'integer':
      return { kind: 'integer', digits: random.chance(1 / 2) ? nearInteger(node.digits, random) : pick(random, INTERESTING_DECIMALS) }
    case 'bytes':
      return { kind: 'bytes', bytes: random.chance(1 / 4) ? newBytes(by) : by.bytes.change(node.bytes) }
    case 'list': {
      const items = [...node.items]
      const at = random.below(items.length + 1)
      if (random.chance(1 / 3)) items.splice(at, 1)
      else if (items.length > 0 && random.chance(1 / 2))
        items.splice(at, 0, ...Array.from({ length: 1 + random.below(3) }, () => pick(random, items)))
      else items.splice(at, 0, newValue(by))
      return { kind: 'list', items }
    }
    case 'dictionary': {
      const entries = node.entries.map((entry) => ({ ...entry }))
      const at = random.below(entries.length + 1)
      const entry = entries[at]
      const kind = entry === undefined ? 3 : random.below(4)
      if (kind === 0) entries.splice(at, 1)
      else if (kind === 1) entry!.key = random.chance(1 / 2) ? newBytes(by) : by.bytes.change(entry!.key)
      else if (kind === 2) entry!.value = newValue(by)
      else entries.push({ key: newBytes(by), value: random.chance(1 / 2) ? other : newValue(by) })
      return { kind: 'dictionary', entries }
    }
  }
}

function newValue(by: Changing): Tree {
  switch (by.random.below(6)) {
    case 0:
      return { kind: 'list', items: [] }
    case 1:
      return { kind: 'dictionary', entries: [] }
    case 2:
      return { kind: 'list', items: [{ kind: 'bytes', bytes: newBytes(by) }] }
    case 3:
      return { kind: 'bytes', bytes: newBytes(by) }
    default:
      return { kind: 'integer', digits: pick(by.random, INTERESTING_DECIMALS) }
  }
}

function newBytes(by: Changing): Uint8Array {
  if (by.tokens.length > 0 && by.random.chance(3 / 4)) return pick(by.random, by.tokens)
  return by.random.bytes(by.random.below(40))
}

function nearInteger(digits: string, random: Random): string {
  return String(BigInt(digits.replace(/^(-?)0*(?=\d)/, '$1')) + BigInt(random.below(5) - 2))
}

function nodesOf(tree: Tree): Tree[] {
  const nodes: Tree[] = [tree]
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]!
    if (node.kind === 'list') nodes.push(...node.items)
    if (node.kind === 'dictionary') nodes.push(...node.entries.map(({ value }) => value))
  }
  return nodes
}

/** Every node replaced by what `map` makes of it, from the top down; what `map` has made is not looked into. */
function mapTree(tree: Tree, map: (node: Tree) => Tree): Tree {
  const mapped = map(tree)
  if (mapped !== tree) return mapped
  if (tree.kind === 'list') return { kind: 'list', items: tree.items.map((item) => mapTree(item, map)) }
  if (tree.kind !== 'dictionary') return tree
  return { kind: 'dictionary', entries: tree.entries.map(({ key, value }) => ({ key, value: mapTree(value, map) })) }
}

function sortKeys(tree: Tree): void {
  for (const node of nodesOf(tree)) {
    if (node.kind === 'dictionary') node.entries.sort((a, b) => compareBytes(a.key, b.key))
  }
}
