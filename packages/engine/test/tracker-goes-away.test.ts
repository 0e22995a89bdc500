import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MINUTE = 60_000

describe('a tracker that goes away', () => {
  test('before anybody met: everybody meets once it is back, and the trouble is told once', async () => {
    const world = new World({ seed: 1 })
    const torrent = new SwarmTorrent({ seed: '1', lengths: [700_000], pieceLength: 65_536, trackers: world.trackers })
    world.tracker.close()
    const seeder = await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent)
    await world.run(10 * MINUTE)
    assert.equal(leecher.isDone, false)
    for (const peer of [seeder, leecher])
      assert.deepEqual(
        peer.toldOf('tracker').map(({ text }) => text),
        ['failing'],
      )
    world.tracker.open()
    await world.until('the leecher is complete', () => leecher.isDone, 40 * MINUTE)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    await world.close()
  })

  test('while they trade: nobody notices, and nothing is announced like mad', async () => {
    const world = new World({ seed: 2 })
    const torrent = new SwarmTorrent({ seed: '2', lengths: [3_000_000], pieceLength: 65_536, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 100_000 } })
    const leecher = await world.join('leecher', torrent)
    await world.until('some is here', () => leecher.torrent.snapshot().haveBytes > 100_000)
    const before = world.tracker.announces.length
    world.tracker.mood = 'garbage'
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    assert.equal(world.tracker.announces.length, before)
    await world.close()
  })

  test('answers garbage, then refuses, then is well: each is told once, and it ends well', async () => {
    const world = new World({ seed: 3 })
    const torrent = new SwarmTorrent({ seed: '3', lengths: [700_000], pieceLength: 65_536, trackers: world.trackers })
    world.tracker.mood = 'garbage'
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent)
    await world.run(2 * MINUTE)
    world.tracker.mood = 'refusing'
    await world.run(5 * MINUTE)
    world.tracker.mood = 'well'
    await world.until('the leecher is complete', () => leecher.isDone, 20 * MINUTE)
    const told = leecher.toldOf('tracker').map(({ text }) => text)
    assert.deepEqual(told.slice(0, 3), ['failing', 'failing', 'working'])
    await world.close()
  })

  test('hears that they started, completed and stopped, once each', async () => {
    const world = new World({ seed: 4 })
    const torrent = new SwarmTorrent({ seed: '4', lengths: [700_000], pieceLength: 65_536, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent)
    await world.until('the leecher is complete', () => leecher.isDone)
    await world.run(10_000)
    const { address } = leecher
    await world.close()
    const events = world.tracker.announces.filter((line) => line.includes(`${address}:`)).map((line) => line.split(' ')[0])
    assert.deepEqual(events, ['started', 'completed', 'stopped'])
  })
})
