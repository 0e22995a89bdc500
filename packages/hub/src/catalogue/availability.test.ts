import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodePieceMap } from '@shoal/api/piece-map'
import { Bitfield } from '@shoal/protocol/bitfield'
import { REAL_HUB_SYSTEM } from '../system.ts'
import { AvailabilityGauge } from './availability.ts'

const TORRENT = { infoHash: 'aa'.repeat(20), pieceCount: 100 }

function gauge(given: { seeds?: number; leechers?: number; maps?: readonly string[] }) {
  let now = 0
  let asked = 0
  const swarms = {
    countsOf: () => {
      asked++
      return { seeds: given.seeds ?? 0, leechers: given.leechers ?? 0 }
    },
  }
  const presence = {
    isOnline: () => true,
    holdersOf: () =>
      (given.maps ?? []).map((map, at) => ({ host: { id: `h${at}`, name: `peer ${at}`, ip: '10.0.0.1', port: at + 1 }, map })),
  }
  const made = new AvailabilityGauge(swarms, presence, { ...REAL_HUB_SYSTEM, now: () => now })
  return {
    made,
    asked: () => asked,
    pass: (ms: number) => {
      now += ms
    },
  }
}

describe('availability', () => {
  test('nobody has it', () => {
    assert.deepEqual(gauge({}).made.availabilityOf(TORRENT), { seeds: 0, leechers: 0, holders: 0, rarestCopies: 0, distributedCopies: 0 })
  })

  test('whoever has everything is in both counts, and counts once', () => {
    const { rarestCopies, holders } = gauge({ seeds: 3, maps: ['all', 'all', 'none'] }).made.availabilityOf(TORRENT)
    assert.deepEqual([rarestCopies, holders], [3, 3])
    assert.equal(gauge({ seeds: 1, maps: ['all', 'all'] }).made.availabilityOf(TORRENT).rarestCopies, 2)
  })

  test('parts add up: two halves are a copy, and what is above it is a share', () => {
    assert.equal(gauge({ maps: ['0-49', '50-99'] }).made.availabilityOf(TORRENT).distributedCopies, 1)
    const { rarestCopies, distributedCopies } = gauge({ seeds: 1, maps: ['0-49', '50-99', '0-36'] }).made.availabilityOf(TORRENT)
    assert.deepEqual([rarestCopies, distributedCopies], [2, 2.37])
  })

  test('a share of nearly everything is no copy', () => {
    const wide = { infoHash: TORRENT.infoHash, pieceCount: 1_000_000 }
    const { distributedCopies } = gauge({ maps: ['0-999998'] }).made.availabilityOf(wide)
    assert.equal(distributedCopies, 0.99)
  })

  test('what is no map of this torrent counts for nothing', () => {
    const { availability, holders } = gauge({ maps: ['0-100', 'rubbish', '~short', '5-3'] }).made.holdersOf(TORRENT)
    assert.deepEqual([availability.holders, holders.length], [0, 0])
  })

  test('the copies in each span are the least in it, as by counting one by one', () => {
    const pieceCount = 1_000
    const fields = [(piece: number) => piece % 3 !== 0 || piece > 500, (piece: number) => piece < 700, (piece: number) => piece > 300]
    const maps = fields.map((has) => {
      const have = Bitfield.empty(pieceCount)
      for (let piece = 0; piece < pieceCount; piece++) if (has(piece)) have.set(piece)
      // in spans, or in buckets that may say less
      return encodePieceMap(have)
    })
    assert.ok(maps[0]!.startsWith('~'))
    const { holders, copies, availability } = gauge({ seeds: 1, maps }).made.holdersOf({ infoHash: TORRENT.infoHash, pieceCount })
    assert.deepEqual(
      holders.map((holder) => holder.isExact),
      [false, true, true],
    )
    assert.equal(copies.length, 250)
    const span = 4
    for (const [at, count] of copies.entries()) {
      let least = Number.POSITIVE_INFINITY
      for (let piece = at * span; piece < (at + 1) * span; piece++) {
        // only whole buckets of the first one are known
        const inBucket = Array.from({ length: span }, (_, index) => at * span + index).every((each) => fields[0]!(each))
        least = Math.min(least, 1 + (inBucket ? 1 : 0) + (fields[1]!(piece) ? 1 : 0) + (fields[2]!(piece) ? 1 : 0))
      }
      assert.equal(count, least, `span ${at}`)
    }
    assert.equal(availability.rarestCopies, Math.min(...copies))
  })

  test('a torrent is counted once a second, however many ask', () => {
    const { made, asked, pass } = gauge({ seeds: 1 })
    for (let at = 0; at < 50; at++) made.availabilityOf(TORRENT)
    assert.equal(asked(), 1)
    pass(1_000)
    made.availabilityOf(TORRENT)
    assert.equal(asked(), 2)
  })

  test('a torrent without pieces breaks nothing', () => {
    assert.equal(gauge({ seeds: 1, maps: ['all', 'none'] }).made.holdersOf({ infoHash: TORRENT.infoHash, pieceCount: 0 }).copies.length, 0)
  })
})
