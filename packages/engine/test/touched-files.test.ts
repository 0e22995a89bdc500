import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World, type WorldPeer } from './world.ts'

const MIB = 1024 * 1024
const PIECE = 64 * 1024

function touchable(seed: number, world: World): SwarmTorrent {
  return new SwarmTorrent({ seed: String(seed), lengths: [MIB, MIB, 100_000], pieceLength: PIECE, trackers: world.trackers })
}

/** Nobody was ever given a piece with wrong bytes: a seed that sends one gets itself banned. */
function nobodyWasBanned(...peers: readonly WorldPeer[]): void {
  for (const peer of peers) assert.deepEqual(peer.toldOf('peer-banned'), [], peer.name)
}

describe('somebody else writes to the files of a seed', () => {
  test('while it sends: what is wrong is never sent, and fetched again from others', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = new World({ seed })
      const torrent = touchable(seed, world)
      const victim = await world.join('victim', torrent, { isSeed: true, host: { upBytesPerSecond: MIB / 2 } })
      const leecher = await world.join('leecher', torrent)
      await world.until('some has been sent', () => leecher.torrent.snapshot().haveBytes > 300_000)
      victim.disk.editFile(torrent.pathOf(DIR, 1), { offset: 500_000, bytes: new Uint8Array(200_000) })
      // The victim alone cannot complete the leecher any more.
      await world.run(20_000)
      assert.equal(leecher.isDone, false)
      const other = await world.join('other', torrent, { isSeed: true })
      await world.until('both are complete', () => leecher.isDone && victim.isDone)
      for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], `${peer.name}, seed ${seed}`)
      nobodyWasBanned(leecher, victim, other)
      assert.equal(leecher.torrent.snapshot().wasted, 0, `seed ${seed}`)
      await world.close()
    }
  })

  test('before anybody asks: the change is seen, and healed from others', async () => {
    const world = new World({ seed: 7 })
    const torrent = touchable(7, world)
    const victim = await world.join('victim', torrent, { isSeed: true })
    await world.run(10_000)
    victim.disk.editFile(torrent.pathOf(DIR, 0), { offset: 10, bytes: new Uint8Array(10) })
    await world.run(10_000)
    const leecher = await world.join('leecher', torrent)
    const other = await world.join('other', torrent, { isSeed: true })
    await world.until('both are complete', () => leecher.isDone && victim.isDone)
    for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    nobodyWasBanned(leecher, victim, other)
    await world.close()
  })

  test('a file that is cut short: the rest is never made up', async () => {
    const world = new World({ seed: 8 })
    const torrent = touchable(8, world)
    const victim = await world.join('victim', torrent, { isSeed: true, host: { upBytesPerSecond: MIB / 2 } })
    const leecher = await world.join('leecher', torrent)
    await world.until('some has been sent', () => leecher.torrent.snapshot().haveBytes > 300_000)
    victim.disk.editFile(torrent.pathOf(DIR, 1), { size: 10_000 })
    await world.run(10_000)
    const other = await world.join('other', torrent, { isSeed: true })
    await world.until('both are complete', () => leecher.isDone && victim.isDone)
    for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    nobodyWasBanned(leecher, victim, other)
    await world.close()
  })

  test('a file that is deleted: its pieces are missing again, and come back from others', async () => {
    for (let seed = 11; seed <= 13; seed++) {
      const world = new World({ seed })
      const torrent = touchable(seed, world)
      const victim = await world.join('victim', torrent, { isSeed: true, host: { upBytesPerSecond: MIB / 2 } })
      const leecher = await world.join('leecher', torrent)
      await world.until('some has been sent', () => leecher.torrent.snapshot().haveBytes > 300_000)
      victim.disk.deletePath(torrent.pathOf(DIR, 1))
      await world.run(15_000)
      const other = await world.join('other', torrent, { isSeed: true })
      await world.until('both are complete', () => leecher.isDone && victim.isDone)
      for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], `${peer.name}, seed ${seed}`)
      nobodyWasBanned(leecher, victim, other)
      await world.close()
    }
  })

  test('bytes that rot without a trace are found by whoever gets them, not blamed on others', async () => {
    const world = new World({ seed: 21 })
    const torrent = touchable(21, world)
    const victim = await world.join('victim', torrent, { isSeed: true, host: { upBytesPerSecond: MIB / 2 } })
    const leecher = await world.join('leecher', torrent)
    const other = await world.join('other', torrent, { isSeed: true, host: { upBytesPerSecond: MIB / 2 } })
    victim.disk.flip(torrent.pathOf(DIR, 0), 123_456)
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    nobodyWasBanned(victim, other)
    for (const { text } of leecher.toldOf('peer-banned')) assert.ok(text.startsWith(`${victim.address} `), text)
    await world.close()
  })
})

describe('a seed that was told to believe what is there', () => {
  test('proves each piece before it is sent, and fetches what is wrong', async () => {
    const world = new World({ seed: 31 })
    const torrent = touchable(31, world)
    const victim = world.peer('victim')
    torrent.putOn(victim.disk, DIR, (piece) => piece % 7 === 3)
    await world.system.complete(victim.open())
    victim.add(torrent, { skipCheck: true })
    const leecher = await world.join('leecher', torrent)
    await world.run(20_000)
    assert.equal(leecher.isDone, false)
    nobodyWasBanned(leecher)
    const other = await world.join('other', torrent, { isSeed: true })
    await world.until('both are complete', () => leecher.isDone && victim.isDone)
    for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
    nobodyWasBanned(leecher, victim, other)
    await world.close()
  })

  test('is checked by the next run that was not told so', async () => {
    const world = new World({ seed: 32 })
    const torrent = touchable(32, world)
    const seeder = await world.join('seed', torrent, { isSeed: true, add: { skipCheck: true } })
    await world.run(20_000)
    await world.system.complete(seeder.stop())
    await world.system.complete(seeder.open())
    seeder.add(torrent)
    await world.until('it knows that it has everything', () => seeder.torrent.state.status === 'seeding', 5_000)
    await world.close()
  })
})

describe('a file that was touched while nobody asked for it', () => {
  for (const end of ['in order', 'by a crash'] as const) {
    test(`is not believed by the next run when this one ends ${end}`, async () => {
      const world = new World({ seed: 41 })
      const torrent = touchable(41, world)
      const victim = await world.join('victim', torrent, { isSeed: true })
      await world.run(20_000)
      victim.disk.editFile(torrent.pathOf(DIR, 0), { offset: 70_000, bytes: new Uint8Array(10) })
      await world.run(end === 'in order' ? 20_000 : 5_010)
      if (end === 'in order') await world.system.complete(victim.stop())
      else victim.crash('process')
      await world.system.complete(victim.open())
      victim.add(torrent)
      const leecher = await world.join('leecher', torrent)
      await world.run(10_000)
      assert.equal(victim.isDone, false)
      nobodyWasBanned(leecher)
      const other = await world.join('other', torrent, { isSeed: true })
      await world.until('both are complete', () => leecher.isDone && victim.isDone)
      for (const peer of [leecher, victim]) assert.deepEqual(torrent.differences(peer.disk, DIR), [], peer.name)
      nobodyWasBanned(leecher, victim, other)
      await world.close()
    })
  }

  test('is proven again by and by, and then remembered', async () => {
    const world = new World({ seed: 42 })
    const torrent = touchable(42, world)
    const seeder = await world.join('seed', torrent, { isSeed: true })
    await world.run(20_000)
    // Another time, the same bytes.
    seeder.disk.editFile(torrent.pathOf(DIR, 0), { offset: 0, bytes: torrent.fileBytes(0).subarray(0, 10) })
    await world.run(20_000)
    await world.system.complete(seeder.stop())
    const checked = seeder.toldOf('note').length
    await world.system.complete(seeder.open())
    seeder.add(torrent)
    await world.until('it knows that it has everything', () => seeder.torrent.state.status === 'seeding', 5_000)
    assert.equal(seeder.toldOf('note').length, checked, 'nothing is hashed again')
    await world.close()
  })
})
