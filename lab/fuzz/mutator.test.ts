import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Random } from '@shoal/engine/simulation'
import { decodeBencode } from '@shoal/protocol/bencode'
import { fromLatin1, latin1, toHex, uint32 } from '@shoal/protocol/bytes'
import { readTree, writeTree } from './bencode-grammar.ts'
import { minimised } from './minimise.ts'
import { type Grammar, Mutator } from './mutator.ts'
import { messagesOf } from './wire-grammar.ts'

const TORRENT = fromLatin1('d8:announce3:url4:infod6:lengthi5e4:name1:a12:piece lengthi1e6:pieces20:aaaaaaaaaaaaaaaaaaaaee')
const MESSAGES = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 5, 4, 0, 0, 0, 9)

function changed(seed: number, grammar: Grammar, pool: readonly Uint8Array[], count = 500): Uint8Array[] {
  const mutator = new Mutator({ random: new Random(seed), grammar, tokens: [fromLatin1('files')], maxBytes: 300 })
  return Array.from({ length: count }, () => mutator.next(pool))
}

describe('Mutator', () => {
  test('makes the same inputs from the same seed', () => {
    const [one, two, three] = [7, 7, 8].map((seed) => changed(seed, 'bencode', [TORRENT]).map(toHex).join())
    assert.equal(one, two)
    assert.notEqual(one, three)
  })

  test('leaves the pool as it was, and stays below the limit', () => {
    const pool = [TORRENT, MESSAGES].map((bytes) => bytes.slice())
    for (const grammar of ['bytes', 'bencode', 'wire'] as const) {
      for (const input of changed(1, grammar, pool)) assert.ok(input.length <= 300)
    }
    assert.deepEqual(pool, [TORRENT, MESSAGES])
  })

  test('keeps the grammar of bencode often enough to get behind it', () => {
    const whole = changed(2, 'bencode', [TORRENT]).filter((input) => readTree(input)?.end === input.length)
    assert.ok(whole.length > 150, `${whole.length} of 500 are bencode`)
    assert.ok(new Set(whole.map(latin1)).size > 100)
  })

  test('keeps the lengths of messages often enough to get behind them', () => {
    const whole = changed(3, 'wire', [MESSAGES]).filter((input) => messagesOf(input).every((each) => each.length === 4 + uint32(each, 0)))
    assert.ok(whole.length > 150, `${whole.length} of 500 are messages`)
  })
})

describe('a tree of bencode', () => {
  test('is written as it was read', () => {
    assert.deepEqual(writeTree(readTree(TORRENT)!.tree), TORRENT)
    assert.deepEqual(decodeBencode(TORRENT) !== undefined, true)
  })
})

describe('minimising', () => {
  test('leaves what the fault needs, and zeros', async () => {
    const smallest = await minimised(fromLatin1(`${'x'.repeat(500)}needle${'y'.repeat(300)}hay`), async (bytes) => {
      const text = latin1(bytes)
      return text.includes('needle') && text.length >= 8
    })
    assert.equal(latin1(smallest).replaceAll('0', ''), 'needle')
    assert.equal(smallest.length, 8)
  })
})
