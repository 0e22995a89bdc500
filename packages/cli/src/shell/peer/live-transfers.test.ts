import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Publication } from '@shoal/api/daemon-api'
import { fakeHubItem, fakeTorrent } from '../../../test/fake-daemon.ts'
import { widthOf } from '../../render/text.ts'
import { LiveTransfers } from './live-transfers.ts'

const same = (text: string): string => text
const SIZE = 1_525_678_080

/** A prompt that remembers what stands above it. */
function scene() {
  let drawn: readonly string[] = []
  const said: string[] = []
  let now = 1_000
  const transfers = new LiveTransfers({
    view: { isTerminal: true, columns: () => 80, palette: { good: same, waiting: same, bad: same, dim: same, strong: same } },
    now: () => now,
    draw: (lines) => {
      drawn = lines
    },
    say: (text) => said.push(text),
  })
  return { transfers, drawn: () => drawn, said, pass: (ms: number) => (now += ms) }
}

describe('LiveTransfers', () => {
  test('draws what runs, three of them, and counts the others', () => {
    const { transfers, drawn } = scene()
    transfers.begin([fakeTorrent('paused', { status: 'paused' })], [], [])
    assert.deepEqual(drawn(), [])
    const many = ['a', 'b', 'c', 'd', 'e'].map((name) => fakeTorrent(name, { id: name.repeat(40) }))
    transfers.onEvent({ type: 'torrents', changed: many, removed: [] })
    assert.equal(drawn().length, 7)
    assert.match(drawn()[1]!, /^ {2}█+▒?░+ {3}60 % {2}↓ 412 MB\/s {3}↑ 38\.0 MB\/s {2}1\.4 s left$/)
    assert.equal(drawn().at(-1), '  and 2 others (list shows all)')
    for (const line of drawn()) assert.ok(widthOf(line) < 80, line)
    transfers.onEvent({ type: 'torrents', changed: [], removed: many.map(({ id }) => id) })
    assert.deepEqual(drawn(), [])
  })

  test('says once that something is here, and how fast it came', () => {
    const { transfers, said, drawn, pass } = scene()
    transfers.begin([], [], [])
    transfers.onEvent({ type: 'torrents', changed: [fakeTorrent('lecture', { haveBytes: 0, downloaded: 0 })], removed: [] })
    pass(4_000)
    const done = fakeTorrent('lecture', { status: 'seeding', haveBytes: SIZE, downloaded: SIZE })
    transfers.onEvent({ type: 'torrents', changed: [done], removed: [] })
    transfers.onEvent({ type: 'torrents', changed: [done], removed: [] })
    assert.deepEqual(said, ['"lecture" is here: 1.42 GiB in 4.0 s (381 MB/s), every piece verified, in /home/an/Downloads'])
    assert.deepEqual(drawn(), [])
  })

  test('what was here before is no news, and neither is what a check finds', () => {
    const { transfers, said } = scene()
    const done = fakeTorrent('lecture', { status: 'seeding', haveBytes: SIZE })
    transfers.begin([done], [fakeHubItem('class')], [])
    transfers.onEvent({ type: 'torrents', changed: [{ ...done, status: 'checking', workProgress: 0.5 }], removed: [] })
    transfers.onEvent({ type: 'torrents', changed: [done], removed: [] })
    transfers.onEvent({ type: 'hub', hub: fakeHubItem('class') })
    assert.deepEqual(said, [])
  })

  test('says why something stopped, that a hub is away and back, and that one may leave', () => {
    const { transfers, said } = scene()
    const publication: Publication = {
      hub: 'id-class',
      name: 'lecture',
      path: '/data/lecture',
      torrentId: 'ab'.repeat(20),
      size: 1,
      pieceCount: 1,
      pieceLength: 1,
      link: 'x',
      magnet: 'x',
      isKnown: true,
      copiesElsewhere: 1,
      mayLeave: true,
    }
    transfers.begin([fakeTorrent('lecture')], [fakeHubItem('class')], [])
    const error = { code: 'DISK_FULL', detail: 'The disk is full' }
    transfers.onEvent({ type: 'torrents', changed: [fakeTorrent('lecture', { status: 'waiting-for-disk', error })], removed: [] })
    transfers.onEvent({ type: 'hub', hub: fakeHubItem('class', { status: 'away', detail: 'it closed the connection' }) })
    transfers.onEvent({ type: 'hub', hub: fakeHubItem('class') })
    transfers.onEvent({ type: 'publication', publication })
    transfers.onEvent({ type: 'publication', publication })
    assert.deepEqual(said, [
      '"lecture": The disk is full (DISK_FULL)',
      '"class" is away: it closed the connection. Transfers go on, and it is tried again.',
      '"class" is back.',
      'Others hold every piece of "lecture": this machine may go off line.',
    ])
  })

  test('shows how much is hashed', () => {
    const { transfers, drawn } = scene()
    const creation = { id: 'c', path: '/data/lecture', hashedBytes: 42, totalBytes: 100, warnings: [] }
    transfers.onEvent({ type: 'creation', creation: { ...creation, status: 'hashing' } })
    assert.deepEqual(drawn(), ['   42 %  hashing "lecture": 42 B of 100 B'])
    transfers.onEvent({ type: 'creation', creation: { ...creation, status: 'done' } })
    assert.deepEqual(drawn(), [])
  })
})
