import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Random } from '../src/sim/random.ts'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024
const PIECE = 64 * 1024

describe('a download whose process is killed again and again', () => {
  test('fetches and hashes no verified piece twice, and loses at most a piece a connection', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(`kill ${seed}`)
      const world = new World({ seed, link: { latencyMs: 10 } })
      const torrent = new SwarmTorrent({ seed: String(seed), lengths: [2 * MIB, 0, MIB + 1], pieceLength: PIECE, trackers: world.trackers })
      const host = { upBytesPerSecond: MIB }
      await world.join('one', torrent, { isSeed: true, host })
      await world.join('two', torrent, { isSeed: true, host })
      const leecher = await world.join('leecher', torrent, { disk: { latencyMs: random.below(20) } })
      let fetched = 0
      let wasted = 0
      let told = new Set<string>()
      const kills = 1 + random.below(4)
      for (let kill = 0; kill < kills && !leecher.isDone; kill++) {
        await world.run(200 + random.below(900))
        const snapshot = leecher.torrent.snapshot()
        fetched += snapshot.downloaded
        wasted += snapshot.wasted
        told = new Set(leecher.toldOf('piece').map(({ text }) => text))
        leecher.crash('process')
        await world.run(random.below(1_000))
        await world.system.complete(leecher.open())
        leecher.add(torrent)
        await world.until('it has looked at its files', () => leecher.torrent.snapshot().havePieces !== undefined)
        const { havePieces } = leecher.torrent.snapshot()
        for (const piece of told) assert.ok(havePieces!.has(Number(piece)), `seed ${seed}: piece ${piece} was told and is lost`)
        assert.deepEqual(
          leecher.toldOf('note').filter(({ text }) => text.startsWith('Pieces to check')),
          [],
          `seed ${seed}: hashes again`,
        )
      }
      await world.until('the leecher is complete', () => leecher.isDone)
      assert.deepEqual(torrent.differences(leecher.disk, DIR), [], `seed ${seed}`)
      const pieces = leecher.toldOf('piece').map(({ text }) => text)
      assert.equal(new Set(pieces).size, pieces.length, `seed ${seed}: a piece came twice`)
      // Two connections; the totals that were lost with the last second are in the fetched ones already.
      assert.ok(fetched - wasted <= torrent.content.length + kills * 2 * 4 * PIECE, `seed ${seed}`)
      await world.close()
    }
  })
})

describe('a download on a machine that loses power', () => {
  test('checks what was not synced, believes nothing that is wrong, and completes', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(`power ${seed}`)
      const world = new World({ seed, link: { latencyMs: 10 } })
      const torrent = new SwarmTorrent({ seed: String(seed), lengths: [8 * MIB, 3], pieceLength: PIECE, trackers: world.trackers })
      await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 256 * 1024 } })
      const leecher = await world.join('leecher', torrent, { disk: { tracksPowerLoss: true, latencyMs: 2 } })
      await world.run(5_000 + random.below(20_000))
      // What was told before the last sync point (every ten seconds) is safe.
      const syncedAt = Math.floor(world.system.now() / 10_000) * 10_000 - 500
      const safe = leecher.toldOf('piece').filter(({ atMs }) => atMs < syncedAt)
      leecher.crash('power')
      await world.run(3_000)
      await world.system.complete(leecher.open())
      leecher.add(torrent)
      await world.until('it has looked at its files', () => leecher.torrent.snapshot().havePieces !== undefined)
      const { havePieces } = leecher.torrent.snapshot()
      for (const { text } of safe) assert.ok(havePieces!.has(Number(text)), `seed ${seed}: piece ${text} was synced and is lost`)
      const onDisk = leecher.disk.fileBytes(torrent.pathOf(DIR, 0)) ?? new Uint8Array(0)
      havePieces!.forEachSet((piece) => {
        const right = torrent.pieceBytes(piece).subarray(0, Math.max(0, 8 * MIB - piece * PIECE))
        assert.equal(
          Buffer.compare(onDisk.subarray(piece * PIECE, piece * PIECE + right.length), right),
          0,
          `seed ${seed}: piece ${piece} is wrong`,
        )
      })
      await world.until('the leecher is complete', () => leecher.isDone)
      assert.deepEqual(torrent.differences(leecher.disk, DIR), [], `seed ${seed}`)
      await world.close()
    }
  })
})

describe('a seed on a machine that loses power', () => {
  test('believes nothing that is wrong of what somebody else wrote and did not sync', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = new World({ seed })
      const torrent = new SwarmTorrent({ seed: String(seed), lengths: [MIB], pieceLength: PIECE, trackers: world.trackers })
      const victim = await world.join('victim', torrent, { isSeed: true, disk: { tracksPowerLoss: true } })
      await world.run(11_000)
      const path = torrent.pathOf(DIR, 0)
      const right = victim.disk.fileBytes(path)!
      victim.disk.editFile(path, { bytes: new Uint8Array(right.length) })
      const file = await world.system.complete(victim.disk.openFile(DIR, path.slice(DIR.length + 1).split('/'), 'write'))
      await world.system.complete(file.write(right, 0))
      await world.system.complete(file.close())
      // The change is seen, every piece is proven, and there is a sync point after it.
      await world.run(30_000)
      assert.ok(victim.isDone, `seed ${seed}`)
      victim.crash('power')
      await world.run(3_000)
      await world.system.complete(victim.open())
      victim.add(torrent)
      await world.until('it has looked at its files', () => victim.torrent.snapshot().havePieces !== undefined)
      const { havePieces } = victim.torrent.snapshot()
      assert.equal(havePieces!.count, torrent.info.pieceCount, `seed ${seed}`)
      assert.deepEqual(torrent.differences(victim.disk, DIR), [], `seed ${seed}`)
      await world.close()
    }
  })
})
