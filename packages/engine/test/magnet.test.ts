import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes } from '@shoal/protocol/bytes'
import { MESSAGE_ID } from '@shoal/protocol/wire/message'
import { SwarmTorrent } from './swarm-torrent.ts'
import { type Tamper, TamperingNetwork } from './tampering-network.ts'
import { DIR, World } from './world.ts'

/** Small pieces of a large content: the info dictionary has several pieces of its own. */
function largeInfo(seed: number, world: World): SwarmTorrent {
  return new SwarmTorrent({ seed: String(seed), lengths: [600_000, 250_001], pieceLength: 512, trackers: world.trackers })
}

/** Changes the last byte of every piece of metadata that is sent. */
const wrongMetadata: Tamper = (message) => {
  if (message[4] === MESSAGE_ID.extended && message[5] !== 0 && message.length > 1000) message[message.length - 1]! ^= 0xff
}

describe('a magnet link', () => {
  test('fetches the metadata from peers, and then the content', async () => {
    const world = new World({ seed: 1 })
    const torrent = largeInfo(1, world)
    await world.join('seed', torrent, { isSeed: true })
    const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet } })
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    assert.equal(leecher.toldOf('metadata').length, 1)
    await world.close()
  })

  test('finds out which of its peers lies about the metadata', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const world = new World({ seed, link: { latencyMs: 30, jitterMs: 20 } })
      const torrent = largeInfo(seed, world)
      await world.join('one', torrent, { isSeed: true })
      await world.join('two', torrent, { isSeed: true })
      const liar = await world.join('liar', torrent, { isSeed: true, network: (host) => new TamperingNetwork(host, wrongMetadata) })
      const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet } })
      await world.until('the leecher is complete', () => leecher.isDone)
      assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
      const sentAway = leecher.toldOf('peer-disconnected').filter(({ text }) => text.includes(' PEER_BANNED '))
      const addresses = new Set(sentAway.map(({ text }) => text.split(':')[0]))
      assert.ok(
        [...addresses].every((address) => address === liar.address),
        `seed ${seed}: ${[...addresses].join()}`,
      )
      await world.close()
    }
  })

  test('passes the metadata on to the next one who has only the link', async () => {
    const world = new World({ seed: 3 })
    const torrent = largeInfo(3, world)
    const seeder = await world.join('seed', torrent, { isSeed: true })
    const first = await world.join('first', torrent, { add: { magnet: torrent.magnet } })
    await world.until('the first knows what it is', () => first.torrent.info !== undefined)
    // From now on the newcomer and the seeder cannot reach each other.
    const second = world.peer('second')
    world.network.partition([seeder.address], [second.address])
    await world.system.complete(second.open())
    second.add(torrent, { magnet: torrent.magnet })
    await world.until('both are complete', () => first.isDone && second.isDone)
    for (const peer of [first, second]) assert.deepEqual(torrent.differences(peer.disk, DIR), [])
    world.network.heal()
    await world.close()
  })

  test('goes on where it was killed, without asking for the metadata again', async () => {
    const world = new World({ seed: 4 })
    const torrent = new SwarmTorrent({ seed: '4', lengths: [4_000_000], pieceLength: 65_536, trackers: world.trackers })
    await world.join('seed', torrent, { isSeed: true, host: { upBytesPerSecond: 500_000 } })
    const leecher = await world.join('leecher', torrent, { add: { magnet: torrent.magnet } })
    await world.until('ten pieces are here', () => leecher.toldOf('piece').length >= 10)
    leecher.crash('process')
    await world.system.complete(leecher.open())
    leecher.add(torrent, { magnet: torrent.magnet })
    await world.until('the leecher is complete', () => leecher.isDone)
    assert.deepEqual(torrent.differences(leecher.disk, DIR), [])
    const pieces = leecher.toldOf('piece').map(({ text }) => text)
    assert.equal(new Set(pieces).size, pieces.length, 'no piece came twice')
    await world.close()
  })
})

// Kept here so that nobody wonders: several pieces of metadata are what makes lies hard to find.
test('the metadata of these stories has several pieces', () => {
  const world = new World({ seed: 1 })
  assert.ok(concatBytes([largeInfo(1, world).info.raw]).length > 2 * 16_384)
})
