import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_MAP_CHARACTERS, MAX_MAPS_PER_HOST, PieceMaps } from './piece-maps.ts'

const HASH = 'a'.repeat(40)

describe('PieceMaps', () => {
  test('says whether anything is new, and forgets who has nothing', () => {
    const maps = new PieceMaps()
    assert.equal(maps.set('an', HASH, '0-3'), true)
    assert.equal(maps.set('an', HASH, '0-3'), false)
    assert.equal(maps.set('binh', HASH, 'none'), false)
    assert.deepEqual(maps.of(HASH), [{ hostId: 'an', map: '0-3' }])
    assert.equal(maps.set('an', HASH, 'none'), true)
    assert.deepEqual(maps.of(HASH), [])
    assert.deepEqual(maps.dropHost('an'), [])
    maps.set('an', HASH, 'all')
    assert.deepEqual(maps.dropHost('an'), [HASH])
    assert.equal(maps.size, 0)
  })

  test('counts copies elsewhere, whole ones and such that are whole together', () => {
    const maps = new PieceMaps()
    maps.set('an', HASH, 'all')
    const told = () => maps.copiesElsewhere(HASH, 'an', 10)
    assert.deepEqual(told(), { elsewhere: 0, isWhole: false })
    maps.set('binh', HASH, '0-4,6-9')
    assert.deepEqual(told(), { elsewhere: 0, isWhole: false })
    maps.set('chi', HASH, '3-5')
    assert.deepEqual(told(), { elsewhere: 0, isWhole: true })
    maps.set('dao', HASH, 'all')
    assert.deepEqual(told(), { elsewhere: 1, isWhole: true })
    assert.deepEqual(maps.copiesElsewhere(HASH, 'dao', 10), { elsewhere: 1, isWhole: true })
  })

  test('remembers no more than its bounds', () => {
    const maps = new PieceMaps()
    for (let at = 0; at < MAX_MAPS_PER_HOST + 5; at++) maps.set('an', `${at}`, 'all')
    assert.equal(maps.size, MAX_MAPS_PER_HOST)
    assert.equal(maps.set('an', '0', '1-2'), true)
    const large = 'x'.repeat(1_024)
    for (let at = 0; at * 1_024 <= MAX_MAP_CHARACTERS; at++) maps.set(`host ${at % 1_000}`, `torrent ${at}`, large)
    assert.equal(maps.set('more', HASH, large), false)
    for (let host = 0; host < 1_000; host++) maps.dropHost(`host ${host}`)
    assert.equal(maps.set('more', HASH, large), true)
  })
})
