import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import { entryDescription, entryName, entryTags, nameKey } from './entry-name.ts'

describe('the name of an entry', () => {
  test('an honest name in any script stays as it is', () => {
    for (const name of ['lecture-04.mp4', 'Bài giảng 04.mp4', '机器学习 第四课.mkv', 'Ødegård (2026).iso'])
      assert.equal(entryName(name), name)
  })

  test('what nobody sees is dropped', () => {
    assert.equal(entryName('  lec\u200bture\u202e-04\u0007 '), 'lecture-04')
  })

  for (const [what, name] of [
    ['nothing', ''],
    ['only marks of direction', '\u202e\u200b'],
    ['a path', 'a/b'],
    ['the folder above', '..'],
    ['a path of Windows', 'a\\b'],
    ['a device of Windows', 'nul.txt'],
    ['a stream of Windows', 'a:b'],
    ['a dot at the end', 'lecture.'],
    ['more bytes than a file name has', '课'.repeat(100)],
    ['characters that stand for many', '\ufdfa'.repeat(60)],
  ] as const) {
    test(`${what} is refused`, () => {
      assert.throws(
        () => entryName(name),
        (error) => error instanceof ProblemError && error.code === 'VALIDATION' && error.extras.errors?.[0]?.field === 'name',
      )
    })
  }

  test('the refusal says what would do', () => {
    assert.throws(() => entryName('a/b'), { message: '"a/b" cannot be the name of a file on every system. "a_b" would do' })
  })

  test('case, width and spaces make no other name; marks do', () => {
    assert.equal(nameKey('Lecture  04'), nameKey('ｌＥＣＴＵＲＥ 04'))
    assert.equal(nameKey('bài'.normalize('NFD')), nameKey('bài'.normalize('NFC')))
    assert.notEqual(nameKey('bài'), nameKey('bái'))
  })
})

describe('the other texts of an entry', () => {
  test('a description keeps its lines and nothing that steers a terminal', () => {
    assert.equal(entryDescription('one\r\n\u001b[31mtwo\u202e  '), 'one\n[31mtwo')
    assert.equal(entryDescription(' \n '), undefined)
  })

  test('tags are lower case, once each, sorted', () => {
    assert.deepEqual(entryTags(['Video', 'video ', 'class, 4B', '\u200b']), ['class 4b', 'video'])
  })
})
