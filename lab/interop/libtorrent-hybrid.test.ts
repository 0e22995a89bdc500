import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createTorrent } from '@shoal/engine/create-torrent'
import { toHex } from '@shoal/protocol/bytes'
import { THIS_HOST } from './host.ts'
import { startLibtorrent } from './libtorrent.ts'
import { needs, PYTHON } from './requirement.ts'
import { Scene } from './scene.ts'

interface Described {
  readonly v1: string
  readonly v2: string
  readonly roots: Readonly<Record<string, string>>
}

/** Of all kinds: empty, a byte, just a block, just a piece, one byte more, many pieces, folders whose order is not that of the paths. */
const FILES: Readonly<Record<string, number>> = {
  'b/z': 5_000,
  'b/a/deep': 1_000_000,
  'b-1': 1,
  a: 0,
  Z: 65_536,
  'b/a/x': 65_537,
  block: 16_384,
  two: 32_768,
  three: 49_000,
}

describe('libtorrent and a hybrid torrent of ours', { skip: needs('libtorrent') }, () => {
  for (const content of ['folder', 'folder/b/a/deep']) {
    test(`of ${content === 'folder' ? 'a folder' : 'one file'}: it reads the same hashes, makes the same trees, and finds all data right`, async (t) => {
      const scene = Scene.of(t)
      const dir = scene.dir('data')
      for (const [path, length] of Object.entries(FILES)) {
        const where = join(dir, 'folder', path)
        mkdirSync(join(where, '..'), { recursive: true })
        writeFileSync(
          where,
          Uint8Array.from({ length }, (_, at) => (at * 31 + length + (at >>> 11)) & 0xff),
        )
      }
      const made = await createTorrent(join(dir, content), { isHybrid: true, pieceLength: 65_536 })
      const file = join(dir, 'ours.torrent')
      writeFileSync(file, made.bytes)
      const program = scene.start(THIS_HOST, 'libtorrent read', [
        PYTHON,
        join(import.meta.dirname, 'libtorrent-read.py'),
        file,
        join(dir, content),
      ])
      const { read, own } = JSON.parse(await program.line(/^\{/)) as { read: Described; own: Described }
      assert.equal(read.v1, made.infoHashV1)
      assert.equal(read.v2, made.infoHashV2)
      assert.deepEqual(read.roots, own.roots)
      for (const { path, piecesRoot } of made.info.files) {
        if (piecesRoot !== undefined) assert.equal(read.roots[path.join('/')], toHex(piecesRoot), path.join('/'))
      }
      const peer = startLibtorrent(scene, { host: THIS_HOST, what: file, dir: made.root })
      await peer.line(/^DONE/)
      await peer.stop()
    })
  }
})
