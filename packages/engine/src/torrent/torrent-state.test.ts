import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../base/errors.ts'
import { isExchanging, nextState, type TorrentEvent, type TorrentState } from './torrent-state.ts'

const diskFull = new EngineError('DISK_FULL', 'Cannot write: the disk is full')
const broken = new EngineError('PATH_UNSAFE', 'Cannot open: the folder is a link')

const states: readonly TorrentState[] = [
  { status: 'stopped' },
  { status: 'fetching-metadata' },
  { status: 'checking', checkedPieceCount: 3, pieceCount: 10 },
  { status: 'downloading' },
  { status: 'waiting-for-disk', error: diskFull },
  { status: 'finished' },
  { status: 'seeding' },
  { status: 'moving', movedBytes: 5, totalBytes: 9 },
  { status: 'failed', error: broken },
]
type Status = TorrentState['status']

/** From every state by one event: the states that are named change, all others stay the same object. */
function arrows(event: TorrentEvent, changes: Partial<Record<Status, TorrentState>>): void {
  for (const state of states) {
    const next = nextState(state, event)
    const expected = changes[state.status]
    if (expected === undefined) assert.equal(next, state, `${state.status} stays on ${event.type}`)
    else assert.deepEqual(next, expected, `${state.status} on ${event.type}`)
  }
}

const beginning: TorrentState = { status: 'checking', checkedPieceCount: 0, pieceCount: 0 }

describe('nextState', () => {
  test('start leads to the check when it is known what the torrent is', () => {
    arrows({ type: 'start', hasMetadata: true }, { stopped: beginning, failed: beginning })
  })

  test('start leads to fetching the metadata when it is not', () => {
    const fetching: TorrentState = { status: 'fetching-metadata' }
    arrows({ type: 'start', hasMetadata: false }, { stopped: fetching, failed: fetching })
  })

  test('metadata leads to the check', () => {
    arrows({ type: 'metadata' }, { 'fetching-metadata': beginning })
  })

  test('progress of the check is part of its state', () => {
    const checking: TorrentState = { status: 'checking', checkedPieceCount: 4, pieceCount: 10 }
    arrows({ type: 'check-progress', checkedPieceCount: 4, pieceCount: 10 }, { checking })
  })

  test('after the check a wanted piece is missing: downloading', () => {
    arrows({ type: 'checked', missingWantedCount: 1, missingCount: 2 }, { checking: { status: 'downloading' } })
  })

  test('after the check only unwanted pieces are missing: finished', () => {
    arrows({ type: 'checked', missingWantedCount: 0, missingCount: 2 }, { checking: { status: 'finished' } })
  })

  test('after the check nothing is missing: seeding', () => {
    arrows({ type: 'checked', missingWantedCount: 0, missingCount: 0 }, { checking: { status: 'seeding' } })
  })

  test('a wanted piece is missing: whoever had enough downloads again, whoever waits for the disk goes on waiting', () => {
    const downloading: TorrentState = { status: 'downloading' }
    arrows({ type: 'pieces-changed', missingWantedCount: 1, missingCount: 1 }, { finished: downloading, seeding: downloading })
  })

  test('the last wanted piece came, others are not wanted: finished', () => {
    const finished: TorrentState = { status: 'finished' }
    arrows(
      { type: 'pieces-changed', missingWantedCount: 0, missingCount: 1 },
      { downloading: finished, 'waiting-for-disk': finished, seeding: finished },
    )
  })

  test('the last piece came: seeding', () => {
    const seeding: TorrentState = { status: 'seeding' }
    arrows(
      { type: 'pieces-changed', missingWantedCount: 0, missingCount: 0 },
      { downloading: seeding, 'waiting-for-disk': seeding, finished: seeding },
    )
  })

  test('a full disk makes a download wait, and nothing else', () => {
    arrows({ type: 'disk-full', error: diskFull }, { downloading: { status: 'waiting-for-disk', error: diskFull } })
  })

  test('room on the disk lets it go on by itself', () => {
    arrows({ type: 'disk-ready' }, { 'waiting-for-disk': { status: 'downloading' } })
  })

  test('a recheck begins wherever there is something to check, and nobody moves it', () => {
    const rest = states.filter(({ status }) => status !== 'fetching-metadata' && status !== 'moving')
    arrows({ type: 'recheck' }, Object.fromEntries(rest.map(({ status }) => [status, beginning])))
  })

  test('a move begins anywhere, tells how far it is, and ends as a start does', () => {
    arrows({ type: 'move' }, Object.fromEntries(states.map(({ status }) => [status, { status: 'moving', movedBytes: 0, totalBytes: 0 }])))
    arrows({ type: 'move-progress', movedBytes: 7, totalBytes: 9 }, { moving: { status: 'moving', movedBytes: 7, totalBytes: 9 } })
    arrows({ type: 'go-on', hasMetadata: true }, { moving: beginning, checking: beginning })
    arrows({ type: 'go-on', hasMetadata: false }, { moving: { status: 'fetching-metadata' }, checking: { status: 'fetching-metadata' } })
  })

  test('stop ends everything', () => {
    const stopped: TorrentState = { status: 'stopped' }
    const changes = Object.fromEntries(states.filter(({ status }) => status !== 'stopped').map(({ status }) => [status, stopped]))
    arrows({ type: 'stop' }, changes)
  })

  test('fail ends everything and says why', () => {
    const failed: TorrentState = { status: 'failed', error: diskFull }
    arrows({ type: 'fail', error: diskFull }, Object.fromEntries(states.map(({ status }) => [status, failed])))
  })

  test('pieces are exchanged in four of the states', () => {
    assert.deepEqual(
      states.filter((state) => isExchanging(state)).map(({ status }) => status),
      ['downloading', 'waiting-for-disk', 'finished', 'seeding'],
    )
  })
})
