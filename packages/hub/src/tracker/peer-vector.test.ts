import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PeerMemory } from './peer-memory.ts'
import { type Dice, type PeerRole, PeerVector } from './peer-vector.ts'

/** The naive twin: endpoints as text in a map, in no order. */
class NaivePeers {
  readonly peers = new Map<string, { role: PeerRole; tick: number }>()
  expire(now: number, lifetime: number): number {
    const gone = [...this.peers].filter(([, peer]) => ((now - peer.tick) & 0x7fff) >= lifetime)
    for (const [key] of gone) this.peers.delete(key)
    return gone.length
  }
}

const endpointOf = (stride: number, id: number): Uint8Array => {
  const bytes = new Uint8Array(stride).fill(7)
  new DataView(bytes.buffer).setUint32(stride - 4, id)
  return bytes
}
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Seeded, so that a failure can be seen again. */
function diceFrom(seed: number): Dice {
  let state = seed | 1
  return {
    randomBelow: (limit) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 0x1_0000_0000) * limit)
    },
  }
}

function contents(vector: PeerVector, stride: number, dice: Dice): { givers: string[]; leechers: string[] } {
  const givers = new Uint8Array(vector.giverCount * stride)
  vector.copyGivers(vector.giverCount, givers, 0, dice)
  const leechers = new Uint8Array(vector.leecherCount * stride)
  vector.copyLeechers(vector.leecherCount, leechers, 0, dice)
  const split = (bytes: Uint8Array) =>
    Array.from({ length: bytes.length / stride }, (_, i) => textOf(bytes.subarray(i * stride, (i + 1) * stride))).sort()
  return { givers: split(givers), leechers: split(leechers) }
}

describe('PeerVector', () => {
  test('holds what its naive twin holds, through anything', () => {
    const operations = fc.array(
      fc.record({
        what: fc.constantFrom('add', 'add', 'add', 'remove', 'remove', 'flip', 'expire'),
        id: fc.nat(260),
        role: fc.constantFrom<PeerRole>('seed', 'partial', 'leech'),
        later: fc.nat(2),
      }),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(fc.constantFrom(6, 18), fc.constantFrom(0, 0, 60, 125, 200), operations, fc.integer(), (stride, there, steps, seed) => {
        const dice = diceFrom(seed)
        const vector = new PeerVector(stride, new PeerMemory())
        const naive = new NaivePeers()
        let tick = 32_700
        // Above 128 there is an index, and below 64 none again.
        for (let id = 0; id < there; id++) {
          vector.add(endpointOf(stride, id), 'leech', tick, dice)
          naive.peers.set(textOf(endpointOf(stride, id)), { role: 'leech', tick })
        }
        for (const { what, id, role, later } of steps) {
          tick += later
          const endpoint = endpointOf(stride, id)
          const key = textOf(endpoint)
          const position = vector.find(endpoint)
          const known = naive.peers.get(key)
          assert.equal(position >= 0, known !== undefined)
          if (known !== undefined) {
            assert.equal(vector.roleAt(position), known.role)
            assert.equal(vector.ageAt(position, tick), (tick - known.tick) & 0x7fff)
          }
          if (what === 'expire') {
            assert.equal(vector.expire(tick, 20), naive.expire(tick, 20))
          } else {
            if (position >= 0) vector.removeAt(position)
            naive.peers.delete(key)
            if (what !== 'remove') {
              const next = what === 'flip' && known?.role === 'leech' ? 'seed' : role
              vector.add(endpoint, next, tick, dice)
              naive.peers.set(key, { role: next, tick })
            }
          }
          assert.equal(vector.count, naive.peers.size)
          assert.equal(vector.seedCount, [...naive.peers.values()].filter((peer) => peer.role === 'seed').length)
        }
        const entries = [...naive.peers]
        assert.deepEqual(contents(vector, stride, dice), {
          givers: entries
            .filter(([, peer]) => peer.role !== 'leech')
            .map(([key]) => key)
            .sort(),
          leechers: entries
            .filter(([, peer]) => peer.role === 'leech')
            .map(([key]) => key)
            .sort(),
        })
      }),
    )
  })

  test('hands out every peer equally often, whoever came when', () => {
    const dice = diceFrom(42)
    const vector = new PeerVector(6, new PeerMemory())
    const peers = 100
    for (let id = 0; id < peers; id++) vector.add(endpointOf(6, id), id % 5 === 0 ? 'seed' : 'leech', 0, dice)
    const seen = new Map<string, number>()
    const rounds = 20_000
    const into = new Uint8Array(10 * 6)
    for (let round = 0; round < rounds; round++) {
      // everybody announces again from time to time, which is what keeps the order random
      const endpoint = endpointOf(6, round % peers)
      vector.removeAt(vector.find(endpoint))
      vector.add(endpoint, (round % peers) % 5 === 0 ? 'seed' : 'leech', 0, dice)
      vector.copyLeechers(10, into, 0, dice)
      for (let at = 0; at < into.length; at += 6) {
        const key = textOf(into.subarray(at, at + 6))
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
    }
    const expected = (rounds * 10) / 80
    assert.equal(seen.size, 80)
    for (const [key, count] of seen)
      assert.ok(Math.abs(count - expected) < expected * 0.15, `${key} was handed out ${count} times, ${expected} is fair`)
  })

  test('counts who shares an address, in a large swarm never too few', () => {
    const dice = diceFrom(1)
    for (const peers of [10, 600, 3_000]) {
      const vector = new PeerVector(6, new PeerMemory())
      for (let id = 0; id < peers; id++) vector.add(Uint8Array.of(10, 0, id >> 8, id & 0xff, 0, 1), 'leech', 0, dice)
      const crowded = (port: number) => Uint8Array.of(192, 0, 2, 1, 0, port)
      for (let port = 1; port <= 50; port++) vector.add(crowded(port), port % 2 === 0 ? 'seed' : 'leech', 0, dice)
      const counted = vector.countSharing(crowded(99))
      assert.ok(counted >= 50 && counted <= 56, `${counted} of 50 among ${peers}`)
      if (peers < 500) assert.equal(counted, 50)
      for (let port = 1; port <= 50; port++) vector.removeAt(vector.find(crowded(port)))
      assert.ok(vector.countSharing(crowded(99)) <= 6)
      while (vector.count > 5) vector.removeAt(0)
      assert.equal(vector.countSharing(crowded(99)), 0, 'small again, exact again')
    }
  })
})
