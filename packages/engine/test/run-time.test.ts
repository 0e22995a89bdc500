import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../src/base/errors.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { World } from './world.ts'

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

function torrentOf(world: World, ...lengths: number[]): SwarmTorrent {
  return new SwarmTorrent({ seed: 'run time', lengths, pieceLength: 16_384, trackers: world.trackers })
}

describe('a torrent that runs', () => {
  test('goes over to the order of the file when it is told to', async () => {
    const world = new World({ seed: 1 })
    const torrent = torrentOf(world, 2_000_000)
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 100_000 } })
    const leecher = await world.join('leecher', torrent)
    await world.run(3_000)
    leecher.torrent.setSequential(true)
    assert.equal(leecher.torrent.isSequential, true)
    await world.run(2_000) // what was asked for before comes first
    const before = leecher.toldOf('piece').length
    await world.run(5_000)
    const pieces = leecher
      .toldOf('piece')
      .slice(before)
      .map(({ text }) => Number(text))
    assert.ok(pieces.length > 10)
    const ups = pieces.filter((pieceIndex, at) => at > 0 && pieceIndex > pieces[at - 1]!).length
    assert.ok(ups >= pieces.length - 3, `the order was ${pieces.join()}`)
    await world.close()
  })

  test('lets go of those who exchange least when it may have fewer connections, and takes in no more', async () => {
    const world = new World({ seed: 2 })
    const torrent = torrentOf(world, 3_000_000)
    const seed = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 200_000 } })
    for (let at = 0; at < 6; at++) await world.join(`peer ${at}`, torrent)
    await world.run(4_000)
    assert.equal(seed.torrent.connectionCount, 6)
    seed.torrent.setMaxConnections(2)
    assert.equal(seed.torrent.connectionCount, 2)
    await world.run(20_000)
    assert.ok(seed.torrent.connectionCount <= 2)
    seed.torrent.setMaxConnections(50)
    await world.until('they are back', () => seed.torrent.connectionCount > 2 || world.peers.every((peer) => peer.isDone))
    for (const count of [0, -1, 1.5, Number.NaN]) assert.throws(() => seed.torrent.setMaxConnections(count), hasCode('OPTION_INVALID'))
    await world.close()
  })

  test('tells what is there of each file, and the priorities', async () => {
    const world = new World({ seed: 3 })
    const torrent = torrentOf(world, 20_000, 0, 50_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    assert.deepEqual(seed.torrent.filesProgress(), [0, 0, 0])
    await world.until('it seeds', () => seed.isDone)
    assert.deepEqual(seed.torrent.filesProgress(), [20_000, 0, 50_000])
    assert.deepEqual(seed.torrent.priorities, [4, 4, 4])
    await world.system.complete(seed.torrent.setPriorities([7, 4, 0]))
    assert.deepEqual(seed.torrent.priorities, [7, 4, 0])
    await world.close()
  })

  test('says in a summary what it says in a snapshot', async () => {
    const world = new World({ seed: 4 })
    const torrent = torrentOf(world, 1_000_000)
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 100_000 } })
    const leecher = await world.join('leecher', torrent)
    await world.run(3_000)
    const { havePieces, peers, trackers, ...rest } = leecher.torrent.snapshot()
    assert.deepEqual(leecher.torrent.summary(), rest)
    assert.equal(rest.peerCount, peers.length)
    assert.ok(rest.downloadRate > 0)
    assert.ok(havePieces !== undefined && trackers.length === 1)
    await world.close()
  })

  test('takes other trackers, and tells both', async () => {
    const world = new World({ seed: 9 })
    const torrent = torrentOf(world, 100_000)
    const seed = await world.join('seed', torrent, { isSeed: true, add: { trackerTiers: [] } })
    await world.run(1_000)
    assert.deepEqual(world.tracker.announces, [])
    seed.torrent.setTrackers([[world.tracker.announceUrl]])
    await world.run(1_000)
    assert.deepEqual(world.tracker.announces, ['started 10.0.0.2:6881'])
    for (const tiers of [[['ftp://tracker/announce']], [Array.from({ length: 101 }, (_, at) => `http://t${at}/announce`)]]) {
      assert.throws(() => seed.torrent.setTrackers(tiers), hasCode('OPTION_INVALID'))
    }
    assert.deepEqual(seed.torrent.trackers, [[world.tracker.announceUrl]])
    seed.torrent.setTrackers([])
    await world.run(1_000)
    assert.deepEqual(world.tracker.announces, ['started 10.0.0.2:6881', 'stopped 10.0.0.2:6881'])
    await world.close()
  })

  test('counts how many copies others hold, also of those who left with all of it', async () => {
    const world = new World({ seed: 5 })
    const torrent = torrentOf(world, 1_000_000)
    const seed = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 200_000 } })
    assert.equal(seed.torrent.copiesElsewhere, 0)
    // Between them they have everything before one of them has.
    await world.join('first', torrent, { add: { files: [0] } })
    await world.join('second', torrent)
    await world.run(500)
    assert.equal(seed.torrent.copiesElsewhere, 0)
    await world.until('they have all', () => world.peers.every((peer) => peer.isDone))
    await world.run(1_000)
    assert.equal(seed.torrent.copiesElsewhere, 2)
    await world.close()
  })
})

describe('a session that runs', () => {
  test('lets neighbours go past its limits when it is told to', async () => {
    const world = new World({ seed: 6 })
    const torrent = torrentOf(world, 1_000_000)
    const seed = await world.join('seed', torrent, { isSeed: true, session: { uploadRateBytesPerSecond: 20_000 } })
    const leecher = await world.join('leecher', torrent, { session: { downloadRateBytesPerSecond: 20_000 } })
    await world.run(10_000)
    assert.ok(seed.torrent.snapshot().uploaded < 300_000)
    seed.session!.setLanIsUnlimited(true)
    await world.run(5_000)
    assert.ok(leecher.torrent.snapshot().haveBytes < 500_000, 'the other side has a limit, too')
    leecher.session!.setLanIsUnlimited(true)
    await world.until('all is there', () => leecher.isDone, 3_000)
    await world.close()
  })

  test('waits with its answers for an experiment, and leaves no timer behind', async () => {
    const world = new World({ seed: 7 })
    const torrent = torrentOf(world, 1_000_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    seed.session!.setAnswerDelay(1_000)
    const leecher = await world.join('leecher', torrent)
    await world.run(3_500)
    const { uploaded } = seed.torrent.snapshot()
    assert.ok(uploaded > 0 && uploaded <= 4 * 16 * 16_384, `${uploaded} bytes`)
    seed.session!.setAnswerDelay(0)
    await world.until('all is there', () => leecher.isDone, 10_000)
    assert.throws(() => seed.session!.setAnswerDelay(-1), hasCode('OPTION_INVALID'))
    await world.close()
  })

  test('takes in nobody beyond its number of connections', async () => {
    const world = new World({ seed: 8 })
    const torrent = torrentOf(world, 1_000_000)
    const seed = await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 50_000 } })
    seed.session!.setMaxConnections(2)
    for (let at = 0; at < 4; at++) await world.join(`peer ${at}`, torrent, { session: { uploadRateBytesPerSecond: 0 } })
    await world.run(3_000)
    assert.ok(seed.torrent.snapshot().peers.filter(({ isIncoming }) => isIncoming).length <= 2)
    assert.throws(() => seed.session!.setMaxConnections(0), hasCode('OPTION_INVALID'))
    await world.close()
  })
})
