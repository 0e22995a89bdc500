import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { concatBytes, toHex } from '@shoal/protocol/bytes'
import { parseMetainfo } from '@shoal/protocol/metainfo/metainfo'
import { EngineError } from './base/errors.ts'
import { type CreateTorrentOptions, createTorrent } from './create-torrent.ts'
import { NodeHasher } from './node/hasher.ts'

const PIECE = 16 * 1024
const hasher = new NodeHasher({ threads: 1 })
const folders: string[] = []
after(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  await hasher.close()
})

/** A folder on disk with these files; content is made of the name, so equal names are equal files. */
function folderWith(files: Readonly<Record<string, number>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'shoal-create-')))
  folders.push(folder)
  for (const [path, length] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), contentOf(path, length))
  }
  return folder
}

function contentOf(path: string, length: number): Uint8Array {
  const seed = createHash('sha1').update(path).digest()
  return Uint8Array.from({ length }, (_, at) => seed[at % 20]! ^ (at >>> 8))
}

function hashesOf(content: Uint8Array, pieceLength: number): string {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < content.length; at += pieceLength) hashes.push(hasher.sha1(content.subarray(at, at + pieceLength)))
  return toHex(concatBytes(hashes))
}

function rejectsWith(code: string, path: string, options?: CreateTorrentOptions): Promise<void> {
  return assert.rejects(createTorrent(path, options), (error) => error instanceof EngineError && error.code === code)
}

describe('createTorrent', () => {
  test('makes the torrent of one file', async () => {
    const folder = folderWith({ 'video.mkv': 100_000 })
    const made = await createTorrent(join(folder, 'video.mkv'), { pieceLength: PIECE, creationDate: 1_700_000_000, comment: 'hello' })
    const { info, ...around } = parseMetainfo(made.bytes, hasher)
    assert.deepEqual(
      info.files.map(({ path, length }) => ({ path, length })),
      [{ path: ['video.mkv'], length: 100_000 }],
    )
    assert.equal(toHex(info.pieceHashes), hashesOf(contentOf('video.mkv', 100_000), PIECE))
    assert.equal(toHex(info.infoHashV1!), made.infoHashV1)
    assert.equal(made.root, folder)
    assert.equal(around.comment, 'hello')
    assert.equal(around.creationDate, 1_700_000_000)
    assert.deepEqual(around.trackers, [])
  })

  test('walks a folder in the order of the bytes of the paths, whatever the file system says', async () => {
    const files = { 'b/z': 5_000, 'b/a/deep': 40_000, 'b-1': 3, é: 10, a: 0, Z: 20_000 }
    const folder = folderWith(files)
    const made = await createTorrent(folder, { pieceLength: PIECE })
    const order = ['Z', 'a', 'b-1', 'b/a/deep', 'b/z', 'é'] as const
    const paths = made.info.files.map(({ path }) => path.slice(1).join('/'))
    assert.deepEqual(paths, order)
    const content = concatBytes(order.map((path) => contentOf(path, files[path])))
    assert.equal(toHex(made.info.pieceHashes), hashesOf(content, PIECE))
    assert.deepEqual(made.warnings, [])
  })

  test('hashes a piece of very many small files', async () => {
    const files = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`f${String(at).padStart(3, '0')}`, 300 + at]))
    const folder = folderWith(files)
    const made = await createTorrent(folder, { pieceLength: 32 * 1024 })
    const content = concatBytes(Object.entries(files).map(([path, length]) => contentOf(path, length)))
    assert.equal(toHex(made.info.pieceHashes), hashesOf(content, 32 * 1024))
  })

  test('makes the same with this thread among those that hash, or as the only one', async () => {
    const folder = folderWith({ 'd/a': 3_000_000, 'd/b': 100, 'd/c': 1_200_000 })
    const options = { pieceLength: 2 ** 21, padding: true, creationDate: null }
    const { bytes } = await createTorrent(join(folder, 'd'), options)
    for (const threads of [1, 2, 4]) {
      assert.deepEqual((await createTorrent(join(folder, 'd'), { ...options, threads, hashHere: true })).bytes, bytes)
    }
  })

  test('on this thread everything else has its turn, however small the pieces are', async () => {
    const folder = folderWith({ 'd/a': 3_000_000 })
    let turns = 0
    let isMaking = true
    const count = (): void => {
      turns++
      if (isMaking) setImmediate(count)
    }
    const seen = new Set<number>()
    const onProgress = (): Set<number> => seen.add(turns)
    count()
    await createTorrent(join(folder, 'd'), { pieceLength: PIECE, threads: 1, hashHere: true, onProgress })
    isMaking = false
    assert.ok(seen.size > 5, `the work was done in ${seen.size} turns`)
  })

  test('lets every file start with a piece when asked for padding', async () => {
    const folder = folderWith({ a: 20_000, b: 16_384, c: 1 })
    const made = await createTorrent(folder, { pieceLength: PIECE, padding: true })
    assert.deepEqual(
      made.info.files.map(({ length, isPadding, offset }) => ({ length, isPadding, offset })),
      [
        { length: 20_000, isPadding: false, offset: 0 },
        { length: 12_768, isPadding: true, offset: 20_000 },
        { length: 16_384, isPadding: false, offset: 32_768 },
        { length: 1, isPadding: false, offset: 49_152 },
      ],
    )
    const content = concatBytes([contentOf('a', 20_000), new Uint8Array(12_768), contentOf('b', 16_384), contentOf('c', 1)])
    assert.equal(toHex(made.info.pieceHashes), hashesOf(content, PIECE))
  })

  test('makes a hybrid whose halves agree, in the order of the tree', async () => {
    const files = { 'b/z': 5_000, 'b/a/deep': 100_000, 'b-1': 3, é: 16_384, a: 0, Z: 32_768, 'b/a/x': 16_385 }
    const folder = folderWith(files)
    const made = await createTorrent(folder, { pieceLength: 2 * PIECE, isHybrid: true, trackers: [['http://one.test/announce']] })
    const { info, pieceLayers } = parseMetainfo(made.bytes, hasher) // checks the layers against the roots, and v1 against v2
    assert.equal(info.version, 'hybrid')
    assert.equal(made.infoHashV2, toHex(info.infoHashV2!))
    const order = ['Z', 'a', 'b/a/deep', 'b/a/x', 'b/z', 'b-1', 'é']
    const real = info.files.filter(({ isPadding }) => !isPadding)
    assert.deepEqual(
      real.map(({ path }) => path.slice(1).join('/')),
      order,
    )
    for (const { offset, length } of real) assert.ok(length === 0 || offset % (2 * PIECE) === 0)
    assert.equal(pieceLayers?.size, 1, 'only one file has more than one piece')
    // The root of one block is its hash, that of two the hash of both.
    const root = (path: string): string => toHex(real[order.indexOf(path)]!.piecesRoot!)
    assert.equal(root('é'), toHex(hasher.sha256(contentOf('é', 16_384))))
    const blocks = [0, PIECE].map((at) => hasher.sha256(contentOf('Z', 32_768).subarray(at, at + PIECE)))
    assert.equal(root('Z'), toHex(hasher.sha256(concatBytes(blocks))))
    for (const options of [{ hashHere: true }, { threads: 1, hashHere: true }, { threads: 2 }]) {
      const again = await createTorrent(folder, { pieceLength: 2 * PIECE, isHybrid: true, ...options })
      assert.equal(again.infoHashV2, made.infoHashV2)
    }
  })

  test('makes a hybrid of one file', async () => {
    const folder = folderWith({ 'film.mkv': 150_000 })
    const made = await createTorrent(join(folder, 'film.mkv'), { pieceLength: PIECE, isHybrid: true })
    const { info } = parseMetainfo(made.bytes, hasher)
    assert.equal(info.isSingleFile, true)
    assert.equal(info.version, 'hybrid')
    assert.equal(toHex(info.pieceHashes), hashesOf(contentOf('film.mkv', 150_000), PIECE))
  })

  test('calls it as it is told to, and knows where the files are', async () => {
    const folder = folderWith({ 'd/a': 10, 'd/e/b': 20_000 })
    const made = await createTorrent(join(folder, 'd'), { name: 'Vorlesung', padding: true, pieceLength: PIECE })
    assert.equal(made.info.name, 'Vorlesung')
    assert.deepEqual(made.info.files.at(-1)!.path, ['Vorlesung', 'e', 'b'])
    assert.deepEqual(made.pathsOnDisk.at(-1), ['d', 'e', 'b'])
    assert.deepEqual(made.warnings, [])
    const one = await createTorrent(join(folder, 'd', 'a'), { name: 'b' })
    assert.deepEqual(one.info.files[0]!.path, ['b'])
    for (const name of ['', '.', '..', 'a/b', 'a\0b']) await rejectsWith('OPTION_INVALID', join(folder, 'd'), { name })
  })

  test('leaves out what fits a pattern, and lists it', async () => {
    const folder = folderWith({ 'd/a.tmp': 10, 'd/b': 10, 'd/cache/c': 10, 'd/e/cache/f': 10, 'd/e/g.tmp': 1, 'd/.DS_Store': 1 })
    const made = await createTorrent(join(folder, 'd'), { exclude: ['*.tmp', '/cache/'] })
    assert.deepEqual(
      made.info.files.map(({ path }) => path.join('/')),
      ['d/b', 'd/e/cache/f'],
    )
    assert.deepEqual(made.leftOut.map(({ path, why }) => `${path.join('/')} ${why}`).sort(), [
      'd/.DS_Store junk',
      'd/a.tmp excluded',
      'd/cache excluded',
      'd/e/g.tmp excluded',
    ])
    assert.equal(made.warnings.length, 1)
    await rejectsWith('OPTION_INVALID', join(folder, 'd'), { exclude: ['**'] })
    await rejectsWith('OPTION_INVALID', join(folder, 'd'), { exclude: [''] })
  })

  test('keeps trackers, web seeds, source, privacy and the executable bit, and adds none', async () => {
    const folder = folderWith({ run: 10 })
    chmodSync(join(folder, 'run'), 0o755)
    const trackers = [['http://one.test/announce', 'udp://two.test:80'], ['wss://three.test']]
    const made = await createTorrent(folder, { trackers, webSeeds: ['http://web.test/'], source: 'group', isPrivate: true })
    const read = parseMetainfo(made.bytes, hasher)
    assert.deepEqual(read.trackers, trackers)
    assert.deepEqual(read.webSeeds, ['http://web.test/'])
    assert.equal(read.info.source, 'group')
    assert.equal(read.info.isPrivate, true)
    assert.equal(read.info.files[0]!.isExecutable, true)
  })

  test('makes equal bytes of equal content when no date is asked for', async () => {
    const [one, two] = await Promise.all(
      [folderWith({ 'x/f': 50_000 }), folderWith({ 'x/f': 50_000 })].map((folder) =>
        createTorrent(join(folder, 'x'), { creationDate: null }),
      ),
    )
    assert.equal(toHex(one!.bytes), toHex(two!.bytes))
  })

  test('says what it leaves out: junk, links, empty folders', async () => {
    const folder = folderWith({ 'd/file': 10, 'd/.DS_Store': 5, 'd/Thumbs.db': 5 })
    symlinkSync('file', join(folder, 'd', 'link'))
    mkdirSync(join(folder, 'd', 'empty'))
    const made = await createTorrent(join(folder, 'd'))
    assert.deepEqual(
      made.info.files.map(({ path }) => path.join('/')),
      ['d/file'],
    )
    assert.equal(made.warnings.length, 4)
    for (const name of ['.DS_Store', 'Thumbs.db', 'link', 'empty']) assert.ok(made.warnings.some((warning) => warning.includes(name)))
  })

  test('says which names will be different for others, and where the files are here', async () => {
    const folder = folderWith({ 'd/a:b?.txt': 10 })
    const made = await createTorrent(join(folder, 'd'))
    assert.deepEqual(made.pathsOnDisk, [['d', 'a:b?.txt']])
    assert.deepEqual(made.info.files[0]!.path, ['d', 'a_b_.txt'])
    assert.ok(made.warnings.some((warning) => warning.includes('a:b?.txt') && warning.includes('a_b_.txt')))
  })

  test('refuses what cannot be shared, and says why', async () => {
    const folder = folderWith({ 'empty/nothing': 0, 'some/file': 10 })
    await rejectsWith('FILE_MISSING', join(folder, 'gone'))
    await rejectsWith('OPTION_INVALID', join(folder, 'empty'))
    await rejectsWith('OPTION_INVALID', '/')
    await rejectsWith('OPTION_INVALID', join(folder, 'some'), { pieceLength: 10_000 })
    await rejectsWith('OPTION_INVALID', join(folder, 'some'), { pieceLength: 8192 })
    await rejectsWith('OPTION_INVALID', join(folder, 'some'), { trackers: [['ftp://x']] })
    await rejectsWith('OPTION_INVALID', join(folder, 'some'), { webSeeds: ['udp://x'] })
    await rejectsWith('NOT_READABLE', '/dev/null')
    writeFileSync(Buffer.concat([Buffer.from(`${join(folder, 'some')}/`), Buffer.from([0x66, 0xff])]), 'x')
    await rejectsWith('PATH_UNSAFE', join(folder, 'some'))
  })

  for (const hashHere of [false, true]) {
    test(`notices a file that changes while it is hashed, ${hashHere ? 'here' : 'by a thread'}`, async () => {
      for (const change of [(path: string) => appendFileSync(path, 'more'), (path: string) => truncateSync(path, 5)]) {
        const folder = folderWith({ 'd/a': 200_000, 'd/b': 10 })
        let isFirst = true
        const onProgress = (): void => {
          if (isFirst) change(join(folder, 'd', 'b'))
          isFirst = false
        }
        await rejectsWith('FILE_CHANGED', join(folder, 'd'), { pieceLength: PIECE, hashHere, onProgress })
      }
    })
  }

  test('tells how far it is, and stops when told to', async () => {
    const folder = folderWith({ 'd/a': 200_000 })
    const seen: number[] = []
    await createTorrent(join(folder, 'd'), { pieceLength: PIECE, onProgress: ({ hashedBytes }) => seen.push(hashedBytes) })
    assert.equal(seen.length, 13)
    assert.equal(seen.at(-1), 200_000)
    const abort = new AbortController()
    const reason = new Error('enough')
    const making = createTorrent(join(folder, 'd'), { pieceLength: PIECE, signal: abort.signal, onProgress: () => abort.abort(reason) })
    await assert.rejects(making, reason)
  })
})
