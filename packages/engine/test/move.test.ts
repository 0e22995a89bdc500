import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../src/base/errors.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const NEW = '/archive'

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code
}

function torrentOf(world: World, ...lengths: number[]): SwarmTorrent {
  return new SwarmTorrent({ seed: 'move', lengths, pieceLength: 16_384, trackers: world.trackers })
}

for (const place of ['the same file system', 'another file system']) {
  const separateRoots = place === 'another file system' ? [NEW] : []

  describe(`a torrent that is moved to ${place}`, () => {
    test('goes on seeding from there without a check, and leaves nothing behind', async () => {
      const world = new World({ seed: 1 })
      const torrent = torrentOf(world, 500_000, 0, 300_000)
      const seed = await world.join('seed', torrent, { isSeed: true })
      seed.disk.separateRoots = separateRoots
      seed.disk.putFile(`${DIR}/of-somebody-else`, new Uint8Array(5))
      await world.until('it seeds', () => seed.isDone)
      const before = seed.told.length
      let known = ''
      await world.system.complete(
        seed.torrent.move(NEW, () => {
          known = seed.torrent.dir
          assert.deepEqual(torrent.differences(seed.disk, NEW), [])
          assert.deepEqual(torrent.differences(seed.disk, DIR), [])
        }),
      )
      assert.equal(known, NEW)
      await world.until('it seeds again', () => seed.isDone)
      assert.deepEqual(torrent.differences(seed.disk, NEW), [])
      assert.deepEqual(
        seed.disk.filePaths().filter((path) => path.startsWith(`${DIR}/`)),
        [`${DIR}/of-somebody-else`],
      )
      const notes = seed.told.slice(before).filter(({ name }) => name === 'note' || name === 'warning')
      assert.deepEqual(notes, [], 'nothing had to be checked')
      const leecher = await world.join('leecher', torrent)
      await world.until('the leecher has it', () => leecher.isDone)
      await world.close()
    })

    test('goes on fetching there', async () => {
      const world = new World({ seed: 2 })
      const torrent = torrentOf(world, 1_500_000, 700_000)
      await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 200_000 } })
      const leecher = await world.join('leecher', torrent, { add: { files: [0] } })
      leecher.disk.separateRoots = separateRoots
      await world.until('half is there', () => leecher.torrent.summary().haveBytes > 700_000)
      const { haveBytes, downloaded } = leecher.torrent.summary()
      await world.system.complete(leecher.torrent.move(NEW))
      await world.until('it fetches again', () => leecher.torrent.state.status === 'downloading')
      const after = leecher.torrent.summary()
      assert.ok(after.haveBytes >= haveBytes && after.downloaded >= downloaded)
      await world.until('it is complete', () => leecher.isDone)
      await world.system.complete(leecher.torrent.setPriorities([4, 4]))
      await world.until('the other file, too', () => leecher.torrent.state.status === 'seeding')
      assert.deepEqual(torrent.differences(leecher.disk, NEW), [])
      assert.deepEqual(
        leecher.disk.filePaths().filter((path) => path.startsWith(DIR)),
        [],
      )
      await world.close()
    })

    test('stays stopped when it was, also when nothing was opened since the start', async () => {
      const world = new World({ seed: 3 })
      const torrent = torrentOf(world, 500_000)
      const seed = await world.join('seed', torrent, { isSeed: true })
      seed.disk.separateRoots = separateRoots
      await world.until('it seeds', () => seed.isDone)
      await world.system.complete(seed.stop())
      await world.system.complete(seed.open())
      seed.add(torrent, { isStopped: true })
      assert.equal(seed.torrent.state.status, 'stopped')
      const states: string[] = []
      seed.torrent.on('state', ({ status }) => states.push(status))
      await world.system.complete(seed.torrent.move(NEW))
      assert.equal(states[0], 'moving')
      assert.equal(states.at(-1), 'stopped')
      assert.deepEqual(torrent.differences(seed.disk, NEW), [])
      seed.torrent.start()
      await world.until('it seeds', () => seed.isDone)
      await world.close()
    })

    test('stays where it was when something foreign is in the way, and says so', async () => {
      const world = new World({ seed: 4 })
      const torrent = torrentOf(world, 500_000, 20_000)
      const seed = await world.join('seed', torrent, { isSeed: true })
      seed.disk.separateRoots = separateRoots
      await world.until('it seeds', () => seed.isDone)
      const path = seed.disk
        .filePaths()
        .find((one) => one.startsWith(DIR))!
        .replace(DIR, NEW)
      seed.disk.putFile(path, new Uint8Array(10))
      await assert.rejects(world.system.complete(seed.torrent.move(NEW)), hasCode('FILE_FOREIGN'))
      assert.equal(seed.torrent.dir, DIR)
      await world.until('it seeds again', () => seed.isDone)
      assert.deepEqual(
        seed.disk.filePaths().filter((one) => one.startsWith(NEW)),
        [path],
      )
      await world.close()
    })

    test('stays where it was when its new place cannot be written down', async () => {
      const world = new World({ seed: 5 })
      const torrent = torrentOf(world, 100_000)
      const seed = await world.join('seed', torrent, { isSeed: true })
      seed.disk.separateRoots = separateRoots
      await world.until('it seeds', () => seed.isDone)
      const isLost = new EngineError('DISK_FAILED', 'no database')
      await assert.rejects(world.system.complete(seed.torrent.move(NEW, () => Promise.reject(isLost))), hasCode('DISK_FAILED'))
      assert.equal(seed.torrent.dir, DIR)
      await world.until('it seeds again', () => seed.isDone)
      assert.deepEqual(
        seed.disk.filePaths().filter((one) => one.startsWith(NEW)),
        [],
      )
      await world.close()
    })

    test('is stopped in the middle: it is where it was, and can be started at once', async () => {
      const world = new World({ seed: 6 })
      const torrent = torrentOf(world, 100_000, 100_000, 100_000)
      const seed = await world.join('seed', torrent, { isSeed: true, disk: { latencyMs: 2 } })
      seed.disk.separateRoots = separateRoots
      await world.until('it seeds', () => seed.isDone)
      const moved = assert.rejects(seed.torrent.move(NEW), hasCode('CLOSED'))
      await world.until('it moves', () => {
        const { state } = seed.torrent
        return state.status === 'moving' && state.movedBytes > 0
      })
      const stopped = seed.torrent.stop()
      seed.torrent.start()
      await world.system.complete(Promise.all([moved, stopped]))
      await world.until('it seeds', () => seed.isDone)
      assert.deepEqual(torrent.differences(seed.disk, DIR), [])
      assert.deepEqual(
        seed.disk.filePaths().filter((one) => one.startsWith(NEW)),
        [],
      )
      await world.close()
    })
  })
}

describe('a torrent', () => {
  test('that is moved to where it is stays there', async () => {
    const world = new World({ seed: 7 })
    const torrent = torrentOf(world, 100_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    await world.until('it seeds', () => seed.isDone)
    seed.disk.putLink('/alias', DIR)
    for (const dir of [DIR, '/alias', `${DIR}/`]) await world.system.complete(seed.torrent.move(dir))
    await world.until('it seeds', () => seed.isDone)
    assert.deepEqual(torrent.differences(seed.disk, DIR), [])
    await world.close()
  })

  test('can be moved while its metadata is fetched', async () => {
    const world = new World({ seed: 8 })
    const torrent = torrentOf(world, 100_000)
    const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet } })
    await world.run(1_000)
    await world.system.complete(leecher.torrent.move(NEW))
    assert.equal(leecher.torrent.state.status, 'fetching-metadata')
    await world.join('seed', torrent, { isSeed: true })
    await world.until('it is complete', () => leecher.isDone, 240_000)
    assert.deepEqual(torrent.differences(leecher.disk, NEW), [])
    await world.close()
  })

  test('may be stopped and started without waiting', async () => {
    const world = new World({ seed: 9 })
    const torrent = torrentOf(world, 100_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    await world.until('it seeds', () => seed.isDone)
    for (let at = 0; at < 5; at++) {
      void seed.torrent.stop()
      seed.torrent.start()
    }
    await world.until('it seeds', () => seed.isDone)
    const leecher = await world.join('leecher', torrent)
    await world.until('the leecher has it', () => leecher.isDone)
    await world.close()
  })

  test('is checked again when it is told to, and finds what was done to it and what was given to it', async () => {
    const world = new World({ seed: 10 })
    const torrent = torrentOf(world, 500_000)
    const peer = await world.join('peer', torrent, { isMissing: (pieceIndex) => pieceIndex === 5 })
    await world.until('it looks for the rest', () => peer.torrent.state.status === 'downloading')
    const path = peer.disk.filePaths().find((one) => one.startsWith(DIR))!
    // A bit that flips by itself shows in no stamp.
    peer.disk.flip(path, 3 * 16_384 + 7)
    peer.disk.editFile(path, { offset: 5 * 16_384, bytes: torrent.content.subarray(5 * 16_384, 6 * 16_384) })
    await world.system.complete(peer.torrent.recheck())
    await world.until('it is checked', () => peer.torrent.state.status === 'downloading')
    const { havePieces } = peer.torrent.snapshot()
    assert.equal(havePieces?.has(3), false)
    assert.equal(havePieces?.has(5), true)
    await world.close()
  })

  test('that is stopped is checked and stays stopped', async () => {
    const world = new World({ seed: 11 })
    const torrent = torrentOf(world, 500_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    await world.until('it seeds', () => seed.isDone)
    await world.system.complete(seed.torrent.stop())
    const path = seed.disk.filePaths().find((one) => one.startsWith(DIR))!
    seed.disk.flip(path, 7)
    const states: string[] = []
    seed.torrent.on('state', ({ status }) => states.push(status))
    await world.system.complete(seed.torrent.recheck())
    assert.equal(states[0], 'checking')
    assert.equal(seed.torrent.state.status, 'stopped')
    seed.torrent.start()
    await world.until('it misses what is wrong', () => seed.torrent.state.status === 'downloading')
    await world.close()
  })

  test('gives its files away to where they can be taken back, and no others', async () => {
    const world = new World({ seed: 12 })
    const torrent = torrentOf(world, 500_000, 0, 100_000)
    const seed = await world.join('seed', torrent, { isSeed: true })
    await world.until('it seeds', () => seed.isDone)
    seed.disk.putFile(`${DIR}/of-somebody-else`, new Uint8Array(5))
    await world.system.complete(seed.torrent.discardData('/recycle/1'))
    assert.equal(seed.torrent.state.status, 'stopped')
    assert.deepEqual(torrent.differences(seed.disk, '/recycle/1'), [])
    assert.deepEqual(
      seed.disk.filePaths().filter((path) => !path.startsWith('/recycle/1/')),
      [`${DIR}/of-somebody-else`],
    )
    await world.close()
  })

  test('gives nothing away that is not its own', async () => {
    const world = new World({ seed: 13 })
    const torrent = torrentOf(world, 500_000)
    const path = `${DIR}/${torrent.info.files[0]!.path.join('/')}`
    const peer = world.peer('peer')
    peer.disk.putFile(path, new Uint8Array(500_000).fill(9))
    await world.system.complete(peer.open())
    peer.add(torrent)
    await world.until('it has failed', () => peer.torrent.state.status === 'failed')
    await world.system.complete(peer.torrent.discardData('/recycle/1'))
    assert.deepEqual(
      peer.disk.filePaths().filter((one) => !one.startsWith('/state')),
      [path],
    )
    await world.close()
  })
})
