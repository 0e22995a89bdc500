import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { byteRange } from './byte-range.ts'

describe('byteRange', () => {
  test('never leaves the file, whatever is asked', () => {
    const part = fc.oneof(fc.constant(''), fc.nat(3_000).map(String), fc.constant('9999999999999999'))
    fc.assert(
      fc.property(part, part, fc.nat(2_000), (first, last, size) => {
        const found = byteRange(`bytes=${first}-${last}`, size)
        if (found === undefined) return
        const { begin, end } = found.span
        assert.ok(begin >= 0 && end <= size && begin <= end)
        if (found.isPart) assert.ok(begin < end)
      }),
    )
  })

  test('is the whole file for what it does not understand', () => {
    for (const header of [undefined, '', 'bytes', 'bytes=', 'bytes=1-2,3-4', 'bytes=0x1-2', 'chars=1-2', `bytes=${'1'.repeat(17)}-`]) {
      assert.deepEqual(byteRange(header, 10), { span: { begin: 0, end: 10 }, isPart: false }, header)
    }
  })
})
