import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cleanText } from './clean-text.ts'

describe('cleanText', () => {
  test('leaves what people write as it is', () => {
    for (const text of ['Transmission 4.0.6', 'μTorrent 3.5.5', 'Tệp đã chia sẻ', '分享文件 🙂']) assert.equal(cleanText(text, 64), text)
  })

  test('takes out what could write on the terminal', () => {
    assert.equal(cleanText('\u001b[31mred\u001b[0m', 64), '[31mred [0m')
    assert.equal(cleanText('one\r\ntwo\u0000', 64), 'one two')
    assert.equal(cleanText('evil\u202egnp.exe\u200b', 64), 'evilgnp.exe')
    assert.equal(cleanText('c1\u009b31m', 64), 'c1 31m')
  })

  test('cuts by characters and never splits one', () => {
    assert.equal(cleanText('🙂🙂🙂', 2), '🙂🙂')
    assert.equal(cleanText(Buffer.from('🙂🙂🙂'), 2), '🙂🙂')
    assert.equal(cleanText('one two', 4), 'one')
  })

  test('is clean and short for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = cleanText(bytes, 20)
        assert.ok(Array.from(text).length <= 20)
        assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        assert.equal(cleanText(text, 20), text)
      }),
    )
  })
})
