/** Torrent files and what they are made of. */

import { BencodeDictionary, BencodeList, type BencodeValue, decodeBencode, decodeBencodePrefix } from '@shoal/protocol/bencode'
import { encodeUtf8, latin1 } from '@shoal/protocol/bytes'
import { ProtocolError } from '@shoal/protocol/errors'
import { FileLayout } from '@shoal/protocol/metainfo/file-layout'
import { type Info, parseInfo } from '@shoal/protocol/metainfo/info'
import { encodeMetainfo, parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { readPieceLayers } from '@shoal/protocol/metainfo/piece-layers'
import { SafePaths, safeName } from '@shoal/protocol/metainfo/safe-path'
import { sha1, sha256 } from '../../fixtures/torrent-builder.ts'
import { readTree, writeTree } from '../bencode-grammar.ts'
import { torrentFixtures } from '../corpus.ts'
import { expect, expectEqual, type FuzzTarget } from '../target.ts'
import { EXTENSION_TOKENS, METAINFO_TOKENS, NAME_TOKENS } from '../tokens.ts'

const hashes = { sha1, sha256 }
const MAX_BYTES = 6_000

/** The info dictionaries of all fixtures that are bencode at all. */
function infoCorpus(): Uint8Array[] {
  return torrentFixtures().flatMap((torrent) => {
    const read = readTree(torrent)
    if (read?.tree.kind !== 'dictionary') return []
    return read.tree.entries.filter(({ key }) => latin1(key) === 'info').map(({ value }) => writeTree(value))
  })
}

/** The whole value again, from what the decoder says that it is. */
function rewritten(value: BencodeValue): Uint8Array {
  const parts: Uint8Array[] = []
  const write = (each: BencodeValue): void => {
    if (typeof each === 'number' || typeof each === 'bigint') parts.push(encodeUtf8(`i${each}e`))
    else if (each instanceof Uint8Array) parts.push(encodeUtf8(`${each.length}:`), each)
    else if (each instanceof BencodeList) {
      parts.push(encodeUtf8('l'))
      for (const item of each) write(item)
      parts.push(encodeUtf8('e'))
    } else {
      parts.push(encodeUtf8('d'))
      for (const [key, item] of each.entries()) {
        write(key)
        write(item)
      }
      parts.push(encodeUtf8('e'))
    }
  }
  write(value)
  return Buffer.concat(parts)
}

/** What must be true of every info dictionary that is taken, whoever wrote it. */
function checkInfo(info: Info): void {
  const geometry = new PieceGeometry(info)
  const layout = new FileLayout(info.files)
  expectEqual([geometry.pieceCount, layout.totalSize], [info.pieceCount, info.totalSize], 'pieces and bytes')
  if (info.version !== 'v2') expectEqual(info.pieceHashes.length, info.pieceCount * 20, 'bytes of hashes')
  const seen = new Set<string>()
  for (const { path, isPadding, length, symlinkTarget } of info.files) {
    expect(path.length > 0 && length >= 0, 'a file without a path, or of less than nothing')
    checkPath(path)
    if (symlinkTarget !== undefined) checkPath(symlinkTarget)
    if (isPadding) continue
    const folded = path.join('/').normalize('NFC').toLowerCase()
    expect(!seen.has(folded), `two files are ${folded}`)
    seen.add(folded)
  }
  for (const path of seen) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      expect(!seen.has(path.slice(0, slash)), `${path.slice(0, slash)} is a file and a folder`)
    }
  }
  if (info.totalSize > 0 && info.totalSize < 2 ** 40) {
    const last = info.pieceCount - 1
    const covered = layout.spans(geometry.pieceOffset(last), geometry.pieceSize(last)).reduce((sum, { length }) => sum + length, 0)
    expectEqual(covered, geometry.pieceSize(last), 'bytes that the files have of the last piece')
  }
}

function checkPath(path: readonly string[]): void {
  for (const name of path) checkName(name)
}

function checkName(name: string): void {
  expect(name !== '' && name !== '.' && name !== '..', `a name is ${JSON.stringify(name)}`)
  expect(!/[\p{Cc}/\\:<>|?*"]/u.test(name), `${JSON.stringify(name)} holds what no name may`)
  expect(encodeUtf8(name).length <= 255 && !/[. ]$/.test(name), `${JSON.stringify(name)} is too long, or ends in a dot or space`)
  expect(!/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name), `${JSON.stringify(name)} is a device`)
}

export const bencode: FuzzTarget = {
  name: 'bencode',
  grammar: 'bencode',
  tokens: METAINFO_TOKENS,
  maxBytes: MAX_BYTES,
  refusals: 'protocol',
  corpus: torrentFixtures,
  run(input) {
    const twin = readTree(input)
    const isDeep = latin1(input).replace(/[^ld]/g, '').length > 100
    let value: BencodeValue
    try {
      value = decodeBencode(input)
    } catch (error) {
      const mayDiffer = isDeep || (error instanceof ProtocolError && error.code === 'BENCODE_KEY_ORDER')
      expect(mayDiffer || twin === undefined || twin.end < input.length, `the twin reads what was refused: ${String(error)}`)
      throw error
    }
    expect(isDeep || twin?.end === input.length, 'the twin refuses what was read')
    expect(Buffer.compare(rewritten(value), input) === 0, 'written again it is something else')
    return `fine, ${value instanceof BencodeDictionary ? 'a dictionary' : value instanceof BencodeList ? 'a list' : typeof value}`
  },
}

export const bencodePrefix: FuzzTarget = {
  name: 'bencode-prefix',
  grammar: 'bencode',
  tokens: EXTENSION_TOKENS,
  maxBytes: MAX_BYTES,
  refusals: 'protocol',
  corpus: torrentFixtures,
  run(input) {
    const { value, end } = decodeBencodePrefix(input, { maxDepth: 16, maxTokens: 300, allowUnsortedKeys: true })
    expect(Buffer.compare(rewritten(value), input.subarray(0, end)) === 0, 'written again it is something else')
    if (!(value instanceof BencodeDictionary)) return 'fine'
    let count = 0
    for (const [key] of value.entries()) {
      expect(value.get(latin1(key)) !== undefined, 'a key is there and is not found')
      count++
    }
    expectEqual(value.isEmpty, count === 0, 'empty')
    return `fine, ${Math.min(count, 9)} keys`
  },
}

export const metainfo: FuzzTarget = {
  name: 'metainfo',
  grammar: 'bencode',
  tokens: METAINFO_TOKENS,
  maxBytes: MAX_BYTES,
  refusals: 'protocol',
  corpus: torrentFixtures,
  run(input) {
    const { info, trackers, webSeeds, comment, createdBy, creationDate, pieceLayers, warnings } = parseMetainfo(input, hashes)
    checkInfo(info)
    const again = parseMetainfo(
      encodeMetainfo({
        infoRaw: info.raw,
        trackers,
        webSeeds,
        ...(comment !== undefined && { comment }),
        ...(createdBy !== undefined && { createdBy }),
        ...(creationDate !== undefined && { creationDate }),
        ...(pieceLayers !== undefined && { pieceLayers }),
      }),
      hashes,
    )
    expectEqual([again.trackers, again.webSeeds, again.comment, again.creationDate], [trackers, webSeeds, comment, creationDate], 'again')
    expectEqual([again.info.infoHashV1, again.info.infoHashV2], [info.infoHashV1, info.infoHashV2], 'info hashes of it again')
    return `fine, ${info.version}${warnings.length > 0 ? ', odd outside' : ''}${info.warnings.length > 0 ? ', odd inside' : ''}`
  },
}

export const info: FuzzTarget = {
  name: 'info',
  grammar: 'bencode',
  tokens: METAINFO_TOKENS,
  maxBytes: MAX_BYTES,
  refusals: 'protocol',
  corpus: infoCorpus,
  run(input) {
    const read = parseInfo(input, hashes)
    checkInfo(read)
    expect(Buffer.compare(read.raw, input) === 0, 'the raw bytes are others than those that were given')
    return `fine, ${read.version}${read.isSingleFile ? ', one file' : ''}${read.warnings.length > 0 ? ', odd' : ''}`
  },
}

export const pieceLayers: FuzzTarget = {
  name: 'piece-layers',
  grammar: 'bencode',
  tokens: METAINFO_TOKENS,
  maxBytes: MAX_BYTES,
  refusals: 'protocol',
  corpus: () =>
    torrentFixtures().flatMap((torrent) => {
      const read = readTree(torrent)
      if (read?.tree.kind !== 'dictionary') return []
      return read.tree.entries.filter(({ key }) => latin1(key) === 'piece layers').map(({ value }) => writeTree(value))
    }),
  run: (input) => `fine, ${Math.min(readPieceLayers(decodeBencode(input)).size, 5)} layers`,
}

const NAMES = ['film.mkv', 'Bài giảng 1.mp4', '讲座.pdf', 'CON', 'a'.repeat(254), '..', 'x\u202ey.txt', 'e\u0301', 'ABCDEF~1.TXT', '']

export const safeNames: FuzzTarget = {
  name: 'safe-name',
  grammar: 'bytes',
  tokens: NAME_TOKENS,
  maxBytes: 5_000,
  refusals: 'protocol',
  corpus: () => NAMES.map(encodeUtf8),
  run(input) {
    const name = safeName(input)
    checkName(name)
    expectEqual(safeName(encodeUtf8(name)), name, 'the name of a safe name')
    return name === latin1(input) ? 'as it was' : 'changed'
  },
}

/** Lines are files, slashes part their names; a line that begins with `?` is looked for afterwards. */
export const safePaths: FuzzTarget = {
  name: 'safe-paths',
  grammar: 'bytes',
  tokens: [...NAME_TOKENS, encodeUtf8('\n'), encodeUtf8('\na/b'), encodeUtf8('\nA'), encodeUtf8('/')],
  maxBytes: 2_000,
  refusals: 'protocol',
  corpus: () =>
    [
      'a\na\nA\n?a',
      'a/b\na\na/c\nA/B\n?a/b',
      'x/y/z\nx/y\nX/Y/z\n?x',
      'é\ne\u0301\nÉ',
      'f.txt\nF.TXT\nf (2).txt\nf.txt',
      NAMES.join('\n'),
    ].map(encodeUtf8),
  run(input) {
    const paths = new SafePaths()
    const taken = new Set<string>()
    for (const line of split(input, 0x0a).slice(0, 600)) {
      if (line[0] === 0x3f) {
        const found = paths.find(paths.root, split(line.subarray(1), 0x2f))
        if (found !== undefined) checkPath(found)
        continue
      }
      const path = paths.addPath(paths.root, split(line, 0x2f))
      checkPath(path)
      const folded = path.join('/').normalize('NFC').toLowerCase()
      expect(!taken.has(folded), `${folded} was given twice`)
      taken.add(folded)
    }
    return paths.renamedCount === 0 ? 'fine' : `fine, ${Math.min(9, paths.renamedCount)} renamed`
  },
}

function split(bytes: Uint8Array, separator: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let from = 0
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== separator) continue
    parts.push(bytes.subarray(from, at))
    from = at + 1
  }
  return parts
}
