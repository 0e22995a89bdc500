import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { encodeDontHave, parseDontHave } from './dont-have.ts'

describe('lt_donthave', () => {
  test('is the index of a piece', () => {
    assert.deepEqual([...encodeDontHave(0x01020304)], [1, 2, 3, 4])
    assert.equal(parseDontHave(encodeDontHave(0xffffffff)), 0xffffffff)
  })

  test('of another length is refused', () => {
    for (const length of [0, 3, 5]) {
      assert.throws(
        () => parseDontHave(new Uint8Array(length)),
        (error) => error instanceof ProtocolError && error.code === 'WIRE_DONT_HAVE',
      )
    }
  })
})
