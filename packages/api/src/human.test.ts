import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatPercent,
  formatRate,
  formatTimeLeft,
  parseBytes,
  parseRate,
} from './human.ts'

/** One assertion a line: what goes in, what people read. */
function table<Input>(
  format: (input: Input) => string | number | undefined,
  rows: readonly (readonly [Input, string | number | undefined])[],
): void {
  for (const [input, expected] of rows) assert.equal(format(input), expected, `of ${String(input)}`)
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

describe('sizes', () => {
  test('are binary, with at most three digits that matter', () => {
    table(formatBytes, [
      [0, '0 B'],
      [1, '1 B'],
      [999, '999 B'],
      [1000, '0.98 KiB'],
      [1023, '1.00 KiB'],
      [KiB, '1 KiB'],
      [KiB + 1, '1.00 KiB'],
      [9.99 * KiB, '9.99 KiB'],
      [9.995 * KiB, '10.0 KiB'],
      [99.94 * KiB, '99.9 KiB'],
      [99.95 * KiB, '100 KiB'],
      [999.4 * KiB, '999 KiB'],
      [999.5 * KiB, '0.98 MiB'],
      [256 * KiB, '256 KiB'],
      [1.42 * GiB, '1.42 GiB'],
      [4096 * GiB, '4 TiB'],
      [Number.MAX_SAFE_INTEGER, '8.00 PiB'],
    ])
  })

  test('are nothing when they make no sense', () => {
    table(formatBytes, [
      [-5, '0 B'],
      [Number.NaN, '0 B'],
    ])
  })

  test('never show more than three digits', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 2 ** 69, noNaN: true }), (bytes) => {
        const [number = ''] = formatBytes(bytes).split(' ')
        return number.replace('.', '').length <= 3
      }),
    )
  })
})

describe('rates', () => {
  test('are decimal and keep their digits', () => {
    table(formatRate, [
      [0, '0 B/s'],
      [999, '999 B/s'],
      [999.5, '1.00 kB/s'],
      [1000, '1.00 kB/s'],
      [999_499, '999 kB/s'],
      [999_500, '1.00 MB/s'],
      [9_994_999, '9.99 MB/s'],
      [9_995_001, '10.0 MB/s'],
      [412_000_000, '412 MB/s'],
      [1_250_000_000, '1.25 GB/s'],
    ])
  })
})

describe('durations', () => {
  test('get coarser as they get longer', () => {
    table(formatDuration, [
      [0, '0.0 s'],
      [-1, '0.0 s'],
      [1400, '1.4 s'],
      [9949, '9.9 s'],
      [9950, '10 s'],
      [59_499, '59 s'],
      [59_500, '1 min'],
      [120_000, '2 min'],
      [125_000, '2 min 5 s'],
      [599_499, '9 min 59 s'],
      [599_500, '10 min'],
      [35 * 60_000 + 10_000, '35 min'],
      [60 * 60_000, '1 h'],
      [185 * 60_000, '3 h 5 min'],
      [24 * 3600_000 - 1, '1 d'],
      [52 * 3600_000, '2 d 4 h'],
      [Number.POSITIVE_INFINITY, 'forever'],
    ])
  })

  test('say what is left only when it is known', () => {
    table(formatTimeLeft, [
      [1400, '1.4 s left'],
      [undefined, ''],
      [Number.POSITIVE_INFINITY, ''],
    ])
  })
})

describe('counts', () => {
  test('have their thousands apart', () => {
    table(formatCount, [
      [0, '0'],
      [999, '999'],
      [1000, '1,000'],
      [1455, '1,455'],
      [2_097_152, '2,097,152'],
      [-1234, '-1,234'],
    ])
  })

  test('agree with their noun', () => {
    assert.equal(formatCounted(1, 'file'), '1 file')
    assert.equal(formatCounted(0, 'file'), '0 files')
    assert.equal(formatCounted(3000, 'person', 'people'), '3,000 people')
  })
})

describe('percent', () => {
  test('says 100 only of what is complete', () => {
    assert.equal(formatPercent(0, 1000), '0 %')
    assert.equal(formatPercent(619, 1000), '61 %')
    assert.equal(formatPercent(999_999, 1_000_000), '99 %')
    assert.equal(formatPercent(1000, 1000), '100 %')
    assert.equal(formatPercent(0, 0), '100 %')
  })
})

describe('sizes that people type', () => {
  test('mean what their unit says', () => {
    table(parseBytes, [
      ['262144', 262_144],
      ['256KiB', 262_144],
      ['256 kib', 262_144],
      ['1MiB', 1_048_576],
      ['1MB', 1_000_000],
      ['1.5 GB', 1_500_000_000],
      ['12B', 12],
      ['0', 0],
    ])
  })

  test('are refused when they could mean two things, or nothing', () => {
    table(parseBytes, [
      ['', undefined],
      ['1M', undefined],
      ['-1', undefined],
      ['1e6', undefined],
      ['0x10', undefined],
      ['MiB', undefined],
      ['1 MiB please', undefined],
      ['999999999999999TB', undefined],
    ])
  })

  test('may be a rate', () => {
    assert.equal(parseRate('500KB/s'), 500_000)
    assert.equal(parseRate('5MB'), 5_000_000)
    assert.equal(parseRate('fast'), undefined)
  })
})
