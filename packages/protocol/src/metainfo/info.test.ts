import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type EncodableValue, encodeBencode } from '../bencode.ts'
import { concatBytes, encodeUtf8, fromLatin1, toHex } from '../bytes.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import { FileLayout } from './file-layout.ts'
import { type HashFunctions, type Info, parseInfo } from './info.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const hashes: HashFunctions = { sha1: (bytes) => new Uint8Array(createHash('sha1').update(bytes).digest()), sha256 }

type Fields = Record<string, EncodableValue | undefined>

function dictionary(fields: Fields): Map<string, EncodableValue | undefined> {
  return new Map(Object.entries(fields))
}

/** A v1 info dictionary of one 100,000 byte file in seven pieces, with some fields changed. */
function v1(changes: Fields = {}): Uint8Array {
  return encodeBencode(dictionary({ name: 'a', 'piece length': 16_384, length: 100_000, pieces: new Uint8Array(140), ...changes }))
}

/** The same of files; each is given as its fields. */
function v1Files(files: Fields[], changes: Fields = {}): Uint8Array {
  const totalSize = files.reduce((sum, file) => sum + (typeof file.length === 'number' ? file.length : 0), 0)
  const pieces = new Uint8Array(20 * Math.min(1000, Math.ceil(Math.max(0, totalSize) / 16_384)))
  return v1({ length: undefined, files: files.map(dictionary), pieces, ...changes })
}

const ROOT = new Uint8Array(32).fill(7)
const leaf = (length: number, more: Fields = {}): EncodableValue =>
  new Map([['', dictionary({ length, 'pieces root': length > 0 ? ROOT : undefined, ...more }) as EncodableValue]])

function v2(tree: Fields, changes: Fields = {}): Uint8Array {
  return encodeBencode(
    dictionary({ name: 'top', 'piece length': 16_384, 'meta version': 2, 'file tree': dictionary(tree) as EncodableValue, ...changes }),
  )
}

const read = (raw: Uint8Array): Info => parseInfo(raw, hashes)
const paths = (info: Info): string[] => info.files.map((file) => file.path.join('/'))

function isRefusal(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code
}

describe('a v1 info dictionary', () => {
  test('of one file is that file', () => {
    const info = read(v1({ attr: 'xh' }))
    assert.deepEqual([info.version, info.name, info.isSingleFile, info.isPrivate], ['v1', 'a', true, false])
    assert.deepEqual([info.totalSize, info.pieceCount, info.pieceHashes.length], [100_000, 7, 140])
    assert.deepEqual(info.files, [{ path: ['a'], length: 100_000, offset: 0, isPadding: false, isExecutable: true, isHidden: true }])
    assert.deepEqual(info.infoHashV1, hashes.sha1(info.raw))
    assert.equal(info.infoHashV2, undefined)
  })

  test('of many files is a folder with them', () => {
    const info = read(
      v1Files([
        { length: 5, path: ['x'] },
        { length: 0, path: ['d', 'empty'] },
        { length: 7, path: ['d', 'y'], attr: 'x' },
      ]),
    )
    assert.deepEqual(paths(info), ['a/x', 'a/d/empty', 'a/d/y'])
    assert.deepEqual(
      info.files.map((file) => [file.offset, file.length, file.isExecutable]),
      [
        [0, 5, false],
        [5, 0, false],
        [5, 7, true],
      ],
    )
    assert.deepEqual(new FileLayout(info.files).totalSize, info.totalSize)
  })

  test('knows padding, with or without a path', () => {
    const info = read(
      v1Files([
        { length: 5, path: ['x'] },
        { length: 16_379, path: ['.pad', '1'], attr: 'p' },
        { length: 1, path: ['y'] },
        { length: 9, attr: 'p' },
      ]),
    )
    assert.deepEqual(
      info.files.map((file) => file.isPadding),
      [false, true, false, true],
    )
    assert.equal(info.totalSize, 16_394)
  })

  test('prefers names that say they are UTF-8', () => {
    const info = read(v1Files([{ length: 5, path: [Uint8Array.of(0xff)], 'path.utf-8': ['học'] }], { 'name.utf-8': '大学' }))
    assert.deepEqual(paths(info), ['大学/học'])
  })

  test('is private when it says so', () => {
    assert.equal(read(v1({ private: 1 })).isPrivate, true)
    assert.equal(read(v1({ private: 0 })).isPrivate, false)
  })

  test('keeps hostile names inside and apart', () => {
    const info = read(
      v1Files([
        { length: 1, path: ['../../x'] },
        { length: 1, path: ['/etc', 'passwd'] },
        { length: 1, path: ['', 'C:', 'nul'] },
        { length: 1, path: ['README'] },
        { length: 1, path: ['readme'] },
      ]),
    )
    assert.deepEqual(paths(info), ['a/.._.._x', 'a/_etc/passwd', 'a/_/C_/_nul', 'a/README', 'a/readme (2)'])
    assert.equal(info.warnings.length, 1)
  })

  test('takes links to what is in it, and makes others empty files with a warning', () => {
    const info = read(
      v1Files([
        { attr: 'l', path: ['link'], 'symlink path': ['d', 'x?'] },
        { length: 0, attr: 'l', path: ['lost'], 'symlink path': ['nowhere'] },
        { length: 5, path: ['d', 'x?'] },
      ]),
    )
    assert.deepEqual(
      info.files.map((file) => file.symlinkTarget?.join('/')),
      ['a/d/x_', undefined, undefined],
    )
    assert.equal(info.warnings.length, 1)
  })

  test('may have nothing but empty files, and then has no pieces', () => {
    const info = read(v1({ length: 0, pieces: '' }))
    assert.deepEqual([info.pieceCount, info.totalSize], [0, 0])
  })

  test('may have pieces of one byte, and of 512 MiB', () => {
    assert.equal(read(v1({ 'piece length': 1, length: 7 })).pieceCount, 7)
    assert.equal(read(v1({ 'piece length': 2 ** 29, length: 2 ** 29 * 7 })).pieceCount, 7)
  })

  const one = (file: Fields): Uint8Array => v1Files([{ length: 1, path: ['x'], ...file }])
  const REFUSED: [what: string, raw: Uint8Array, code: ProtocolErrorCode][] = [
    ['something else', fromLatin1('le'), 'METAINFO_NOT_A_DICTIONARY'],
    ['no name', v1({ name: undefined }), 'METAINFO_FIELD_MISSING'],
    ['a name that is a number', v1({ name: 5 }), 'METAINFO_FIELD_TYPE'],
    ['the name ".."', v1({ name: '..' }), 'METAINFO_PATH'],
    ['no piece length', v1({ 'piece length': undefined }), 'METAINFO_FIELD_MISSING'],
    ['a piece length of text', v1({ 'piece length': '16384' }), 'METAINFO_FIELD_TYPE'],
    ['a piece length of 0', v1({ 'piece length': 0 }), 'METAINFO_PIECE_LENGTH'],
    ['a negative piece length', v1({ 'piece length': -16_384 }), 'METAINFO_PIECE_LENGTH'],
    ['a piece length above 512 MiB', v1({ 'piece length': 2 ** 29 + 1 }), 'METAINFO_PIECE_LENGTH'],
    ['a piece length of 2^64', v1({ 'piece length': 2n ** 64n }), 'METAINFO_PIECE_LENGTH'],
    ['no pieces', v1({ pieces: undefined }), 'METAINFO_FIELD_MISSING'],
    ['pieces that are a list', v1({ pieces: [] }), 'METAINFO_FIELD_TYPE'],
    ['half a piece hash', v1({ pieces: new Uint8Array(139) }), 'METAINFO_PIECES'],
    ['a hash too few', v1({ pieces: new Uint8Array(120) }), 'METAINFO_PIECES'],
    ['a hash too many', v1({ pieces: new Uint8Array(160) }), 'METAINFO_PIECES'],
    ['hashes for nothing', v1({ length: 0 }), 'METAINFO_PIECES'],
    ['too many pieces', v1({ 'piece length': 1, length: 2_097_153 }), 'METAINFO_TOO_MANY_PIECES'],
    ['neither length nor files', v1({ length: undefined }), 'METAINFO_FIELD_MISSING'],
    ['both length and files', v1({ files: [] }), 'METAINFO_FIELD_VALUE'],
    ['a negative length', v1({ length: -1 }), 'METAINFO_FILE_LENGTH'],
    ['a length of 2^53', v1({ length: 2n ** 53n }), 'METAINFO_FILE_LENGTH'],
    ['a length of text', v1({ length: '5' }), 'METAINFO_FIELD_TYPE'],
    ['files that are no list', v1({ length: undefined, files: dictionary({}) as EncodableValue }), 'METAINFO_FIELD_TYPE'],
    ['no files', v1({ length: undefined, files: [] }), 'METAINFO_NO_FILES'],
    ['nothing but padding', v1Files([{ length: 5, attr: 'p' }]), 'METAINFO_NO_FILES'],
    ['a file that is no dictionary', v1({ length: undefined, files: [5] }), 'METAINFO_FIELD_TYPE'],
    ['a file without a path', one({ path: undefined }), 'METAINFO_FIELD_MISSING'],
    ['a path that is text', one({ path: 'x' }), 'METAINFO_FIELD_TYPE'],
    ['a path of numbers', one({ path: [5] }), 'METAINFO_FIELD_TYPE'],
    ['an empty path', one({ path: [] }), 'METAINFO_PATH'],
    ['a path with ".."', one({ path: ['x', '..', 'y'] }), 'METAINFO_PATH'],
    ['a path of 101 names', one({ path: Array<string>(101).fill('x') }), 'METAINFO_PATH'],
    ['a file without a length', one({ length: undefined }), 'METAINFO_FIELD_MISSING'],
    ['a file of negative length', one({ length: -1 }), 'METAINFO_FILE_LENGTH'],
    [
      'files of 2^53 bytes together',
      v1Files(
        [
          { length: 2 ** 53 - 1, path: ['x'] },
          { length: 1, path: ['y'] },
        ],
        { pieces: '' },
      ),
      'METAINFO_TOTAL_SIZE',
    ],
    ['attributes that are a number', one({ attr: 1 }), 'METAINFO_FIELD_TYPE'],
    ['a link without a target', one({ attr: 'l', length: 0 }), 'METAINFO_SYMLINK'],
    ['a link with an empty target', one({ attr: 'l', length: 0, 'symlink path': [] }), 'METAINFO_SYMLINK'],
    ['a link out of the torrent', one({ attr: 'l', length: 0, 'symlink path': ['..', 'x'] }), 'METAINFO_SYMLINK'],
    ['a link of some length', one({ attr: 'l', length: 1, 'symlink path': ['x'] }), 'METAINFO_SYMLINK'],
    ['private as text', v1({ private: '1' }), 'METAINFO_FIELD_TYPE'],
    ['501 files of one name', v1Files(Array.from({ length: 502 }, () => ({ length: 0, path: ['x'] }))), 'METAINFO_PATH'],
    ['a later meta version', v1({ 'meta version': 3 }), 'METAINFO_META_VERSION'],
    ['meta version 1, which there is not', v1({ 'meta version': 1 }), 'METAINFO_META_VERSION'],
    ['a meta version of text', v1({ 'meta version': '2' }), 'METAINFO_FIELD_TYPE'],
    ['more than 30 MiB', new Uint8Array(30 * 1024 * 1024 + 1), 'METAINFO_TOO_LARGE'],
  ]
  for (const [what, raw, code] of REFUSED) {
    test(`is refused with ${what}: ${code}`, () => assert.throws(() => read(raw), isRefusal(code)))
  }
})

describe('a v2 info dictionary', () => {
  test('of one file is that file, whatever the name of the torrent', () => {
    const info = read(v2({ film: leaf(100_000) }))
    assert.deepEqual([info.version, info.isSingleFile, info.pieceCount, info.pieceHashes.length], ['v2', true, 7, 0])
    assert.deepEqual([info.name, ...paths(info)], ['film', 'film'])
    assert.deepEqual(info.files[0]?.piecesRoot, ROOT)
    assert.deepEqual(info.infoHashV2, sha256(info.raw))
    assert.equal(info.infoHashV1, undefined)
  })

  test('starts every file with a piece, and says so with padding', () => {
    const info = read(v2({ a: leaf(5), d: dictionary({ e: leaf(0), x: leaf(16_384, { attr: 'x' }) }) as EncodableValue, z: leaf(1) }))
    assert.deepEqual(paths(info), ['top/a', 'top/d/e', 'top/.pad/16379', 'top/d/x', 'top/z'])
    assert.deepEqual(
      info.files.map((file) => file.offset),
      [0, 5, 5, 16_384, 32_768],
    )
    assert.deepEqual([info.pieceCount, info.totalSize, info.isSingleFile], [3, 32_769, false])
    assert.equal(new FileLayout(info.files).totalSize, info.totalSize)
  })

  test('of one file in a folder is a folder', () => {
    assert.deepEqual(paths(read(v2({ d: dictionary({ x: leaf(5) }) as EncodableValue }))), ['top/d/x'])
  })

  test('keeps hostile names inside, and follows links', () => {
    const info = read(v2({ '/x': leaf(1), CON: leaf(1), l: leaf(0, { attr: 'l', 'symlink path': ['CON'] }) }))
    assert.deepEqual(paths(info), ['top/_x', 'top/.pad/16383', 'top/_CON', 'top/l'])
    assert.deepEqual(info.files.at(-1)?.symlinkTarget, ['top', '_CON'])
  })

  const REFUSED: [what: string, raw: Uint8Array, code: ProtocolErrorCode][] = [
    ['no file tree', v2({}, { 'file tree': undefined }), 'METAINFO_FIELD_MISSING'],
    ['a file tree that is a list', v2({}, { 'file tree': [] }), 'METAINFO_FIELD_TYPE'],
    ['an empty tree', v2({}), 'METAINFO_NO_FILES'],
    ['a tree of empty folders', v2({ d: dictionary({}) as EncodableValue }), 'METAINFO_NO_FILES'],
    ['a root that is a file', v2({ '': dictionary({ length: 1 }) as EncodableValue }), 'METAINFO_FILE_TREE'],
    ['an entry that is a number', v2({ x: 5 }), 'METAINFO_FILE_TREE'],
    ['a description that is a number', v2({ x: dictionary({ '': 5 }) as EncodableValue }), 'METAINFO_FILE_TREE'],
    [
      'a file that is a folder, too',
      v2({ x: dictionary({ '': dictionary({ length: 0 }) as EncodableValue, y: leaf(1) }) as EncodableValue }),
      'METAINFO_FILE_TREE',
    ],
    ['a file without a length', v2({ x: leaf(1, { length: undefined }) }), 'METAINFO_FIELD_MISSING'],
    ['a file of negative length', v2({ x: leaf(1, { length: -1 }) }), 'METAINFO_FILE_LENGTH'],
    ['a file without a root', v2({ x: leaf(1, { 'pieces root': undefined }) }), 'METAINFO_FILE_TREE'],
    ['a root of 20 bytes', v2({ x: leaf(1, { 'pieces root': new Uint8Array(20) }) }), 'METAINFO_FILE_TREE'],
    ['a root that is a number', v2({ x: leaf(1, { 'pieces root': 5 }) }), 'METAINFO_FIELD_TYPE'],
    ['".." as a name', v2({ '..': dictionary({ x: leaf(1) }) as EncodableValue }), 'METAINFO_PATH'],
    ['a link out of the torrent', v2({ x: leaf(0, { attr: 'l', 'symlink path': ['..'] }) }), 'METAINFO_SYMLINK'],
    ['pieces of 10,000 bytes', v2({ x: leaf(1) }, { 'piece length': 10_000 }), 'METAINFO_PIECE_LENGTH'],
    ['pieces of 8 KiB', v2({ x: leaf(1) }, { 'piece length': 8192 }), 'METAINFO_PIECE_LENGTH'],
    ['pieces of 48 KiB', v2({ x: leaf(1) }, { 'piece length': 49_152 }), 'METAINFO_PIECE_LENGTH'],
    ['too many pieces', v2({ x: leaf(2 ** 35 + 1) }), 'METAINFO_TOO_MANY_PIECES'],
  ]
  for (const [what, raw, code] of REFUSED) {
    test(`is refused with ${what}: ${code}`, () => assert.throws(() => read(raw), isRefusal(code)))
  }

  test('of deep folders with very many files is refused before it fills the memory', () => {
    const manyLeaves = concatBytes(
      Array.from({ length: 40_000 }, (_, index) => fromLatin1(`5:${String(index).padStart(5, '0')}d0:d6:lengthi0eee`)),
    )
    const tree = concatBytes([fromLatin1('d1:x'.repeat(90)), fromLatin1('d'), manyLeaves, fromLatin1('e'.repeat(91))])
    const raw = concatBytes([fromLatin1('d9:file tree'), tree, fromLatin1('12:meta versioni2e4:name1:a12:piece lengthi16384ee')])
    assert.throws(() => read(raw), isRefusal('METAINFO_PATH'))
  })
})

describe('a hybrid info dictionary', () => {
  const pad = { length: 16_379, path: ['.pad', '16379'], attr: 'p' }
  const files: Fields[] = [{ length: 5, path: ['a'] }, pad, { length: 0, path: ['b'] }, { length: 20_000, path: ['d', 'c'] }]
  const tree: Fields = { a: leaf(5), b: leaf(0), d: dictionary({ c: leaf(20_000) }) as EncodableValue }

  function hybrid(v1Half: Fields[], v2Half: Fields, changes: Fields = {}): Uint8Array {
    const totalSize = v1Half.reduce((sum, file) => sum + (file.length as number), 0)
    return v2(v2Half, { files: v1Half.map(dictionary), pieces: new Uint8Array(20 * Math.ceil(totalSize / 16_384)), ...changes })
  }

  test('has both hashes, the files of v1 and the roots of v2', () => {
    const info = read(hybrid(files, tree))
    assert.equal(info.version, 'hybrid')
    assert.deepEqual([info.infoHashV1, info.infoHashV2], [hashes.sha1(info.raw), sha256(info.raw)])
    assert.deepEqual(paths(info), ['top/a', 'top/.pad/16379', 'top/b', 'top/d/c'])
    assert.deepEqual(
      info.files.map((file) => file.piecesRoot !== undefined),
      [true, false, false, true],
    )
    assert.equal(info.pieceCount, 3)
  })

  test('may have padding at its end', () => {
    const end = { length: 12_768, path: ['.pad', '12768'], attr: 'p' }
    assert.equal(read(hybrid([...files, end], tree)).totalSize, 49_152)
  })

  test('of one file is that file', () => {
    const info = read(v2({ top: leaf(20_000) }, { length: 20_000, pieces: new Uint8Array(40) }))
    assert.deepEqual([info.version, info.isSingleFile, paths(info)[0]], ['hybrid', true, 'top'])
  })

  test('of a folder that holds one file of its own name is a folder', () => {
    assert.deepEqual(paths(read(hybrid([{ length: 5, path: ['top'] }], { top: leaf(5) }))), ['top/top'])
  })

  const changed = (index: number, change: Fields): Fields[] => files.map((file, at) => (at === index ? { ...file, ...change } : file))
  const REFUSED: [what: string, raw: Uint8Array, code: ProtocolErrorCode][] = [
    ['another name', hybrid(changed(0, { path: ['A'] }), tree), 'METAINFO_HYBRID_MISMATCH'],
    ['another folder', hybrid(changed(3, { path: ['c'] }), tree), 'METAINFO_HYBRID_MISMATCH'],
    ['another length', hybrid(changed(3, { length: 20_001 }), tree), 'METAINFO_HYBRID_MISMATCH'],
    [
      'no padding',
      hybrid(
        files.filter((file) => file !== pad),
        tree,
      ),
      'METAINFO_HYBRID_MISMATCH',
    ],
    ['padding of a piece too much', hybrid(changed(1, { length: 16_379 + 16_384 }), tree), 'METAINFO_HYBRID_MISMATCH'],
    ['a piece of padding at the end', hybrid([...files, { length: 16_384, attr: 'p' }], tree), 'METAINFO_HYBRID_MISMATCH'],
    ['another order', hybrid([files[2]!, files[0]!, pad, files[3]!], tree), 'METAINFO_HYBRID_MISMATCH'],
    ['a file less in v1', hybrid(files.slice(0, 3), tree), 'METAINFO_HYBRID_MISMATCH'],
    ['a file more in v1', hybrid([...files, { length: 0, path: ['z'] }], tree), 'METAINFO_HYBRID_MISMATCH'],
    ['one file against a folder', v2({ x: leaf(5) }, { length: 5, pieces: new Uint8Array(20) }), 'METAINFO_HYBRID_MISMATCH'],
    ['a link on one side', hybrid(changed(2, { attr: 'l', 'symlink path': ['a'] }), tree), 'METAINFO_HYBRID_MISMATCH'],
    ['no piece hashes', hybrid(files, tree, { pieces: undefined }), 'METAINFO_FIELD_MISSING'],
    ['no v1 files', hybrid(files, tree, { files: undefined }), 'METAINFO_FIELD_MISSING'],
    ['piece hashes of another count', hybrid(files, tree, { pieces: new Uint8Array(20) }), 'METAINFO_PIECES'],
  ]
  for (const [what, raw, code] of REFUSED) {
    test(`is refused with ${what}: ${code}`, () => assert.throws(() => read(raw), isRefusal(code)))
  }
})

describe('parseInfo', () => {
  test('throws nothing but ProtocolError on damaged bytes, and what it accepts holds together', () => {
    const good = [
      v1Files([
        { length: 5, path: ['x', 'y'], attr: 'x' },
        { length: 0, attr: 'l', path: ['l'], 'symlink path': ['x'] },
        { length: 9, attr: 'p' },
        { length: 70_000, path: ['z'] },
      ]),
      v2({ a: leaf(5), d: dictionary({ c: leaf(20_000), e: leaf(0) }) as EncodableValue }),
      v2({ top: leaf(20_000) }, { length: 20_000, pieces: new Uint8Array(40) }),
    ]
    const change = fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...encodeUtf8('0123456789eidl:-./'))))
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.array(change, { minLength: 1, maxLength: 4 }), (whole, changes) => {
        const raw = whole.slice()
        for (const [at, byte] of changes) raw[at % raw.length] = byte
        let info: Info
        try {
          info = read(raw)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
          return
        }
        assert.equal(new FileLayout(info.files).totalSize, info.totalSize)
        assert.equal(info.pieceCount, Math.ceil(info.totalSize / info.pieceLength))
        assert.ok(info.version === 'v2' || info.pieceHashes.length === 20 * info.pieceCount)
        assert.ok(info.files.every((file) => file.path[0] === info.name && !file.path.includes('..')))
        assert.equal(toHex(info.raw), toHex(raw))
      }),
      { numRuns: 3000 },
    )
  })
})
