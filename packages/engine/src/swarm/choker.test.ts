import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ChokeAnswer, type ChokeCandidate, chooseUnchoked, mayUnchokeNow, turnBytesFor } from './choker.ts'

const MIB = 1024 * 1024

interface Peer extends ChokeCandidate {
  isInterested: boolean
  isChoked: boolean
  isSnubbed: boolean
  downloadRate: number
  uploadRate: number
  uploadedSinceUnchoke: number
  unchokedAt: number
  isOptimistic: boolean
}

function peer(key: string, what: Partial<Peer> = {}): Peer {
  return {
    key,
    isInterested: true,
    isChoked: true,
    isSnubbed: false,
    downloadRate: 0,
    uploadRate: 0,
    uploadedSinceUnchoke: 0,
    unchokedAt: 0,
    connectedAt: 0,
    isOptimistic: false,
    ...what,
  }
}

interface World {
  readonly peers: readonly Peer[]
  slots?: number
  isSeeding?: boolean
  now?: number
  optimisticSince?: number
  randomBelow?: (limit: number) => number
}

function ask(world: World): ChokeAnswer<Peer> {
  return chooseUnchoked({ slots: 4, isSeeding: false, now: 1_000_000, optimisticSince: 0, randomBelow: () => 0, ...world })
}

function keys(answer: ChokeAnswer<Peer>): string[] {
  return [...answer.unchoked].map((one) => String(one.key)).sort((a, b) => a.localeCompare(b))
}

/** Does what the answer says, as the swarm would. */
function apply(world: World, answer: ChokeAnswer<Peer>, now: number): void {
  world.optimisticSince = answer.optimisticSince
  for (const one of world.peers) {
    const isChoked = !answer.unchoked.has(one)
    if (one.isChoked && !isChoked) {
      one.unchokedAt = now
      one.uploadedSinceUnchoke = 0
    }
    one.isChoked = isChoked
    one.isOptimistic = answer.optimistic === one
  }
}

/** A small generator with a seed, for long games of chance. */
function dice(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

describe('chooseUnchoked while leeching', () => {
  test('gives the slots to those who send us most', () => {
    const peers = [1, 2, 3, 4, 5, 6, 7].map((rate) => peer(`p${rate}`, { downloadRate: rate }))
    const answer = ask({ peers, randomBelow: () => 0 })
    assert.deepEqual(keys(answer), ['p1', 'p4', 'p5', 'p6', 'p7'])
    assert.equal(answer.optimistic?.key, 'p1')
  })

  test('chokes who is not interested, however much it sends', () => {
    const answer = ask({ peers: [peer('a', { isInterested: false, downloadRate: 9 }), peer('b')] })
    assert.deepEqual(keys(answer), ['b'])
  })

  test('gives no merit slot to a peer that is silent although it owes us blocks', () => {
    const peers = [peer('silent', { isSnubbed: true, downloadRate: 9, isOptimistic: true }), peer('a', { downloadRate: 1 })]
    const answer = ask({ peers, optimisticSince: 999_000, slots: 1 })
    assert.deepEqual(keys(answer), ['a', 'silent'])
    assert.equal(answer.optimistic?.key, 'silent', 'chance is all it gets')
  })

  test('keeps whom it serves when all are equal', () => {
    const peers = [peer('a'), peer('b', { isChoked: false }), peer('c')]
    assert.ok(keys(ask({ peers, slots: 1 })).includes('b'))
  })

  test('prefers the oldest of equals', () => {
    const peers = [peer('young', { connectedAt: 9 }), peer('old', { connectedAt: 1 }), peer('middle', { connectedAt: 5 })]
    assert.ok(keys(ask({ peers, slots: 1, randomBelow: () => 0 })).includes('old'))
  })

  test('unchokes everybody when there are slots for everybody', () => {
    const peers = [peer('a'), peer('b'), peer('c')]
    assert.deepEqual(keys(ask({ peers })), ['a', 'b', 'c'])
    assert.equal(ask({ peers }).optimistic, undefined)
  })

  test('has an answer when there is nobody', () => {
    assert.equal(ask({ peers: [] }).unchoked.size, 0)
    assert.equal(ask({ peers: [peer('a')], slots: 0 }).unchoked.size, 1, 'the optimistic slot is left')
  })
})

describe('chooseUnchoked and the optimistic slot', () => {
  const many = (): Peer[] => Array.from({ length: 12 }, (_, index) => peer(`p${index}`, { downloadRate: index }))

  test('stays with one peer for thirty seconds', () => {
    const world: World = { peers: many(), randomBelow: dice(1) }
    const first = ask({ ...world, now: 100_000 })
    apply(world, first, 100_000)
    const second = ask({ ...world, now: 129_999 })
    assert.equal(second.optimistic, first.optimistic)
    assert.equal(second.optimisticSince, 100_000)
  })

  test('goes on to somebody else after thirty seconds', () => {
    const world: World = { peers: many(), randomBelow: dice(2) }
    for (let now = 100_000; now < 3_000_000; now += 30_000) {
      const before = world.peers.find((one) => one.isOptimistic)
      const answer = ask({ ...world, now })
      assert.ok(answer.optimistic !== undefined && answer.optimistic !== before)
      assert.equal(answer.optimisticSince, now)
      apply(world, answer, now)
    }
  })

  test('reaches everybody in time', () => {
    const world: World = { peers: many(), randomBelow: dice(3) }
    const reached = new Set<string | number>()
    for (let now = 100_000; now < 6_000_000; now += 30_000) {
      const answer = ask({ ...world, now })
      reached.add(answer.optimistic!.key)
      apply(world, answer, now)
    }
    assert.equal(reached.size, 8, 'all but the four with merit')
  })

  test('stays with the only candidate', () => {
    const peers = [peer('best', { downloadRate: 9 }), peer('other', { isOptimistic: true, isChoked: false })]
    assert.equal(ask({ peers, slots: 1 }).optimistic?.key, 'other')
  })

  test('is free for the next when its holder earns a slot', () => {
    const peers = [peer('risen', { downloadRate: 9, isOptimistic: true, isChoked: false }), peer('a'), peer('b', { connectedAt: 1 })]
    const answer = ask({ peers, slots: 1, optimisticSince: 999_999 })
    assert.ok(answer.unchoked.has(peers[0]!))
    assert.notEqual(answer.optimistic, peers[0])
    assert.equal(answer.unchoked.size, 2)
  })

  test('is free for the next when its holder loses interest', () => {
    const peers = [peer('bored', { isOptimistic: true, isInterested: false }), peer('a', { downloadRate: 1 }), peer('b')]
    const answer = ask({ peers, slots: 1, optimisticSince: 999_999 })
    assert.equal(answer.optimistic?.key, 'b')
  })

  test('is three times as likely for newcomers', () => {
    const peers = [peer('best', { downloadRate: 9 }), peer('old', { connectedAt: 0 }), peer('new', { connectedAt: 990_000 })]
    const roll = dice(4)
    let newcomers = 0
    for (let round = 0; round < 4_000; round++) if (ask({ peers, slots: 1, randomBelow: roll }).optimistic?.key === 'new') newcomers++
    assert.ok(newcomers > 2_850 && newcomers < 3_150, `${newcomers} of 4000, seed 4`)
  })

  test('counts a peer as new for a minute', () => {
    const peers = [peer('best', { downloadRate: 9 }), peer('a', { connectedAt: 940_000 }), peer('b', { connectedAt: 940_001 })]
    let limit = 0
    ask({
      peers,
      slots: 1,
      randomBelow: (given) => {
        limit = given
        return 0
      },
    })
    assert.equal(limit, 1 + 3)
  })
})

describe('chooseUnchoked while seeding', () => {
  test('lets a turn end before it gives the slot away', () => {
    const peers = [peer('busy', { isChoked: false, unchokedAt: 990_000, uploadedSinceUnchoke: MIB }), peer('waits'), peer('waits too')]
    assert.ok(keys(ask({ peers, slots: 1, isSeeding: true })).includes('busy'))
  })

  test('passes the slot on when the turn is used up, to whom has waited longest', () => {
    const peers = [
      peer('served', { isChoked: false, unchokedAt: 990_000, uploadedSinceUnchoke: 16 * MIB }),
      peer('was served lately', { unchokedAt: 900_000 }),
      peer('was served long ago', { unchokedAt: 100_000 }),
    ]
    const answer = ask({ peers, slots: 1, isSeeding: true, randomBelow: () => 0 })
    assert.ok(answer.unchoked.has(peers[2]!))
  })

  test('does not let a slot be held by taking little', () => {
    const peers = [
      peer('dawdles', { isChoked: false, unchokedAt: 900_000, uploadedSinceUnchoke: 5 }),
      peer('waits'),
      peer('x', { connectedAt: 9 }),
    ]
    const answer = ask({ peers, slots: 1, isSeeding: true, randomBelow: () => 1 })
    assert.ok(answer.unchoked.has(peers[1]!))
    assert.ok(!answer.unchoked.has(peers[0]!))
  })

  test('lets whom has had its turn stay while nobody waits', () => {
    const peers = [peer('a', { isChoked: false, unchokedAt: 1, uploadedSinceUnchoke: 999 * MIB }), peer('b', { isInterested: false })]
    assert.deepEqual(keys(ask({ peers, slots: 1, isSeeding: true })), ['a'])
  })

  test('is not impressed by rates', () => {
    const fast = Array.from({ length: 4 }, (_, index) =>
      peer(`fast${index}`, { isChoked: false, unchokedAt: 990_000, uploadedSinceUnchoke: 20 * MIB, uploadRate: 1e9, downloadRate: 1e9 }),
    )
    const slow = Array.from({ length: 4 }, (_, index) => peer(`slow${index}`))
    const answer = ask({ peers: [...fast, ...slow], isSeeding: true })
    for (const one of slow) assert.ok(answer.unchoked.has(one))
  })

  test('gives everybody the same over time, free riders included', () => {
    const world: World = { peers: Array.from({ length: 20 }, (_, index) => peer(`p${index}`)), isSeeding: true, randomBelow: dice(5) }
    const turns = new Map(world.peers.map((one) => [one, 0]))
    for (let now = 10_000; now < 4_000_000; now += 10_000) {
      const answer = ask({ ...world, now })
      apply(world, answer, now)
      for (const one of answer.unchoked) {
        // Three of them draw a hundred times as much as the others, if they are let.
        one.uploadedSinceUnchoke += Number(String(one.key).slice(1)) < 3 ? 800 * MIB : 8 * MIB
        turns.set(one, turns.get(one)! + 1)
      }
    }
    const counts = [...turns.values()]
    assert.ok(Math.max(...counts) < 2.5 * Math.min(...counts), counts.join(' '))
    for (const one of world.peers.slice(0, 3)) assert.ok(turns.get(one)! <= Math.max(...counts.slice(3)), 'greed does not pay')
  })
})

describe('mayUnchokeNow', () => {
  test('serves an interested peer at once while a slot is free', () => {
    assert.ok(mayUnchokeNow(peer('a'), 3, 4, false))
    assert.ok(!mayUnchokeNow(peer('a'), 4, 4, false))
    assert.ok(!mayUnchokeNow(peer('a', { isInterested: false }), 0, 4, false))
    assert.ok(!mayUnchokeNow(peer('a', { isChoked: false }), 0, 4, false))
  })

  test('makes a silent debtor wait, but not when we seed', () => {
    assert.ok(!mayUnchokeNow(peer('a', { isSnubbed: true }), 0, 4, false))
    assert.ok(mayUnchokeNow(peer('a', { isSnubbed: true }), 0, 4, true))
  })
})

test('turnBytesFor is about twenty pieces, within bounds', () => {
  assert.equal(turnBytesFor(MIB), 20 * MIB)
  assert.equal(turnBytesFor(16_384), 4 * MIB)
  assert.equal(turnBytesFor(512 * MIB), 256 * MIB)
})

test('whatever the swarm: at most the slots and one, all interested, none of them for a silent peer but by chance', () => {
  const anyPeer = fc.record({
    key: fc.string(),
    isInterested: fc.boolean(),
    isChoked: fc.boolean(),
    isSnubbed: fc.boolean(),
    downloadRate: fc.nat(),
    uploadRate: fc.nat(),
    uploadedSinceUnchoke: fc.nat({ max: 40 * MIB }),
    unchokedAt: fc.nat({ max: 1_000_000 }),
    connectedAt: fc.nat({ max: 1_000_000 }),
    isOptimistic: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(anyPeer, { maxLength: 40 }),
      fc.nat({ max: 10 }),
      fc.boolean(),
      fc.nat(),
      fc.nat(1_000_000),
      (peers, slots, isSeeding, seed, since) => {
        const answer = ask({ peers, slots, isSeeding, randomBelow: dice(seed), optimisticSince: since })
        assert.ok(answer.unchoked.size <= slots + 1)
        const interested = peers.filter((one) => one.isInterested)
        const eligible = isSeeding ? interested : interested.filter((one) => !one.isSnubbed)
        assert.ok(answer.unchoked.size >= Math.min(slots, eligible.length))
        for (const one of answer.unchoked) {
          assert.ok(one.isInterested)
          if (!isSeeding && one.isSnubbed) assert.equal(one, answer.optimistic)
        }
        if (interested.length > slots) assert.ok(answer.optimistic !== undefined)
      },
    ),
  )
})
