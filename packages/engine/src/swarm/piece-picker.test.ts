import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import { BLOCK_LENGTH, PieceGeometry } from '@shoal/protocol/metainfo/piece-geometry'
import { Availability } from './availability.ts'
import { type PickPeer, PiecePicker, type PiecePickerOptions } from './piece-picker.ts'

interface Peer extends PickPeer {
  isSlow: boolean
  pieceAllowance: number
  allowedFast: ReadonlySet<number> | undefined
}

/** A swarm without sockets: pieces of four blocks, the last one of a block and a half. */
class World {
  readonly availability: Availability
  readonly picker: PiecePicker
  readonly pieceCount: number
  #lastKey = 0

  /** Unless told otherwise, a lower piece is rarer than a higher one: others, who do nothing, have more of those. */
  constructor(pieceCount: number, options: Partial<PiecePickerOptions> = {}, hasOthers = true) {
    const pieceLength = 4 * BLOCK_LENGTH
    const geometry = new PieceGeometry({ totalSize: (pieceCount - 1) * pieceLength + 1.5 * BLOCK_LENGTH, pieceLength })
    this.pieceCount = pieceCount
    this.availability = new Availability(pieceCount)
    this.picker = new PiecePicker({
      geometry,
      availability: this.availability,
      randomBelow: () => 0,
      maxOpenPieces: 100,
      randomFirstPieces: 0,
      ...options,
    })
    for (let first = 1; hasOthers && first < pieceCount; first++) {
      const pieces = Bitfield.empty(pieceCount)
      for (let pieceIndex = first; pieceIndex < pieceCount; pieceIndex++) pieces.set(pieceIndex)
      this.availability.addPeer(pieces)
    }
  }

  /** Joins with these pieces; with everything when nothing is said. */
  join(pieces?: Iterable<number>, what: Partial<Peer> = {}): Peer {
    const bits = Bitfield.empty(this.pieceCount)
    for (const pieceIndex of pieces ?? Array.from({ length: this.pieceCount }, (_, at) => at)) bits.set(pieceIndex)
    this.availability.addPeer(bits)
    const key = ++this.#lastKey
    return { key, pieces: bits, isSlow: false, pieceAllowance: Number.POSITIVE_INFINITY, allowedFast: undefined, ...what }
  }

  /** What is picked, as `piece:block`. */
  pick(peer: Peer, count: number): string {
    const picks: string[] = []
    this.picker.pick(peer, count, (pieceIndex, begin) => picks.push(`${pieceIndex}:${begin / BLOCK_LENGTH}`))
    this.picker.checkInvariants()
    return picks.join(' ')
  }

  send(peer: Peer, blocks: string): string {
    const outcomes = blocks.split(' ').map((name) => {
      const [pieceIndex, block] = name.split(':').map(Number) as [number, number]
      return this.picker.onBlock(peer.key, pieceIndex, block * BLOCK_LENGTH)
    })
    this.picker.checkInvariants()
    return outcomes.join(' ')
  }

  /** The whole piece comes from this peer, and waits to be verified. */
  sendPiece(peer: Peer, pieceIndex: number): void {
    for (let block = 0; block < 4; block++) this.picker.onBlock(peer.key, pieceIndex, block * BLOCK_LENGTH)
    assert.equal(this.picker.isComplete(pieceIndex), true)
  }
}

describe('PiecePicker', () => {
  test('asks for the blocks of a piece in order, the last one with its own length', () => {
    const world = new World(1)
    const picks: [number, number, number][] = []
    world.picker.pick(world.join(), 9, (...pick) => picks.push(pick))
    assert.deepEqual(picks, [
      [0, 0, BLOCK_LENGTH],
      [0, BLOCK_LENGTH, BLOCK_LENGTH / 2],
    ])
  })

  test('does not pick a piece the peer does not have', () => {
    const world = new World(4)
    const peer = world.join([2])
    assert.equal(world.pick(peer, 9), '2:0 2:1 2:2 2:3')
    peer.pieces.clear(2)
    world.availability.removeHave(peer.pieces, 2)
    world.picker.onBlockLost(peer.key, 2, 0)
    assert.equal(world.pick(peer, 9), '')
  })

  test('begins with the rarest piece', () => {
    const world = new World(4, {}, false)
    world.join([0, 1, 3])
    world.join([0, 3])
    const peer = world.join([0, 1, 2, 3])
    assert.equal(world.pick(peer, 8), '2:0 2:1 2:2 2:3 1:0 1:1 1:2 1:3')
  })

  test('begins with a piece that has become the rarest since', () => {
    const world = new World(4, {}, false)
    const [one, other, peer] = [world.join([0, 1, 2]), world.join([0, 1]), world.join([0, 1, 2])]
    world.picker.setPriority(3, 0)
    assert.equal(world.pick(peer, 4)[0], '2')
    for (const loser of [one, other]) {
      loser.pieces.clear(1)
      world.availability.removeHave(loser.pieces, 1)
    }
    assert.equal(world.pick(peer, 1), '1:0')
  })

  test('takes the very first pieces by chance, so that a newcomer soon has something to trade', () => {
    const begun = new Set<string>()
    for (let dice = 0; dice < 4; dice++) {
      const world = new World(5, { randomFirstPieces: 2, randomBelow: (limit) => dice % limit })
      world.join([0, 1, 2])
      begun.add(world.pick(world.join(), 1))
    }
    assert.ok(begun.size > 1, `always ${[...begun].join()}`)
  })

  test('a higher priority goes before rarity; what nobody wants is not picked', () => {
    const world = new World(4)
    world.join([0, 2])
    const peer = world.join([0, 1, 2])
    world.picker.setPriority(0, 7)
    world.picker.setPriority(1, 0)
    assert.equal(world.pick(peer, 20), '0:0 0:1 0:2 0:3 2:0 2:1 2:2 2:3')
  })

  test('in sequential order the lowest piece goes first, whoever began it', () => {
    const world = new World(4)
    world.picker.sequential = true
    world.join([0])
    const [one, other] = [world.join(), world.join()]
    assert.equal(world.pick(one, 2), '0:0 0:1')
    assert.equal(world.pick(other, 4), '0:2 0:3 1:0 1:1')
    assert.equal(world.pick(one, 2), '1:2 1:3')
  })

  test('what somebody waits for goes before all else, in that order, also before a piece that the peer has begun', () => {
    const world = new World(4)
    world.picker.setPriority(3, 7)
    const peer = world.join()
    assert.equal(world.pick(peer, 1), '3:0')
    world.picker.setUrgent([2, 1])
    assert.equal(world.pick(peer, 9), '2:0 2:1 2:2 2:3 1:0 1:1 1:2 1:3 3:1')
    assert.equal(world.pick(world.join([0, 2]), 1), '0:0', 'it is asked of one who has it')
  })

  describe('affinity', () => {
    test('peers that keep up fill pieces of their own', () => {
      const world = new World(3)
      const [one, other] = [world.join(), world.join()]
      const first = world.pick(one, 2)
      const second = world.pick(other, 2)
      assert.notEqual(first[0], second[0])
      assert.equal(world.pick(one, 2)[0], first[0])
      assert.equal(world.pick(other, 2)[0], second[0])
    })

    test('a peer whose connection broke leaves an orphan, which goes before new pieces', () => {
      const world = new World(3)
      const [one, other] = [world.join([1]), world.join()]
      assert.equal(world.pick(one, 2), '1:0 1:1')
      world.send(one, '1:0')
      world.picker.onPeerGone(one.key)
      assert.equal(world.pick(other, 3), '1:1 1:2 1:3')
    })

    test('a new piece of higher priority goes before an orphan', () => {
      const world = new World(3)
      const [one, other] = [world.join([1]), world.join()]
      world.pick(one, 1)
      world.send(one, '1:0')
      world.picker.setPriority(0, 5)
      assert.equal(world.pick(other, 5), '0:0 0:1 0:2 0:3 1:1')
    })

    test('a piece of others is shared when no new one may be begun', () => {
      const world = new World(3, { maxOpenPieces: 1 })
      const [one, other] = [world.join(), world.join()]
      assert.equal(world.pick(one, 2), '0:0 0:1')
      assert.equal(world.pick(other, 9), '0:2 0:3')
    })

    test('a piece that is being verified counts as one in work', () => {
      const world = new World(3, { maxOpenPieces: 1 })
      const peer = world.join()
      world.pick(peer, 4)
      world.sendPiece(peer, 0)
      assert.equal(world.pick(peer, 4), '')
      world.picker.onVerified(0)
      assert.equal(world.pick(peer, 1), '1:0')
    })

    test('a slow peer shares before it begins a piece that others would wait for', () => {
      const world = new World(3)
      const [fast, slow] = [world.join([0]), world.join(undefined, { isSlow: true })]
      assert.equal(world.pick(fast, 2), '0:0 0:1')
      assert.equal(world.pick(slow, 1), '0:2')
    })

    test('a peer that has proven nothing has a part in one unfinished piece at most', () => {
      const world = new World(3)
      const peer = world.join(undefined, { pieceAllowance: 1 })
      assert.equal(world.pick(peer, 9), '0:0 0:1 0:2 0:3')
      world.sendPiece(peer, 0)
      assert.equal(world.pick(peer, 9), '', 'it may still turn out bad')
      world.picker.onVerified(0)
      assert.equal(world.pick(peer, 9).length, '1:0 1:1 1:2 1:3'.length)
    })
  })

  describe('slow peers', () => {
    test('blocks of a peer that fell silent are asked of others at once, the untouched ones first', () => {
      const world = new World(2, {}, false)
      const [stalled, other] = [world.join([0]), world.join([0])]
      assert.equal(world.pick(stalled, 3), '0:0 0:1 0:2')
      assert.equal(world.pick(other, 1), '0:3')
      world.picker.onPeerSlow(stalled.key)
      assert.equal(world.picker.isEndgame, true)
      assert.equal(world.pick(other, 9), '0:0 0:1 0:2')
    })

    test('they are asked only once more before the endgame', () => {
      const world = new World(3)
      const [stalled, one, other] = [world.join([0]), world.join([0]), world.join([0])]
      world.pick(stalled, 4)
      world.picker.onPeerSlow(stalled.key)
      world.join([1])
      assert.equal(world.pick(one, 9), '0:0 0:1 0:2 0:3')
      assert.equal(world.pick(other, 9), '')
    })

    test('what a slow peer sends after all is welcome', () => {
      const world = new World(2)
      const [stalled, other] = [world.join([0]), world.join([0])]
      world.pick(stalled, 4)
      world.picker.onPeerSlow(stalled.key)
      world.pick(other, 4)
      assert.equal(world.send(stalled, '0:0 0:1'), 'first first')
      assert.equal(world.send(other, '0:0 0:2'), 'duplicate first')
    })

    test('one that keeps up again has its blocks to itself', () => {
      const world = new World(2)
      const [peer, other] = [world.join([0]), world.join([0])]
      world.pick(peer, 4)
      world.picker.onPeerSlow(peer.key)
      world.pick(peer, 0)
      world.join([1])
      assert.equal(world.pick(other, 4), '')
    })
  })

  describe('endgame', () => {
    test('asks every peer for the last blocks', () => {
      const world = new World(1)
      const peers = [world.join(), world.join(), world.join()]
      assert.deepEqual(
        peers.map((peer) => world.pick(peer, 9)),
        ['0:0 0:1', '0:1 0:0', '0:1 0:0'],
      )
    })

    test('asks no more peers for one block than it may, the slow ones not counted, and no peer twice', () => {
      const world = new World(1, { endgameAskers: 2 })
      const [one, two, three] = [world.join(), world.join(), world.join()]
      assert.equal(world.pick(one, 9), '0:0 0:1')
      assert.equal(world.pick(two, 9), '0:1 0:0')
      assert.equal(world.pick(one, 9), '')
      assert.equal(world.pick(three, 9), '')
      world.picker.onPeerSlow(one.key)
      assert.equal(world.pick(three, 9), '0:1 0:0')
    })

    test('does not begin while there is a block that nobody was asked for', () => {
      const world = new World(2)
      const [one, other] = [world.join(), world.join([0])]
      assert.equal(world.pick(one, 4), '0:0 0:1 0:2 0:3')
      assert.equal(world.picker.isEndgame, false)
      assert.equal(world.pick(other, 9), '')
      assert.equal(world.pick(one, 2), '1:0 1:1')
      assert.equal(world.picker.isEndgame, true)
      assert.equal(world.pick(other, 9), '0:3 0:2 0:1 0:0', 'what was asked last is furthest from being sent')
    })

    test('does not wait for a piece that nobody has', () => {
      const world = new World(3, {}, false)
      const [one, other] = [world.join([0]), world.join([0])]
      world.pick(one, 4)
      assert.equal(world.pick(other, 1), '0:3')
    })

    test('gives a peer that still has enough to send nothing of others', () => {
      const world = new World(3, { endgameDepth: 2 })
      const [one, other] = [world.join([0]), world.join()]
      assert.equal(world.pick(one, 4), '0:0 0:1 0:2 0:3')
      assert.equal(world.pick(other, 6).length, '1:0 1:1 1:2 1:3 2:0 2:1'.length)
      assert.equal(world.pick(other, 9), '')
      world.sendPiece(other, 1)
      world.send(other, '2:0')
      assert.equal(world.pick(other, 9), '0:3')
    })

    test('offers a block to a peer that got its piece in exchange for another', () => {
      const world = new World(3, {}, false)
      const [one, other] = [world.join([0]), world.join([1])]
      assert.equal(world.pick(one, 4), '0:0 0:1 0:2 0:3')
      assert.equal(world.pick(other, 5), '1:0 1:1 1:2 1:3')
      assert.equal(world.pick(other, 5), '')
      other.pieces.set(0)
      world.availability.addHave(other.pieces, 0)
      other.pieces.clear(1)
      world.availability.removeHave(other.pieces, 1)
      assert.equal(world.pick(other, 1), '0:3')
    })

    test('tells who else was asked for a block that came, so that they hear a cancel', () => {
      const world = new World(1)
      const peers = [world.join(), world.join(), world.join()] as const
      for (const peer of peers) world.pick(peer, 9)
      assert.equal(world.send(peers[1], '0:0'), 'first')
      const told: number[] = []
      world.picker.otherAskers(0, 0, peers[1].key, (key) => told.push(key))
      assert.deepEqual(new Set(told), new Set([peers[0].key, peers[2].key]))
    })
  })

  describe('choked', () => {
    test('only the pieces are picked that the peer sends all the same', () => {
      const world = new World(4)
      const peer = world.join([0, 1, 2], { allowedFast: new Set([2, 3, 99]) })
      assert.equal(world.pick(peer, 9), '2:0 2:1 2:2 2:3')
      peer.allowedFast = new Set()
      assert.equal(world.pick(peer, 9), '')
      peer.allowedFast = undefined
      assert.equal(world.pick(peer, 1), '0:0')
    })
  })

  describe('lost blocks', () => {
    test('can be asked of anybody at once', () => {
      const world = new World(1)
      const [one, other] = [world.join(), world.join()]
      world.pick(one, 9)
      world.picker.onBlockLost(one.key, 0, BLOCK_LENGTH)
      assert.equal(world.pick(other, 1), '0:1')
    })

    test('a piece of which nothing came and nothing is asked is no longer in work', () => {
      const world = new World(2)
      const peer = world.join()
      world.pick(peer, 1)
      assert.equal(world.picker.openPieceCount, 1)
      world.picker.onBlockLost(peer.key, 0, 0)
      assert.equal(world.picker.openPieceCount, 0)
    })

    test('one of which something came stays in work, because memory is held for it', () => {
      const world = new World(2)
      const peer = world.join()
      world.pick(peer, 1)
      world.send(peer, '0:0')
      world.picker.onBlockNotKept(0, 0)
      assert.equal(world.picker.openPieceCount, 1)
      assert.equal(world.pick(peer, 1), '0:0')
    })
  })

  describe('whole pieces', () => {
    test('a verified piece is had, and counts as missing until then', () => {
      const world = new World(2)
      const peer = world.join()
      world.pick(peer, 6)
      world.sendPiece(peer, 0)
      assert.equal(world.picker.isComplete(0), true)
      assert.equal(world.picker.missingWantedCount, 2)
      world.picker.onVerified(0)
      assert.equal(world.picker.have.has(0), true)
      assert.equal(world.picker.missingWantedCount, 1)
      world.sendPiece(peer, 1)
      world.picker.onVerified(1)
      assert.equal(world.picker.wantedComplete, true)
      assert.equal(world.picker.isInteresting(peer.pieces), false)
    })

    test('a bad piece is missing again, all of it', () => {
      const world = new World(1)
      const [one, other] = [world.join(), world.join()]
      world.pick(one, 1)
      world.pick(other, 1)
      world.send(one, '0:0')
      world.send(other, '0:1')
      assert.deepEqual(world.picker.sendersOf(0), [one.key, other.key])
      world.picker.onFailed(0)
      assert.deepEqual(world.picker.sendersOf(0), [])
      assert.equal(world.pick(one, 9), '0:0 0:1')
    })

    test('on parole only one peer is asked for it, whatever that one has to do besides', () => {
      const world = new World(3)
      const [suspect, other] = [world.join(), world.join()]
      world.pick(suspect, 4)
      world.sendPiece(suspect, 0)
      world.picker.onFailed(0, { onlyFrom: suspect.key })
      assert.equal(world.pick(other, 99), '1:0 1:1 1:2 1:3 2:0 2:1')
      assert.equal(world.picker.openPieceCount, 2)
      assert.equal(world.pick(suspect, 4), '0:0 0:1 0:2 0:3')
      assert.equal(world.send(other, '0:0'), 'stray')
      assert.equal(world.send(suspect, '0:0'), 'first')
    })

    test('parole ends when the peer falls silent, leaves, chokes us or gives up, so that nothing waits for it', () => {
      const endings: ((picker: PiecePicker, key: number) => void)[] = [
        (picker, key) => picker.onPeerSlow(key),
        (picker, key) => picker.onPeerGone(key),
        (picker, key) => picker.endParole(key),
        (picker, key) => picker.onBlockLost(key, 0, 0),
      ]
      for (const end of endings) {
        const world = new World(1)
        const [suspect, other] = [world.join(), world.join()]
        world.pick(suspect, 4)
        world.sendPiece(suspect, 0)
        world.picker.onFailed(0, { onlyFrom: suspect.key })
        world.pick(suspect, 1)
        assert.equal(world.pick(other, 4), '')
        end(world.picker, suspect.key)
        assert.notEqual(world.pick(other, 4), '')
      }
    })

    test('the blocks of a banned peer are dropped, but not those of a piece that is being verified', () => {
      const world = new World(3)
      const [liar, other] = [world.join(), world.join()]
      world.pick(liar, 4)
      world.sendPiece(liar, 0)
      world.pick(liar, 2)
      world.send(liar, '1:0 1:1')
      world.picker.onPeerGone(liar.key)
      const dropped: string[] = []
      world.picker.dropBlocksFrom(liar.key, (pieceIndex, begin) => dropped.push(`${pieceIndex}:${begin / BLOCK_LENGTH}`))
      assert.deepEqual(dropped, ['1:0', '1:1'])
      assert.equal(world.picker.isComplete(0), true)
      assert.equal(world.pick(other, 2), '1:0 1:1')
    })

    test('a piece that went missing is fetched again', () => {
      const world = new World(2)
      const peer = world.join()
      for (const pieceIndex of [0, 1]) world.picker.markHave(pieceIndex)
      assert.equal(world.pick(peer, 9), '')
      world.picker.markMissing(1)
      assert.equal(world.picker.isInteresting(peer.pieces), true)
      assert.equal(world.pick(peer, 9), '1:0 1:1')
    })
  })

  describe('what is wanted', () => {
    test('a piece in work that is wanted no more is given up, and its askers are named', () => {
      const world = new World(2)
      const peer = world.join()
      world.pick(peer, 2)
      world.send(peer, '0:0')
      const unasked: number[] = []
      const isGivenUp = world.picker.setPriority(0, 0, (key, begin) => unasked.push(key, begin / BLOCK_LENGTH))
      assert.equal(isGivenUp, true)
      assert.deepEqual(unasked, [peer.key, 1])
      assert.equal(world.send(peer, '0:1'), 'stray')
      assert.equal(world.picker.missingWantedCount, 1)
      assert.equal(world.pick(peer, 9), '1:0 1:1')
    })

    test('a piece that is whole already is verified all the same', () => {
      const world = new World(2)
      const peer = world.join()
      world.pick(peer, 4)
      world.sendPiece(peer, 0)
      assert.equal(world.picker.setPriority(0, 0), false)
      world.picker.onVerified(0)
      assert.equal(world.picker.have.has(0), true)
    })

    test('a peer is interesting as long as it has a wanted piece that we lack', () => {
      const world = new World(3)
      const peer = world.join([0, 1])
      world.picker.markHave(0)
      assert.equal(world.picker.isInteresting(peer.pieces), true)
      world.picker.setPriority(1, 0)
      assert.equal(world.picker.isInteresting(peer.pieces), false)
    })
  })

  test('blocks that belong to nothing are strays, those of pieces that are here duplicates', () => {
    const world = new World(3)
    const peer = world.join()
    world.picker.markHave(0)
    assert.equal(world.send(peer, '0:0 1:0'), 'duplicate stray')
    world.pick(peer, 1)
    assert.equal(world.picker.onBlock(peer.key, 1, 7), 'stray')
    assert.equal(world.picker.onBlock(peer.key, 1, 9 * BLOCK_LENGTH), 'stray')
  })

  test('a torrent without pieces is complete from the start', () => {
    const geometry = new PieceGeometry({ totalSize: 0, pieceLength: BLOCK_LENGTH })
    const picker = new PiecePicker({ geometry, availability: new Availability(0), randomBelow: () => 0, maxOpenPieces: 4 })
    assert.equal(picker.wantedComplete, true)
    assert.equal(picker.isEndgame, false)
  })
})
