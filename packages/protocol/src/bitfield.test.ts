import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Bitfield } from './bitfield.ts'
import { ProtocolError } from './errors.ts'

/** The naive twin: one boolean a piece. */
function bytesOf(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  bits.forEach((isSet, index) => {
    if (isSet) bytes[Math.floor(index / 8)]! += 2 ** (7 - (index % 8))
  })
  return bytes
}

const anyBits = fc.array(fc.boolean(), { maxLength: 40 })

describe('Bitfield', () => {
  test('does what an array of booleans does', () => {
    const step = fc.record({ action: fc.constantFrom('set', 'clear', 'setAll', 'clearAll'), at: fc.nat() })
    fc.assert(
      fc.property(anyBits, fc.array(step, { maxLength: 60 }), (start, steps) => {
        const twin = [...start]
        const field = Bitfield.fromBytes(bytesOf(start), start.length)
        for (const { action, at } of steps) {
          const index = at % Math.max(1, twin.length)
          if (action === 'setAll') {
            field.setAll()
            twin.fill(true)
          } else if (action === 'clearAll') {
            field.clearAll()
            twin.fill(false)
          } else if (twin.length > 0) {
            const wanted = action === 'set'
            assert.equal(wanted ? field.set(index) : field.clear(index), twin[index] !== wanted)
            twin[index] = wanted
          }
          assert.deepEqual(field.toBytes(), bytesOf(twin))
          assert.equal(field.count, twin.filter(Boolean).length)
          assert.equal(field.isComplete, twin.every(Boolean))
          assert.equal(field.isEmpty, !twin.some(Boolean))
        }
        for (const [index, isSet] of twin.entries()) assert.equal(field.has(index), isSet)
        const listed: number[] = []
        field.forEachSet((index) => listed.push(index))
        assert.deepEqual(
          listed,
          [...twin.keys()].filter((index) => twin[index]),
        )
      }),
    )
  })

  test('knows whether another has something it lacks', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 40 }), (pairs) => {
        const mine = Bitfield.fromBytes(bytesOf(pairs.map(([a]) => a)), pairs.length)
        const theirs = Bitfield.fromBytes(bytesOf(pairs.map(([, b]) => b)), pairs.length)
        const naive = pairs.some(([a, b]) => b && !a)
        assert.equal(mine.intersectsMissing(theirs), naive)
      }),
    )
  })

  test('is full or empty from the start', () => {
    for (let size = 0; size < 20; size++) {
      assert.deepEqual(Bitfield.full(size).bytes, bytesOf(Array<boolean>(size).fill(true)))
      assert.ok(Bitfield.full(size).isComplete)
      assert.ok(Bitfield.empty(size).isEmpty)
    }
  })

  test('says no to an index that is no piece', () => {
    const field = Bitfield.full(10)
    for (const index of [-1, 10, 15, 16, 2 ** 31, Number.NaN]) {
      assert.equal(field.has(index), false)
      assert.throws(() => field.set(index), RangeError)
      assert.throws(() => field.clear(index), RangeError)
    }
  })

  test('refuses bytes of another length', () => {
    for (const length of [0, 1, 3]) assert.throws(() => Bitfield.fromBytes(new Uint8Array(length), 10), isRefusal('BITFIELD_LENGTH'))
  })

  test('refuses bits after the last piece', () => {
    assert.throws(() => Bitfield.fromBytes(Uint8Array.of(0, 0b0010_0000), 10), isRefusal('BITFIELD_SPARE_BITS'))
    assert.equal(Bitfield.fromBytes(Uint8Array.of(0, 0b1100_0000), 10).count, 2)
    assert.equal(Bitfield.fromBytes(Uint8Array.of(0xff), 8).count, 8)
  })

  test('copies what it is given and what it gives', () => {
    const given = Uint8Array.of(0x80)
    const field = Bitfield.fromBytes(given, 8)
    given[0] = 0
    assert.ok(field.has(0))
    const copy = field.clone()
    copy.clear(0)
    field.toBytes()[0] = 0
    assert.ok(field.has(0))
    assert.equal(copy.count, 0)
  })
})

function isRefusal(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code
}
