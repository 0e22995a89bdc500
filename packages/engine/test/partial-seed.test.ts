import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

describe('a peer that only uploads', () => {
  test('gives what it has and fetches nothing', async () => {
    const world = new World({ seed: 1 })
    const torrent = new SwarmTorrent({ seed: '1', lengths: [2 * MIB, MIB], pieceLength: 65_536, trackers: world.trackers })
    const giver = await world.join('giver', torrent, { isMissing: (piece) => piece >= 20, add: { uploadOnly: true } })
    const leecher = await world.join('leecher', torrent)
    await world.run(20_000)
    assert.equal(leecher.torrent.snapshot().havePieces!.count, 20)
    await world.join('seed', torrent, { isSeed: true })
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    await world.run(20_000)
    assert.equal(giver.torrent.snapshot().downloaded, 0)
    assert.equal(giver.torrent.snapshot().havePieces!.count, 20)
    await world.close()
  })

  test('that has nothing at all says so, and fails', async () => {
    const world = new World({ seed: 2 })
    const torrent = new SwarmTorrent({ seed: '2', lengths: [MIB], pieceLength: 65_536, trackers: world.trackers })
    const giver = await world.join('giver', torrent, { add: { uploadOnly: true } })
    await world.run(1_000)
    assert.equal(giver.torrent.state.status, 'failed')
    assert.match(giver.toldOf('error')[0]!.text, /^FILE_MISSING /)
    await world.close()
  })
})

describe('a peer that wants some of the files', () => {
  test('finishes with them, and gives them on', async () => {
    const world = new World({ seed: 3 })
    const torrent = new SwarmTorrent({
      seed: '3',
      lengths: [100_000, MIB, 0, 50_000, MIB, 10],
      pieceLength: 65_536,
      trackers: world.trackers,
    })
    const seeder = await world.join('seed', torrent, { isSeed: true })
    const some = await world.join('some', torrent, { add: { files: [1, 2, 5] } })
    await world.until('it has what it wants', () => some.torrent.state.status === 'finished')
    assert.deepEqual(torrent.differences(some.disk, DIR, [1, 2, 5]), [])
    assert.equal(some.disk.fileBytes(torrent.pathOf(DIR, 4)), undefined, 'what is not wanted is not made')
    await world.system.complete(seeder.stop())
    const other = await world.join('other', torrent, { add: { files: [1] } })
    await world.until('another one gets it from there', () => other.torrent.state.status === 'finished')
    assert.deepEqual(torrent.differences(other.disk, DIR, [1]), [])
    await world.close()
  })

  test('and then others too: goes on, and gives up what it wants no more', async () => {
    for (let seed = 4; seed < 10; seed++) {
      const world = new World({ seed })
      const torrent = new SwarmTorrent({
        seed: String(seed),
        lengths: [300_000, MIB, 70_000, MIB, 200_000],
        pieceLength: 65_536,
        trackers: world.trackers,
      })
      await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: MIB } })
      const picky = await world.join('picky', torrent, { add: { files: [0, 1] } })
      await world.run(300 + 100 * seed)
      await world.system.complete(picky.torrent.setPriorities([0, 0, 7, 4, 0]))
      world.checkInvariants()
      await world.until('it has what it wants now', () => picky.torrent.state.status === 'finished')
      assert.deepEqual(torrent.differences(picky.disk, DIR, [2, 3]), [], `seed ${seed}`)
      await world.system.complete(picky.torrent.setPriorities([1, 1, 1, 1, 1]))
      await world.until('it has everything', () => picky.torrent.state.status === 'seeding')
      assert.deepEqual(torrent.differences(picky.disk, DIR), [], `seed ${seed}`)
      await world.close()
    }
  })
})
