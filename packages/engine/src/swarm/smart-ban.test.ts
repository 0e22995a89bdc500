import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SmartBan } from './smart-ban.ts'

/** Stands for the digest of a block: equal letters are equal blocks. */
const digests = (letters: string): Uint8Array[] => Array.from(letters, (letter) => Uint8Array.of(letter.charCodeAt(0)))

describe('SmartBan', () => {
  test('names the sender whose block differs once the piece has come right', () => {
    const smartBan = new SmartBan<string>()
    smartBan.onBad(7, ['ann', 'bob', 'ann', 'eve'], digests('abcX'))
    assert.deepEqual(smartBan.onVerified(7, digests('abcd')), ['eve'])
  })

  test('names a liar of several blocks and several failures once', () => {
    const smartBan = new SmartBan<string>()
    smartBan.onBad(7, ['eve', 'eve', 'bob'], digests('XYc'))
    smartBan.onBad(7, ['bob', 'eve', 'mal'], digests('aZQ'))
    assert.deepEqual(smartBan.onVerified(7, digests('abc')).sort(), ['eve', 'mal'])
  })

  test('accuses nobody of a piece that never failed', () => {
    const smartBan = new SmartBan<string>()
    smartBan.onBad(1, ['ann', 'eve'], digests('aX'))
    assert.equal(smartBan.remembers(2), false)
    assert.deepEqual(smartBan.onVerified(2, digests('ab')), [])
  })

  test('accuses nobody when every block was right (it was the disk that erred)', () => {
    const smartBan = new SmartBan<string>()
    smartBan.onBad(1, ['ann', 'bob'], digests('ab'))
    assert.deepEqual(smartBan.onVerified(1, digests('ab')), [])
  })

  test('forgets a piece once it is right', () => {
    const smartBan = new SmartBan<string>()
    smartBan.onBad(1, ['ann', 'eve'], digests('aX'))
    assert.equal(smartBan.remembers(1), true)
    smartBan.onVerified(1, digests('ab'))
    assert.equal(smartBan.remembers(1), false)
    assert.deepEqual(smartBan.onVerified(1, digests('ab')), [])
  })

  test('remembers no more pieces than it may: the one that failed longest ago goes', () => {
    const smartBan = new SmartBan<string>({ maxPieces: 2 })
    smartBan.onBad(1, ['eve', 'ann'], digests('Xa'))
    smartBan.onBad(2, ['eve', 'ann'], digests('Xa'))
    smartBan.onBad(1, ['ann', 'eve'], digests('bX'))
    smartBan.onBad(3, ['eve', 'ann'], digests('Xa'))
    assert.deepEqual(
      [1, 2, 3].map((pieceIndex) => smartBan.remembers(pieceIndex)),
      [true, false, true],
    )
  })

  test('remembers no more failures of one piece than it may: the latest', () => {
    const smartBan = new SmartBan<string>({ maxFailures: 2 })
    for (const liar of ['first', 'second', 'third']) smartBan.onBad(1, [liar, 'ann'], digests('Xb'))
    assert.deepEqual(smartBan.onVerified(1, digests('ab')), ['second', 'third'])
  })
})
