import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { SimSystem } from '../sim/system.ts'
import { Herald, type HeraldPeer } from './herald.ts'

const PIECES = 100

/** Writes down what it is told, and in which write: what is told in one call of the herald leaves together. */
class Listener implements HeraldPeer {
  readonly pieces = Bitfield.empty(PIECES)
  readonly heard: number[] = []
  /** The part of it that was not worth a write of its own. */
  readonly heardInTime: number[] = []
  readonly connection = {
    isOpen: true,
    sendHave: (pieceIndex: number, mayWait: boolean): void => {
      this.heard.push(pieceIndex)
      if (mayWait) this.heardInTime.push(pieceIndex)
    },
  }
  newsHeard = 0
}

class Swarm {
  readonly system = new SimSystem({ seed: 'herald' })
  readonly have = Bitfield.empty(PIECES)
  readonly all = new Map<number, Listener>()
  readonly favoured = new Set<Listener>()
  readonly herald: Herald<Listener>

  constructor(peerCount: number) {
    const { all, favoured } = this
    this.herald = new Herald({
      system: this.system,
      owner: {
        peers: () => all.values(),
        unchoked: () => favoured,
        onTold: () => {},
        get connectionCount() {
          return all.size
        },
      },
    })
    this.herald.setContent(this)
    for (let number = 0; number < peerCount; number++) this.join(number)
  }

  join(number: number): Listener {
    const peer = new Listener()
    this.all.set(number, peer)
    this.herald.onIntroduced(peer)
    return peer
  }

  get(pieceIndex: number): void {
    this.have.set(pieceIndex)
    this.herald.onPieceVerified(pieceIndex)
  }

  toldCount(pieceIndex: number): number {
    return [...this.all.values()].filter((peer) => peer.heard.includes(pieceIndex)).length
  }
}

describe('Herald', () => {
  test('tells everybody in a small swarm at once, and keeps nothing', () => {
    const swarm = new Swarm(5)
    swarm.get(7)
    assert.equal(swarm.toldCount(7), 5)
    assert.equal(swarm.system.pendingEvents, 0)
  })

  test('does not hurry to tell a peer of what it has', () => {
    const swarm = new Swarm(2)
    swarm.all.get(1)!.pieces.set(7)
    swarm.get(7)
    assert.deepEqual(swarm.all.get(1)!.heardInTime, [7])
    assert.deepEqual(swarm.all.get(0)!.heardInTime, [])
    assert.deepEqual(swarm.all.get(0)!.heard, [7])
  })

  test('in a crowd tells the unchoked at once and the others a few at a time', async () => {
    const swarm = new Swarm(1000)
    swarm.favoured.add(swarm.all.get(999)!)
    swarm.get(7)
    assert.equal(swarm.toldCount(7), 1)
    let before = 1
    for (let slice = 0; slice < 10; slice++) {
      await swarm.system.run(25)
      const told = swarm.toldCount(7)
      assert.ok(told - before <= 64, `${told - before} told in one slice`)
      before = told
    }
    await swarm.system.run(1000)
    assert.equal(swarm.toldCount(7), 1000)
    assert.equal(swarm.system.pendingEvents, 0, 'it rests when everybody knows')
  })

  test('tells whoever is unchoked what it has missed, and not again', async () => {
    const swarm = new Swarm(1000)
    swarm.get(7)
    const chosen = swarm.all.get(999)!
    swarm.herald.tell(chosen)
    assert.deepEqual(chosen.heard, [7])
    await swarm.system.run(1000)
    assert.deepEqual(chosen.heard, [7])
  })

  test('tells everybody of everything once, however the pieces come', async () => {
    const swarm = new Swarm(300)
    for (let pieceIndex = 0; pieceIndex < 50; pieceIndex++) {
      swarm.get(pieceIndex)
      await swarm.system.run(pieceIndex % 7)
    }
    await swarm.system.run(1000)
    for (const peer of swarm.all.values()) assert.deepEqual(peer.heard, [...Array(50).keys()])
  })

  test('a newcomer hears only what came after it, and who leaves nothing', async () => {
    const swarm = new Swarm(100)
    swarm.get(1)
    await swarm.system.run(25)
    const newcomer = swarm.join(100)
    const leaver = swarm.all.get(99)!
    swarm.all.delete(99)
    swarm.get(2)
    await swarm.system.run(1000)
    assert.deepEqual(newcomer.heard, [2])
    assert.deepEqual(leaver.heard, [])
    assert.deepEqual(swarm.all.get(98)!.heard, [1, 2])
  })

  test('says nothing of a piece that was lost meanwhile', async () => {
    const swarm = new Swarm(100)
    swarm.get(1)
    swarm.have.clear(1)
    await swarm.system.run(1000)
    assert.equal(swarm.toldCount(1), 0)
  })

  test('a swarm that has become small hears the rest with the next piece', async () => {
    const swarm = new Swarm(100)
    swarm.get(1)
    for (let number = 10; number < 100; number++) swarm.all.delete(number)
    swarm.get(2)
    for (const peer of swarm.all.values()) assert.deepEqual(peer.heard, [1, 2])
    assert.equal(swarm.system.pendingEvents, 0)
  })

  test('is silent once it is closed', async () => {
    const swarm = new Swarm(100)
    swarm.get(1)
    swarm.herald.close()
    assert.equal(swarm.system.pendingEvents, 0)
  })
})
