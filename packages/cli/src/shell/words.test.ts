import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { asTyped, readTypedLine, wordsOf } from './words.ts'

describe('words of a line', () => {
  const lines: readonly (readonly [line: string, ...words: string[]])[] = [
    [''],
    ['   \t '],
    ['ping 10.0.0.1  6881 ', 'ping', '10.0.0.1', '6881'],
    ['discover "Bình Nguyễn"', 'discover', 'Bình Nguyễn'],
    ['list_files \'it\'\'s here\' "a ""b""" \'\'', 'list_files', "it's here", 'a "b"', ''],
    ['ban mallory Don\'t 5" x', 'ban', 'mallory', "Don't", '5"', 'x'],
    ['publish C:\\new\\films', 'publish', 'C:\\new\\films'],
    ['publish "C:\\new films\\"', 'publish', 'C:\\new films\\'],
    ['invite --note="class of 2027" --uses=3', 'invite', '--note=class of 2027', '--uses=3'],
    ['list_files\u3000讲义', 'list_files', '讲义'],
  ]
  for (const [line, ...words] of lines) {
    test(JSON.stringify(line), () => assert.deepEqual(wordsOf(line), words))
  }

  test('an open quote is refused, and told to completion', () => {
    assert.throws(() => wordsOf('discover "Bình'), { code: 'USAGE', message: /opened and not closed/ })
    assert.deepEqual(readTypedLine('discover "Bình N'), {
      words: ['discover', 'Bình N'],
      last: { raw: '"Bình N', text: 'Bình N' },
      isOpen: true,
    })
    assert.deepEqual(readTypedLine('discover ').last, { raw: '', text: '' })
  })

  test('any word is read again as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 }), (words) => {
        assert.deepEqual(wordsOf(words.map(asTyped).join(' ')), words)
      }),
    )
    for (const word of ['', ' ', '"', "'", '"a', "a'b", '\u3000', 'a\u3000b', 'a"b c'])
      assert.deepEqual(wordsOf(`x ${asTyped(word)} y`), ['x', word, 'y'])
  })
})
