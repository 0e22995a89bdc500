import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { encodeUtf8 } from '@shoal/protocol/bytes'
import { type MadeTorrent, madeTorrent } from '../../test/made-torrent.ts'
import { TorrentReader } from './torrent-reader.ts'

function reader(t: TestContext, timeLimitMs?: number): TorrentReader {
  const made = new TorrentReader(timeLimitMs)
  t.after(() => made.close())
  return made
}

describe('TorrentReader', () => {
  test('tells what a torrent is', async (t) => {
    const files = [
      { path: ['class', 'a.txt'], length: 10 },
      { path: ['class', '.pad', '6'], length: 6, isPadding: true },
      { path: ['class', 'b.txt'], length: 40_000 },
    ]
    const torrent = madeTorrent({ name: 'class', files, isPrivate: true })
    const summary = await reader(t).summaryOf(torrent.bytes)
    assert.deepEqual(summary, {
      infoHash: torrent.infoHash,
      infoHashV2: undefined,
      name: 'class',
      size: 40_010,
      pieceLength: 16_384,
      pieceCount: 3,
      fileCount: 2,
      isPrivate: true,
      warnings: [],
    })
  })

  test('lists files page by page, without padding', async (t) => {
    const files = Array.from({ length: 30 }, (_, index) => ({ path: ['class', `${index}.txt`], length: index + 1 }))
    const torrent = { sha256: 'x', bytes: madeTorrent({ name: 'class', files }).bytes }
    const made = reader(t)
    const first = await made.filesOf(torrent, 0, 20)
    const second = await made.filesOf(torrent, 20, 20)
    assert.equal(first.total, 30)
    assert.equal(first.items.length, 20)
    assert.deepEqual(second.items[9], { path: ['class', '29.txt'], length: 30 })
  })

  for (const [what, bytes, words] of [
    ['no bencode', encodeUtf8('hello'), /^Cannot read bencode/],
    ['nothing', new Uint8Array(), /^Cannot read bencode/],
    ['a list', encodeUtf8('le'), /not a dictionary/],
    ['no info dictionary', encodeUtf8('de'), /info/],
    ['a path upwards', withPath('..'), /\.\./],
    ['a tracker that looks like another', madeTorrent({ trackers: [['http://xn--pple-43d.example/announce']] }).bytes, /xn--/],
    ['a tracker in other letters', madeTorrent({ trackers: [['udp://аpple.example:80']] }).bytes, /look like another name/],
  ] as const) {
    test(`${what} is refused in the words of the one who noticed`, async (t) => {
      await assert.rejects(reader(t).summaryOf(bytes), { code: 'TORRENT_INVALID', message: words })
    })
  }

  test('what is too large is not even looked at', async (t) => {
    await assert.rejects(reader(t).summaryOf(new Uint8Array(10 * 1024 * 1024 + 1)), { code: 'TOO_LARGE' })
  })

  test('a torrent that takes too long is given up, and the next one is read', async (t) => {
    const made = reader(t, 0)
    await assert.rejects(made.summaryOf(madeTorrent().bytes), { code: 'TORRENT_INVALID', message: /took longer/ })
    const patient = reader(t)
    const outcomes = await Promise.allSettled([patient.summaryOf(encodeUtf8('x')), patient.summaryOf(madeTorrent().bytes)])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'fulfilled'],
    )
  })

  test('the line of those who wait has an end', async (t) => {
    const made = reader(t)
    const torrent = madeTorrent().bytes
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => made.summaryOf(torrent)))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.ok(refused.length > 0 && refused.every((outcome) => (outcome.reason as { code?: string }).code === 'BUSY'))
    assert.equal(outcomes.length - refused.length, 17)
  })

  test('whoever waits when the hub stops is told', async () => {
    const made = new TorrentReader()
    const waiting = Promise.allSettled([made.summaryOf(madeTorrent().bytes), made.summaryOf(madeTorrent().bytes)])
    await made.close()
    for (const outcome of await waiting) assert.equal(outcome.status, 'rejected')
    await assert.rejects(made.summaryOf(madeTorrent().bytes), { code: 'BUSY' })
  })
})

function withPath(name: string): Uint8Array {
  const made: MadeTorrent = madeTorrent({ name: 'class', files: [{ path: ['class', name], length: 3 }] })
  return made.bytes
}
