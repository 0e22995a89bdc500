import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimSystem } from '@shoal/engine/simulation'
import { Bitfield } from '@shoal/protocol/bitfield'
import { PieceReporter } from './piece-reporter.ts'

const ONE = '1'.repeat(40)

function world() {
  const system = new SimSystem({ seed: 'pieces' })
  const have = new Map<string, Bitfield>([[ONE, Bitfield.empty(100)]])
  const told: [string, string, number][] = []
  const hub = { isReading: true }
  const reporter = new PieceReporter({
    system,
    pieces: (infoHash) => have.get(infoHash),
    tell: (infoHash, map) => {
      if (hub.isReading) told.push([infoHash, map, system.now()])
      return hub.isReading
    },
  })
  const gain = (piece: number): void => {
    have.get(ONE)!.set(piece)
    reporter.onChange([ONE])
  }
  return { system, have, told, hub, reporter, gain }
}

describe('PieceReporter', () => {
  test('tells a change at once, and the next ones together after a while', async () => {
    const { system, told, reporter, gain } = world()
    reporter.add(ONE)
    reporter.open()
    assert.deepEqual(told, [[ONE, 'none', 0]])
    for (let piece = 0; piece < 40; piece++) {
      gain(piece)
      await system.run(100)
    }
    await system.run(2_000)
    assert.deepEqual(
      told.map(([, map, at]) => [map, at]),
      [
        ['none', 0],
        ['0-11', 1_200],
        ['0-23', 2_400],
        ['0-35', 3_600],
        ['0-39', 4_800],
      ],
    )
    gain(99)
    await system.run(1)
    assert.equal(told.at(-1)?.[1], '0-39,99')
  })

  test('tells more often while somebody looks', async () => {
    const { system, told, reporter, gain } = world()
    reporter.add(ONE)
    reporter.open()
    gain(1)
    reporter.watch(ONE, true)
    await system.run(1_000)
    assert.equal(told.at(-1)?.[1], '1')
    gain(2)
    await system.run(999)
    assert.equal(told.length, 2)
    await system.run(2)
    assert.equal(told.length, 3)
  })

  test('tells nothing of torrents that the hub does not know, nor while it is away; everything when it is back', async () => {
    const { system, told, reporter, gain, have } = world()
    have.set('2'.repeat(40), Bitfield.full(3))
    gain(1)
    reporter.open()
    await system.run(5_000)
    assert.equal(told.length, 0)
    reporter.add(ONE)
    await system.run(1)
    reporter.close()
    gain(2)
    await system.run(5_000)
    assert.equal(told.length, 1)
    reporter.open()
    assert.deepEqual(told.at(-1)?.slice(0, 2), [ONE, '1-2'])
    reporter.remove(ONE)
    assert.deepEqual(told.at(-1)?.slice(0, 2), [ONE, 'none'])
    reporter.close()
    assert.equal(system.pendingEvents, 0)
  })

  test('does not flood a hub with ten thousand torrents, nor one that does not read', async () => {
    const { system, told, reporter, have, hub } = world()
    for (let torrent = 0; torrent < 10_000; torrent++) {
      const infoHash = torrent.toString(16).padStart(40, '0')
      have.set(infoHash, Bitfield.full(1))
      reporter.add(infoHash)
    }
    reporter.open()
    assert.equal(told.length, 2_000)
    await system.run(10_500)
    assert.equal(told.length, 2_500)
    hub.isReading = false
    await system.run(10_000)
    assert.equal(told.length, 2_500)
    hub.isReading = true
    await system.run(200_000)
    assert.equal(new Set(told.map(([infoHash]) => infoHash)).size, 10_000)
    assert.equal(told.length, 10_000)
    assert.equal(system.pendingEvents, 0)
  })
})
