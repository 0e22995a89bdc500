import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { TorrentFiles } from './torrent-files.ts'

const TWO_HOURS_MS = 2 * 60 * 60 * 1_000
const NONE: ReadonlySet<string> = new Set()

async function world(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-torrents-'))
  t.after(() => rm(folder, { recursive: true }))
  let later = 0
  const files = new TorrentFiles(folder, { ...REAL_HUB_SYSTEM, wallClock: () => Date.now() + later })
  return {
    folder,
    files,
    pass: (ms: number) => {
      later += ms
    },
    sweepAll: async (kept: ReadonlySet<string> = NONE) => {
      let removed = 0
      for (let at = 0; at < 256; at++) removed += await files.sweep(at, async () => kept)
      return removed
    },
    list: async () => (await readdir(join(folder, 'torrents'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()),
  }
}

const BYTES = encodeUtf8('d4:infodee')
const SHA256 = createHash('sha256').update(BYTES).digest('hex')

describe('TorrentFiles', () => {
  test('keeps bytes by their hash, once', async (t) => {
    const { files, list } = await world(t)
    assert.equal(await files.keepWhile(BYTES, async (sha256) => sha256), SHA256)
    await Promise.all([files.keepWhile(BYTES, async () => {}), files.keepWhile(BYTES, async () => {})])
    assert.deepEqual(new Uint8Array(await files.read(SHA256)), BYTES)
    assert.deepEqual(
      (await list()).map((entry) => entry.name),
      [SHA256],
    )
  })

  test('a file without a row is swept when it is old, and not before', async (t) => {
    const { files, pass, sweepAll, list } = await world(t)
    await assert.rejects(files.keepWhile(BYTES, () => Promise.reject(new Error('the hub was killed here'))))
    assert.equal(await sweepAll(), 0)
    pass(TWO_HOURS_MS)
    assert.equal(await sweepAll(new Set([SHA256])), 0)
    assert.equal(await sweepAll(), 1)
    assert.equal((await list()).length, 0)
    await files.keepWhile(BYTES, async () => {})
    assert.deepEqual(new Uint8Array(await files.read(SHA256)), BYTES)
  })

  test('a file that somebody is about to name is not swept, however old', async (t) => {
    const { files, pass, sweepAll } = await world(t)
    await files.keepWhile(BYTES, async () => {})
    pass(TWO_HOURS_MS)
    await files.keepWhile(BYTES, async () => {
      pass(TWO_HOURS_MS)
      assert.equal(await sweepAll(), 0)
    })
    assert.equal(await sweepAll(), 1)
  })

  test('a file that gets its row while the sweep asks for it stays', async (t) => {
    const { files, pass } = await world(t)
    await files.keepWhile(BYTES, async () => {})
    pass(TWO_HOURS_MS)
    const publishMeanwhile = async () => {
      await files.keepWhile(BYTES, async () => {})
      return NONE
    }
    assert.equal(await files.sweep(Number.parseInt(SHA256.slice(0, 2), 16), publishMeanwhile), 0)
    assert.deepEqual(new Uint8Array(await files.read(SHA256)), BYTES)
  })

  test('what a crash left half written is no torrent, and goes', async (t) => {
    const { folder, files, pass, sweepAll, list } = await world(t)
    await files.keepWhile(BYTES, async () => {})
    await writeFile(join(folder, 'torrents', SHA256.slice(0, 2), SHA256.slice(2, 4), `${SHA256}.0123456789ab`), 'half')
    pass(TWO_HOURS_MS)
    assert.equal(await sweepAll(new Set([SHA256])), 1)
    assert.equal((await list()).length, 1)
  })

  test('a damaged or missing file is said, not handed out', async (t) => {
    const { folder, files } = await world(t)
    await files.keepWhile(BYTES, async () => {})
    await writeFile(join(folder, 'torrents', SHA256.slice(0, 2), SHA256.slice(2, 4), SHA256), 'd4:infodfe')
    await assert.rejects(files.read(SHA256), { code: 'STORAGE', message: /damaged/ })
    await assert.rejects(files.read('ab'.repeat(32)), { code: 'STORAGE', message: /ENOENT/ })
  })

  test('a shortened file is written anew', async (t) => {
    const { folder, files } = await world(t)
    await files.keepWhile(BYTES, async () => {})
    await writeFile(join(folder, 'torrents', SHA256.slice(0, 2), SHA256.slice(2, 4), SHA256), '')
    await files.keepWhile(BYTES, async () => {})
    assert.deepEqual(new Uint8Array(await files.read(SHA256)), BYTES)
  })

  test('a folder that cannot be written is a refusal with its reason', async (t) => {
    const { folder, files } = await world(t)
    await writeFile(join(folder, 'torrents'), '')
    await assert.rejects(
      files.keepWhile(BYTES, async () => {}),
      { code: 'STORAGE', message: /ENOTDIR|EEXIST/ },
    )
  })
})
