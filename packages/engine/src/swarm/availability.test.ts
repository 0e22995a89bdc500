import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitfield } from '@shoal/protocol/bitfield'
import fc from 'fast-check'
import { Availability, MAX_LEVEL } from './availability.ts'

/** Numbers in [0, limit) that only look random: the same in every run. */
function seeded(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

function bitsOf(size: number, pieces: Iterable<number>): Bitfield {
  const bits = Bitfield.empty(size)
  for (const pieceIndex of pieces) bits.set(pieceIndex)
  return bits
}

const chance = seeded(1)

describe('Availability', () => {
  test('counts a seed without touching a piece, and everybody else piece by piece', () => {
    const availability = new Availability(4)
    availability.addPeer(Bitfield.full(4))
    availability.addPeer(bitsOf(4, [0, 1]))
    assert.deepEqual(
      [0, 1, 2, 3].map((pieceIndex) => availability.countOf(pieceIndex)),
      [2, 2, 1, 1],
    )
    assert.equal(availability.seedCount, 1)
    assert.equal(availability.distributedCopies, 1.5)
  })

  test('a peer that gets its last piece leaves as the seed it has become', () => {
    const availability = new Availability(3)
    const bits = bitsOf(3, [0, 2])
    availability.addPeer(bits)
    bits.set(1)
    availability.addHave(bits, 1)
    assert.equal(availability.seedCount, 1)
    availability.removePeer(bits)
    assert.deepEqual(
      [0, 1, 2].map((pieceIndex) => availability.countOf(pieceIndex)),
      [0, 0, 0],
    )
  })

  test('names the rarest piece of a peer among those that may be begun', () => {
    const availability = new Availability(5)
    for (const pieces of [
      [0, 1, 2, 3],
      [0, 1, 2],
      [0, 1],
    ])
      availability.addPeer(bitsOf(5, pieces))
    for (let pieceIndex = 0; pieceIndex < 5; pieceIndex++) availability.setLevel(pieceIndex, 4)
    assert.equal(availability.rarest(4, bitsOf(5, [0, 1, 2, 3]), 0, chance), 3)
    availability.setLevel(3, 0)
    assert.equal(availability.rarest(4, bitsOf(5, [0, 1, 2, 3]), 0, chance), 2)
    assert.equal(availability.rarest(4, bitsOf(5, [3]), 0, chance), -1)
    assert.equal(availability.rarest(7, bitsOf(5, [0]), 0, chance), -1)
  })

  test('lets chance decide between equals', () => {
    const availability = new Availability(8)
    for (let pieceIndex = 0; pieceIndex < 8; pieceIndex++) availability.setLevel(pieceIndex, 4)
    const found = new Set<number>()
    for (let times = 0; times < 200; times++) found.add(availability.rarest(4, Bitfield.full(8), 0, chance))
    assert.equal(found.size, 8)
  })

  test('finds the one piece in many thousands that a peer has', () => {
    const pieceCount = 20_000
    const availability = new Availability(pieceCount)
    for (let pieceIndex = 0; pieceIndex < pieceCount; pieceIndex++) availability.setLevel(pieceIndex, 4)
    const bits = bitsOf(pieceCount, [12_345])
    availability.addPeer(
      bitsOf(
        pieceCount,
        Array.from({ length: 15_000 }, (_, at) => at),
      ),
    )
    availability.addPeer(bits)
    assert.equal(availability.rarest(4, bits, 0, chance), 12_345)
    assert.equal(availability.random(4, bits, chance), 12_345)
    assert.equal(availability.first(4, bits, 0, pieceCount), 12_345)
  })

  test('answers as counting everything anew would', () => {
    const pieceSet = (pieceCount: number) => fc.uniqueArray(fc.integer({ min: 0, max: pieceCount - 1 }), { maxLength: pieceCount })
    const history = fc
      .oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 24 }) }, { weight: 1, arbitrary: fc.constant(1_500) })
      .chain((pieceCount) => {
        const piece = fc.integer({ min: 0, max: pieceCount - 1 })
        const step = fc.oneof(
          fc.record({ type: fc.constant('join' as const), pieces: fc.oneof(pieceSet(pieceCount), fc.constant('all' as const)) }),
          fc.record({ type: fc.constant('leave' as const), peer: fc.nat(9) }),
          fc.record({ type: fc.constant('have' as const), peer: fc.nat(9), piece }),
          fc.record({ type: fc.constant('lose' as const), peer: fc.nat(9), piece }),
          fc.record({ type: fc.constant('level' as const), piece, level: fc.integer({ min: 0, max: MAX_LEVEL }) }),
        )
        return fc.tuple(fc.constant(pieceCount), fc.array(step, { maxLength: 60, size: 'max' }), fc.integer())
      })
    fc.assert(
      fc.property(history, ([pieceCount, steps, seed]) => {
        const availability = new Availability(pieceCount)
        const levels = Array.from({ length: pieceCount }, (_, at) => at % 3)
        for (const [pieceIndex, level] of levels.entries()) availability.setLevel(pieceIndex, level)
        const peers: Bitfield[] = []
        for (const step of steps) {
          for (let level = 1; level <= MAX_LEVEL; level++) availability.first(level, Bitfield.empty(pieceCount), 0, pieceCount)
          const bits = 'peer' in step ? peers[step.peer] : undefined
          if (step.type === 'join') {
            const joining = step.pieces === 'all' ? Bitfield.full(pieceCount) : bitsOf(pieceCount, step.pieces)
            peers.push(joining)
            availability.addPeer(joining)
          } else if (step.type === 'leave' && bits !== undefined) {
            peers.splice(step.peer, 1)
            availability.removePeer(bits)
          } else if (step.type === 'have' && bits?.set(step.piece) === true) availability.addHave(bits, step.piece)
          else if (step.type === 'lose' && bits?.clear(step.piece) === true) availability.removeHave(bits, step.piece)
          else if (step.type === 'level') {
            levels[step.piece] = step.level
            availability.setLevel(step.piece, step.level)
          }
        }
        availability.checkInvariants()

        const counts = levels.map((_, pieceIndex) => peers.filter((bits) => bits.has(pieceIndex)).length)
        for (const [pieceIndex, count] of counts.entries()) assert.equal(availability.countOf(pieceIndex), count)
        assert.equal(availability.obtainableCount, levels.filter((level, pieceIndex) => level > 0 && counts[pieceIndex]! > 0).length)
        const random = seeded(seed)
        const asking = peers[0] ?? bitsOf(pieceCount, [])
        for (let level = 1; level <= MAX_LEVEL; level++) {
          const eligible = [...levels.keys()].filter((pieceIndex) => levels[pieceIndex] === level && asking.has(pieceIndex))
          const lowest = Math.min(...eligible.map((pieceIndex) => counts[pieceIndex]!))
          const rarest = eligible.filter((pieceIndex) => counts[pieceIndex] === lowest)
          for (const fromCount of [0, eligible.length === 0 ? 0 : lowest]) {
            const found = availability.rarest(level, asking, fromCount, random)
            assert.ok(rarest.length === 0 ? found === -1 : rarest.includes(found), `rarest of ${rarest.join()} was ${found}`)
          }
          const any = availability.random(level, asking, random)
          assert.ok(eligible.length === 0 ? any === -1 : eligible.includes(any))
          const begin = random(pieceCount)
          const end = begin + random(pieceCount - begin + 1)
          const first = eligible.find((pieceIndex) => pieceIndex >= begin && pieceIndex < end) ?? -1
          assert.equal(availability.first(level, asking, begin, end), first)
        }
      }),
    )
  })
})
