import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { equalBytes } from '@shoal/protocol/bytes'
import { SimDisk } from '../src/sim/disk.ts'
import { Random } from '../src/sim/random.ts'
import { SimSystem } from '../src/sim/system.ts'
import { makeTorrent, pieceOf, pieceOnDisk, ROOT, STATE, StorageRun, type TestTorrent } from './storage-run.ts'

// A torrent whose storage is killed again and again, at any moment, by the end of the process or of the power. After
// each crash the next run must not believe a wrong piece (R1), must not have lost what it told others after a mere crash
// of the process (R3), must not fetch again what a power cut left whole (R4), and must need nobody's help (R8).

const PIECE = 32 * 1024

interface Story {
  readonly seed: string
  readonly torrent: TestTorrent
  readonly wanted: readonly boolean[]
}

function storyOf(seed: string): Story {
  const random = new Random(seed)
  const lengths = [
    [200_000],
    [50_000, 0, 10_000, -5_536, 70_000, 1],
    [40_000, 40_000, 40_000, 40_000],
    Array.from({ length: 60 }, (_, at) => 2_000 + at),
  ][random.below(4)]!
  const torrent = makeTorrent({ pieceLength: PIECE, lengths, seed })
  const wanted = lengths.map(() => random.chance(0.8))
  return { seed, torrent, wanted: wanted.includes(true) ? wanted : wanted.map(() => true) }
}

/** Downloads pieces in a random order until it is killed; with sync points now and then, as a timer would. */
async function download(run: StorageRun, random: Random, synced: Set<number>): Promise<void> {
  const { torrent } = run
  const order = Array.from({ length: torrent.pieceCount }, (_, at) => at).filter((piece) => !run.have.has(piece))
  for (let at = order.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  for (const pieceIndex of order) {
    const isLie = random.chance(0.1)
    run.deliver(pieceIndex, isLie ? pieceOf(torrent, pieceIndex).map((byte) => byte ^ 1) : undefined)
    if (random.chance(0.6)) await run.committer.settle()
    if (random.chance(0.2)) {
      const before = run.have.clone()
      await run.syncPoint()
      before.forEachSet((piece) => synced.add(piece))
    }
  }
  await run.committer.settle()
  if (random.chance(0.3)) await run.stop()
}

/** Every piece that is said to be there is there: read as a peer would get it. */
async function checkBelieved(run: StorageRun, system: SimSystem, where: string): Promise<void> {
  for (let pieceIndex = 0; pieceIndex < run.torrent.pieceCount; pieceIndex++) {
    if (!run.have.has(pieceIndex)) continue
    const bytes = new Uint8Array(run.torrent.geometry.pieceSize(pieceIndex))
    assert.equal(
      await system.complete(run.storage.readBlocks(pieceIndex, 0, [bytes])),
      true,
      `${where}: piece ${pieceIndex} cannot be read`,
    )
    assert.deepEqual(bytes, Uint8Array.from(pieceOf(run.torrent, pieceIndex)), `${where}: piece ${pieceIndex} is wrong`)
  }
}

/** One torrent through several lives; returns how many crashes it has survived. */
async function live(seed: string, kinds: readonly ('process' | 'power')[]): Promise<{ crashes: number; rechecked: number; told: number }> {
  const { torrent, wanted } = storyOf(seed)
  const system = new SimSystem({ seed })
  const random = system.random.fork('story')
  const hashWhileReceiving = Number(seed.split(' ').at(-1)) % 2 === 1
  let disk = new SimDisk(system, { tracksPowerLoss: true, latencyMs: 1 })
  disk.putFolder(ROOT)
  disk.putFolder(STATE)
  let crashes = 0
  let rechecked = 0
  /** Told to others by earlier lives, and with a whole sync point after it. */
  const told = new Set<number>()
  const synced = new Set<number>()
  let hasLostPower = false
  for (let life = 0; life < 5; life++) {
    const run = new StorageRun({ system, disk, torrent, wanted, hashWhileReceiving })
    const where = `seed ${seed}, life ${life}`
    await system.complete(run.start())
    await checkBelieved(run, system, where)
    for (const pieceIndex of hasLostPower ? synced : told) {
      assert.ok(run.have.has(pieceIndex), `${where}: piece ${pieceIndex} is lost`)
      assert.ok(!run.trust!.toCheck.has(pieceIndex), `${where}: piece ${pieceIndex} is hashed again`)
    }
    for (const pieceIndex of told) {
      // What a power cut left whole is found, not fetched again. (Unwanted bytes are elsewhere.)
      const isWhole = wanted.every(Boolean) && equalBytes(pieceOnDisk(disk, torrent, pieceIndex), pieceOf(torrent, pieceIndex))
      if (isWhole) assert.ok(run.have.has(pieceIndex), `${where}: piece ${pieceIndex} is whole and was not found`)
      if (!run.have.has(pieceIndex)) told.delete(pieceIndex)
    }
    rechecked += run.recheckedCount
    const kind = kinds[random.below(kinds.length)]!
    let failure: unknown
    download(run, random, synced).catch((error: unknown) => {
      failure = error
    })
    await system.run(random.below(120))
    assert.equal(failure, undefined, where)
    assert.deepEqual(run.failures, [], where)
    for (const pieceIndex of run.announced) told.add(pieceIndex)
    disk = disk.crash(kind, random.fork(`crash ${life}`))
    crashes++
    hasLostPower = kind === 'power'
    if (hasLostPower) system.reboot()
    await system.run(random.below(100_000))
  }
  const last = new StorageRun({ system, disk, torrent, wanted, hashWhileReceiving })
  await system.complete(last.start())
  await checkBelieved(last, system, `seed ${seed}, at the end`)
  for (const pieceIndex of hasLostPower ? synced : told)
    assert.ok(last.have.has(pieceIndex), `seed ${seed}: piece ${pieceIndex} is lost at the end`)
  await system.complete(last.deliverAll(Array.from({ length: torrent.pieceCount }, (_, at) => at).filter((at) => !last.have.has(at))))
  assert.deepEqual(last.failures, [], `seed ${seed}`)
  await checkBelieved(last, system, `seed ${seed}, whole`)
  await system.complete(last.stop())
  return { crashes, rechecked, told: told.size }
}

describe('storage through crashes', () => {
  test('believes nothing that is wrong and loses nothing that was told, 250 deaths of the process', async () => {
    let crashes = 0
    let rechecked = 0
    let told = 0
    for (let seed = 0; seed < 50; seed++) {
      const life = await live(`process ${seed}`, ['process'])
      crashes += life.crashes
      rechecked += life.rechecked
      told += life.told
    }
    assert.equal(crashes, 250)
    assert.ok(told >= 150, `the lives were too short to tell: ${told} pieces`)
    // A piece that was being written twice over at the end may be looked at; one that was told to others never is.
    assert.ok(rechecked <= 5, `${rechecked} pieces were hashed again`)
  })

  test('believes nothing that is wrong, 500 power cuts and a few deaths between', async () => {
    let crashes = 0
    for (let seed = 0; seed < 100; seed++) crashes += (await live(`power ${seed}`, ['power', 'power', 'power', 'process'])).crashes
    assert.equal(crashes, 500)
  })

  test('keeps through a power cut what one life wrote, the next one found there, told and synced', async () => {
    for (let seed = 0; seed < 16; seed++) {
      // Both files lie in one piece, so neither can be proven to be ours but by comparing.
      const torrent = makeTorrent({ pieceLength: PIECE, lengths: [20_000, PIECE - 20_000] })
      const system = new SimSystem({ seed })
      let disk = new SimDisk(system, { tracksPowerLoss: true })
      const written = new StorageRun({ system, disk, torrent })
      await system.complete(written.start())
      // Dies between the bytes and the record that tells of them.
      disk.fail({ code: 'DISK_FAILED', operation: 'append', nth: 2 })
      await system.complete(written.deliverAll([0]))
      assert.deepEqual(written.verified, [])
      disk = disk.crash('process')
      const found = new StorageRun({ system, disk, torrent })
      await system.complete(found.start())
      await system.complete(found.deliverAll([0]))
      assert.deepEqual(found.verified, [0])
      await system.complete(found.syncPoint())
      disk = disk.crash('power', new Random(seed))
      system.reboot()
      const last = new StorageRun({ system, disk, torrent })
      await system.complete(last.start())
      await checkBelieved(last, system, `seed ${seed}`)
      assert.ok(last.have.isComplete, `seed ${seed}`)
      assert.equal(last.recheckedCount, 0)
    }
  })

  for (const kind of ['process', 'power'] as const)
    test(`goes on with a file whose first piece was half written (${kind})`, async () => {
      for (let seed = 0; seed < 16; seed++) {
        const torrent = makeTorrent({ pieceLength: PIECE, lengths: [200_000] })
        const system = new SimSystem({ seed })
        let disk = new SimDisk(system, { tracksPowerLoss: true })
        const one = new StorageRun({ system, disk, torrent })
        await system.complete(one.start())
        disk.fail({ code: 'DISK_FAILED', operation: 'write', isTorn: true })
        await system.complete(one.deliverAll([2]))
        assert.deepEqual(one.verified, [])
        disk = disk.crash(kind, new Random(seed))
        if (kind === 'power') system.reboot()
        const two = new StorageRun({ system, disk, torrent })
        await system.complete(two.start())
        await system.complete(two.deliverAll([0, 1, 2, 3, 4, 5, 6]))
        assert.ok(two.have.isComplete, `seed ${seed}: ${two.failures.map(String).join('; ')}`)
        await checkBelieved(two, system, `seed ${seed}`)
      }
    })
})

describe('unwanted files that become wanted', () => {
  const lengths = [50_000, 30_000, 60_000, 40_000]
  const wanted = [true, false, false, true]
  const pieces = [0, 1, 4, 5]

  /** A run that has these pieces, safe from power cuts, some of their bytes in the parts file. */
  const begun = async (seed: number) => {
    const system = new SimSystem({ seed })
    const disk = new SimDisk(system, { tracksPowerLoss: true })
    const torrent = makeTorrent({ pieceLength: PIECE, lengths })
    const run = new StorageRun({ system, disk, torrent, wanted })
    await system.complete(run.start())
    await system.complete(run.deliverAll(pieces))
    await system.complete(run.syncPoint())
    return { system, torrent, disk, run }
  }
  const checkAfterPowerCut = async (seed: number, world: { system: SimSystem; torrent: TestTorrent; disk: SimDisk }) => {
    const { system, torrent } = world
    const disk = world.disk.crash('power', new Random(seed))
    system.reboot()
    const run = new StorageRun({ system, disk, torrent })
    await system.complete(run.start())
    await checkBelieved(run, system, `seed ${seed}`)
    for (const pieceIndex of pieces) assert.ok(run.have.has(pieceIndex), `seed ${seed}: piece ${pieceIndex} is lost`)
  }

  test('lose nothing in a power cut after they were brought out', async () => {
    for (let seed = 0; seed < 16; seed++) {
      const world = await begun(seed)
      await world.system.complete(world.run.storage.setWanted([true, true, true, true]))
      await world.system.complete(world.run.journal.save({ stamps: world.run.storage.stamps() }))
      await checkAfterPowerCut(seed, world)
    }
  })

  test('lose nothing in a power cut after they were brought out at the start', async () => {
    for (let seed = 0; seed < 16; seed++) {
      const world = await begun(seed)
      await world.system.complete(world.run.stop())
      const run = new StorageRun({ ...world })
      await world.system.complete(run.start())
      await world.system.complete(run.journal.onPieceWriting(2))
      await checkAfterPowerCut(seed, world)
    }
  })
})

describe('storage on a failing disk', () => {
  for (const hashWhileReceiving of [false, true])
    test(`survives the failure of every call of a download, one at a time (${hashWhileReceiving ? 'hashed while received' : 'hashed by threads'})`, async () => {
      const torrent = makeTorrent({ pieceLength: PIECE, lengths: [50_000, 0, 10_000, -5_536, 70_000, 60_000] })
      const wanted = [true, true, false, true, true, true]
      const everyPiece = Array.from({ length: torrent.pieceCount }, (_, at) => at)
      const codes = ['DISK_FULL', 'DISK_FAILED', 'NOT_WRITABLE'] as const
      let failed = 0
      for (let step = 0, ends = 0; ends < codes.length; step++) {
        const nth = 1 + Math.floor(step / codes.length)
        const code = codes[step % codes.length]!
        const seed = `call ${nth}, ${code}`
        const system = new SimSystem({ seed })
        const disk = new SimDisk(system)
        disk.fail({ code, nth, isTorn: nth % 2 === 0 })
        const attempt = async (): Promise<StorageRun> => {
          const run = new StorageRun({ system, disk, torrent, wanted, hashWhileReceiving })
          await run.start()
          await run.deliverAll(everyPiece.filter((pieceIndex) => !run.have.has(pieceIndex)))
          run.committer.retry()
          await run.committer.settle()
          await run.syncPoint()
          await run.stop()
          return run
        }
        const before = disk.callCount
        const isUntouched = await system.complete(attempt()).then(
          () => disk.callCount - before < nth,
          () => false,
        )
        if (isUntouched) {
          ends++
          continue
        }
        failed++
        disk.failNoMore()
        await system.run(10_000)
        const again = await system.complete(attempt())
        await system.run(10_000)
        const last = new StorageRun({ system, disk, torrent, wanted, hashWhileReceiving })
        await system.complete(last.start())
        assert.ok(last.have.isComplete, `${seed}: ${again.failures.map(String).join('; ')}`)
        await checkBelieved(last, system, seed)
        await system.complete(last.stop())
      }
      assert.ok(failed >= 200, `only ${failed} calls failed`)
    })

  test('keeps every piece in memory while the disk is full, and writes them when there is room', async () => {
    const torrent = makeTorrent({ pieceLength: PIECE, lengths: [200_000] })
    const system = new SimSystem({ seed: 'full' })
    const disk = new SimDisk(system)
    const run = new StorageRun({ system, disk, torrent })
    await system.complete(run.start())
    disk.capacityBytes = 3 * PIECE
    await system.complete(run.deliverAll([0, 1, 2, 3, 4, 5, 6]))
    assert.ok(run.failures.length > 0)
    assert.ok(run.failures.every((error) => error.code === 'DISK_FULL'))
    assert.equal(run.committer.failedCount, 7 - run.have.count)
    await checkBelieved(run, system, 'full')
    disk.capacityBytes = 1_000_000
    run.committer.retry()
    await system.complete(run.committer.settle())
    assert.ok(run.have.isComplete)
    await checkBelieved(run, system, 'room')
    await system.complete(run.stop())
  })
})
