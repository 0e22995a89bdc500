import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fetchTarget } from './fetch-target.ts'
import type { KnownHub } from './known-hub.ts'

const HUB = { url: 'https://class.example/hub' } as KnownHub
const HASH = 'AB'.repeat(20)

describe('what somebody wants to fetch', () => {
  test('is a name of a hub, unless it has the form of something else', () => {
    for (const name of ['lecture-04', 'bài giảng.mp4', 'a'.repeat(39), 'a'.repeat(32), 'ftp://x', 'abcdefghijklmnopqrstuvwxyzabcdef']) {
      assert.deepEqual(fetchTarget(name, [HUB]), { kind: 'name', name })
    }
  })

  test('is on a hub that is known, by its links and addresses', () => {
    assert.deepEqual(fetchTarget('https://class.example/hub/s/b%C3%A0i', [HUB]), { kind: 'entry', hub: HUB, idOrName: 'bài' })
    assert.deepEqual(fetchTarget('https://class.example/hub/v1/files/id-1', [HUB]), { kind: 'entry', hub: HUB, idOrName: 'id-1' })
    const content = { kind: 'content', hub: HUB, infoHash: HASH.toLowerCase() }
    assert.deepEqual(fetchTarget(`https://class.example/hub/v1/torrents/${HASH}/file`, [HUB]), content)
    assert.deepEqual(fetchTarget(HASH, [HUB]), { ...content, hub: undefined })
    assert.deepEqual(fetchTarget('https://other.example/s/x', [HUB]), { kind: 'foreign', origin: 'https://other.example' })
  })

  test('is a link like any other', () => {
    for (const link of [
      `magnet:?xt=urn:btih:${HASH}`,
      'https://other.example/a.torrent',
      'http://class.example/hub/x',
      'MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U',
    ]) {
      assert.deepEqual(fetchTarget(link, [HUB]), { kind: 'link', link })
    }
  })
})
