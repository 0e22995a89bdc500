import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readPeerMessage } from './peer-message.ts'

describe('readPeerMessage', () => {
  test('reads what the contract has', () => {
    const hello = { type: 'hello', hostKey: 'A'.repeat(43), name: 'Bình', port: 6881, version: '1' }
    assert.deepEqual(readPeerMessage(JSON.stringify(hello)), hello)
    assert.deepEqual(readPeerMessage('{"type":"pong","call":7}'), { type: 'pong', call: 7 })
  })

  test('says what is wrong with the rest', () => {
    for (const [text, why] of [
      ['{', 'it is not JSON'],
      ['7', 'it has no type'],
      ['{"type":7}', 'it has no type'],
      ['{"type":"toString"}', 'there is no message of the type "toString"'],
      ['{"type":"pong","call":-1}', 'call must be >= 0'],
      ['{"type":"hello","port":70000}', 'it must have required properties hostKey, name, version'],
    ] as const) {
      assert.deepEqual(readPeerMessage(text), { refusal: why })
    }
  })
})
