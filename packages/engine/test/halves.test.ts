import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SwarmTorrent } from './swarm-torrent.ts'
import { DIR, World } from './world.ts'

const MIB = 1024 * 1024

test('a third peer fetches from two that have half each, while they fetch the other half from each other', async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const world = new World({ seed, link: { latencyMs: 20 } })
    const torrent = new SwarmTorrent({ seed: String(seed), lengths: [5 * MIB, 3 * MIB], pieceLength: 128 * 1024, trackers: world.trackers })
    const { pieceCount } = torrent.info
    const host = { upBytesPerSecond: MIB }
    const one = await world.join('one', torrent, { isMissing: (piece) => piece >= pieceCount / 2, host })
    const two = await world.join('two', torrent, { isMissing: (piece) => piece < pieceCount / 2, host })
    const three = await world.join('three', torrent, { host })
    const everybody = [one, two, three]
    await world.until('everybody is complete', () => everybody.every((peer) => peer.isDone))
    for (const peer of everybody) assert.deepEqual(torrent.differences(peer.disk, DIR), [], `${peer.name}, seed ${seed}`)

    // The third had something from both at once, and they from each other.
    const from = new Map(three.torrent.snapshot().peers.map((peer) => [peer.host, peer.downloaded]))
    const gone = three.toldOf('peer-disconnected')
    assert.ok(gone.length > 0 || from.size === 2, `seed ${seed}`)
    for (const peer of [one, two]) assert.ok(peer.torrent.snapshot().uploaded > MIB, `${peer.name} gave, seed ${seed}`)
    const pieces = (peer: typeof one): number[] => peer.toldOf('piece').map(({ text }) => Number(text))
    assert.equal(pieces(one).length, pieceCount / 2, `what it has is not fetched, seed ${seed}`)
    assert.equal(pieces(two).length, pieceCount / 2, `what it has is not fetched, seed ${seed}`)
    const half = (piece: number): number => (piece < pieceCount / 2 ? 0 : 1)
    const early = pieces(three)
      .slice(0, pieceCount / 2)
      .map(half)
    assert.ok(early.includes(0) && early.includes(1), `from both at the same time, seed ${seed}`)
    // Twice the content leaves two uplinks of 1 MiB/s each, so it cannot be done in less than 8 s; a third more is fair.
    assert.ok(world.system.now() < 12_000, `seed ${seed} took ${world.system.now()} ms`)
    await world.close()
  }
})
