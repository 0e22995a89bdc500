import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { newRecord } from './torrent-record.ts'
import { fileItems, torrentItem, withoutKey } from './torrent-view.ts'

const RECORD = newRecord({ id: 'a'.repeat(40), name: 'lecture', dir: '/data', addedAt: 1, order: 1 })
const AT_REST = { summary: undefined, error: undefined, queuePosition: 1 }

describe('a torrent as people see it', () => {
  test('waits in the queue, is paused, or has failed', () => {
    assert.equal(torrentItem(RECORD, AT_REST).status, 'queued')
    assert.equal(torrentItem({ ...RECORD, isPaused: true }, AT_REST).status, 'paused')
    const failed = torrentItem(RECORD, { ...AT_REST, error: { code: 'DISK_FULL', detail: 'full' } })
    assert.deepEqual([failed.status, failed.error?.code], ['failed', 'DISK_FULL'])
  })

  test('has the name that somebody gave it', () => {
    assert.equal(torrentItem({ ...RECORD, title: 'Monday' }, AT_REST).name, 'Monday')
  })

  test('shows trackers without keys', () => {
    assert.equal(withoutKey('http://hub.lan:6880/0123456789abcdef0123456789/announce'), 'http://hub.lan:6880/…/announce')
    assert.equal(withoutKey('https://t.example/announce?passkey=0123456789abcdef&x=1'), 'https://t.example/announce?passkey=…&x=1')
    assert.equal(withoutKey('udp://a-long-name-of-a-tracker.example:1337/announce'), 'udp://a-long-name-of-a-tracker.example:1337/announce')
  })

  test('counts the bytes of files by the pieces that are there', () => {
    const file = { isPadding: false, isExecutable: false, isHidden: false }
    const files = [
      { ...file, path: ['t', 'a'], length: 15, offset: 0 },
      { ...file, path: ['t', 'b'], length: 10, offset: 15 },
    ]
    const have = Bitfield.empty(3)
    have.set(1)
    const items = fileItems({ id: 'x', files, pieceLength: 10, have, isComplete: false, priorities: '40' })
    assert.deepEqual(
      items.map(({ haveBytes, priority }) => [haveBytes, priority]),
      [
        [5, 4],
        [5, 0],
      ],
    )
  })
})
