import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { latin1 } from '@shoal/protocol/bytes'
import fc from 'fast-check'
import { PeerMemory } from './peer-memory.ts'
import { Swarm } from './peer-store.ts'
import { SECRET_BYTES, SwarmTable } from './swarm-table.ts'

const secret = (seed: number) => {
  let state = seed | 1
  return Uint8Array.from({ length: SECRET_BYTES }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state >>> 24
  })
}
/** Alike in most bytes, in front or at the end. */
const hashOf = (id: number) => Uint8Array.from({ length: 20 }, (_, at) => (at === id % 20 ? id : at === 19 ? id >> 3 : 7))
const memory = new PeerMemory()

describe('SwarmTable', () => {
  test('holds what a map holds, through anything', () => {
    const steps = fc.array(fc.record({ what: fc.constantFrom('add', 'add', 'delete'), id: fc.nat(600) }), { maxLength: 400 })
    fc.assert(
      fc.property(steps, fc.integer(), fc.boolean(), (all, seed, collide) => {
        // With a secret of zeros all of them fall into one place, and it works all the same.
        const table = new SwarmTable(collide ? new Uint8Array(SECRET_BYTES) : secret(seed))
        const naive = new Map<string, Swarm>()
        for (const { what, id } of all) {
          const infoHash = hashOf(id)
          const key = latin1(infoHash)
          assert.equal(table.get(infoHash), naive.get(key))
          if (what === 'add' && !naive.has(key)) {
            const swarm = new Swarm(memory)
            table.add(infoHash, swarm)
            naive.set(key, swarm)
          } else if (what === 'delete' && naive.has(key)) {
            for (let number = 0; number < table.end; number++) if (table.at(number) === naive.get(key)) table.deleteAt(number)
            naive.delete(key)
          }
          assert.equal(table.size, naive.size)
        }
        const held = new Map<string, Swarm>()
        for (let number = 0; number < table.end; number++) {
          const swarm = table.at(number)
          if (swarm !== undefined) held.set(latin1(table.infoHashAt(number)), swarm)
        }
        assert.deepEqual(held, naive)
      }),
      { numRuns: 60 },
    )
  })

  test('uses the numbers of those who are gone', () => {
    const table = new SwarmTable(secret(1))
    for (let id = 0; id < 100; id++) table.add(hashOf(id), new Swarm(memory))
    for (let number = 0; number < 100; number += 2) table.deleteAt(number)
    for (let id = 100; id < 150; id++) table.add(hashOf(id), new Swarm(memory))
    assert.deepEqual([table.size, table.end], [100, 100])
  })
})
