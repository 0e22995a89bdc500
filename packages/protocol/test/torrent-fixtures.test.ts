import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { toHex } from '../src/bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../src/errors.ts'
import type { FileEntry } from '../src/metainfo/file-list.ts'
import type { HashFunctions } from '../src/metainfo/info.ts'
import { encodeMetainfo, type Metainfo, parseMetainfo } from '../src/metainfo/metainfo.ts'

const FOLDER = new URL('../../../fixtures/torrents/', import.meta.url)
const hashes: HashFunctions = {
  sha1: (bytes) => new Uint8Array(hash('sha1', bytes, 'buffer')),
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
}

function index<T>(folder: string): [file: string, entry: T][] {
  const entries = JSON.parse(readFileSync(new URL(`${folder}/index.json`, FOLDER), 'utf8')) as Record<string, T>
  const files = readdirSync(new URL(`${folder}/`, FOLDER)).filter((file) => file.endsWith('.torrent'))
  assert.deepEqual(Object.keys(entries).sort(), files.sort(), `the index of ${folder} names other files than there are`)
  return Object.entries(entries)
}

function bytesOf(folder: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${folder}/${file}`, FOLDER)))
}

describe('malformed torrents', () => {
  const bad = index<{ code: ProtocolErrorCode; what: string }>('bad')

  test('are many', () => assert.ok(bad.length >= 70, String(bad.length)))

  for (const [file, { code, what }] of bad) {
    test(`${file} (${what}) is refused with ${code}`, () => {
      assert.throws(
        () => parseMetainfo(bytesOf('bad', file), hashes),
        (error) => {
          assert.ok(error instanceof ProtocolError, String(error))
          assert.equal(error.code, code, error.message)
          assert.match(error.message, /^Cannot (read|use) [^\p{C}]{10,400}$/u)
          return true
        },
      )
    })
  }
})

interface GoodEntry {
  readonly what: string
  readonly files: [path: string | null, length: number, attributes?: string][]
  readonly links?: Record<string, string>
  readonly isSingleFile?: true
  readonly isPrivate?: true
  readonly warningCount?: number
  readonly infoWarningCount?: number
}

function attributesOf(file: FileEntry): string {
  return `${file.isPadding ? 'p' : ''}${file.isHidden ? 'h' : ''}${file.isExecutable ? 'x' : ''}`
}

/** What was read, in the words of the index. */
function described({ info, ...outer }: Metainfo): Record<string, unknown> {
  const links = info.files.filter((file) => file.symlinkTarget).map((file) => [file.path.join('/'), file.symlinkTarget!.join('/')])
  return {
    version: info.version,
    name: info.name,
    pieceLength: info.pieceLength,
    pieceCount: info.pieceCount,
    totalSize: info.totalSize,
    ...(info.isSingleFile && { isSingleFile: true }),
    ...(info.isPrivate && { isPrivate: true }),
    ...(info.source !== undefined && { source: info.source }),
    files: info.files.map((file) => {
      const attributes = attributesOf(file)
      return [file.isPadding ? null : file.path.join('/'), file.length, ...(attributes === '' ? [] : [attributes])]
    }),
    ...(links.length > 0 && { links: Object.fromEntries(links) }),
    ...(outer.trackers.length > 0 && { trackers: outer.trackers }),
    ...(outer.webSeeds.length > 0 && { webSeeds: outer.webSeeds }),
    ...(outer.comment !== undefined && { comment: outer.comment }),
    ...(outer.createdBy !== undefined && { createdBy: outer.createdBy }),
    ...(outer.creationDate !== undefined && { creationDate: outer.creationDate }),
    ...(outer.warnings.length > 0 && { warningCount: outer.warnings.length }),
    ...(info.warnings.length > 0 && { infoWarningCount: info.warnings.length }),
    ...(info.infoHashV1 && { infoHashV1: toHex(info.infoHashV1) }),
    ...(info.infoHashV2 && { infoHashV2: toHex(info.infoHashV2) }),
  }
}

describe('good torrents', () => {
  for (const [file, { what, ...expected }] of index<GoodEntry>('good')) {
    test(`${file} (${what}) is read exactly`, () => {
      assert.deepEqual(described(parseMetainfo(bytesOf('good', file), hashes)), expected)
    })
  }
})

interface LibtorrentEntry {
  readonly infoHashV1: string | null
  readonly infoHashV2: string | null
  readonly name: string
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: { readonly path: string | null; readonly length: number; readonly offset: number }[]
}

/** An empty file may lie before or after the padding: it has no bytes there. */
function offsetOf({ offset, length }: { readonly offset: number; readonly length: number }): number | undefined {
  return length === 0 ? undefined : offset
}

describe('torrents that libtorrent made', () => {
  for (const [file, theirs] of index<LibtorrentEntry>('libtorrent')) {
    test(`${file} has the hashes, pieces and files for us that it has for libtorrent`, () => {
      const { info } = parseMetainfo(bytesOf('libtorrent', file), hashes)
      assert.equal(info.infoHashV1 ? toHex(info.infoHashV1) : null, theirs.infoHashV1)
      assert.equal(info.infoHashV2 ? toHex(info.infoHashV2) : null, theirs.infoHashV2)
      assert.deepEqual([info.name, info.pieceLength, info.pieceCount], [theirs.name, theirs.pieceLength, theirs.pieceCount])
      assert.deepEqual(
        info.files.filter((ours) => !ours.isPadding).map(({ path, ...where }) => [path.join('/'), where.length, offsetOf(where)]),
        theirs.files.filter(({ path }) => path !== null).map(({ path, ...where }) => [path, where.length, offsetOf(where)]),
      )
    })

    test(`${file} keeps its hashes and layers when it is written again`, () => {
      const { info, pieceLayers, createdBy } = parseMetainfo(bytesOf('libtorrent', file), hashes)
      const again = encodeMetainfo({
        infoRaw: info.raw,
        ...(pieceLayers && { pieceLayers }),
        ...(createdBy !== undefined && { createdBy }),
      })
      assert.deepEqual(again, bytesOf('libtorrent', file))
    })
  }
})
