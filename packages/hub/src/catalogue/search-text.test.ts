import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { foldText, indexedLetters, indexedWords, searchExpression } from './search-text.ts'

describe('search text', () => {
  test('marks, case and width do not matter', () => {
    assert.equal(foldText('Bài Giảng Đại Số'), 'bai giang dai so')
    assert.equal(foldText('Straße Łódź ＡＢＣ'), 'strasse lodz abc')
    assert.equal(foldText('Bài'.normalize('NFD')), foldText('Bài'.normalize('NFC')))
    assert.equal(foldText('한국어'), '한국어')
  })

  test('words end at punctuation and where letters meet digits', () => {
    assert.equal(indexedWords(['Foo.Bar.S01E02.1080p-GRP']), 'foo bar s01e02 s 1 e 2 1080p 1080 p grp')
    assert.equal(indexedWords(['lecture_04 [final]']), 'lecture 4 final')
  })

  test('Chinese is taken apart into characters', () => {
    assert.equal(indexedWords(['机器学习第04课']), '机 器 学 习 第 4 课')
    assert.equal(searchExpression('学习')?.words, '"学 习"')
  })

  test('a question finds the beginnings of words, but numbers only whole', () => {
    assert.equal(searchExpression('lectur 4')?.words, '"lectur"* AND "4"')
    assert.equal(searchExpression('s01e02')?.words, '("s01e02"* OR "s 1 e 2")')
  })

  test('letters have no borders', () => {
    assert.equal(indexedLetters(['Bài giảng 04']), 'baigiang4')
    assert.equal(indexedLetters(['S01E00 - 007 x0 第04课', 'b']), 's1e07x0第4课 b')
    assert.equal(searchExpression('baigiang')?.letters, '"baigiang"')
    assert.equal(searchExpression('giang 4')?.letters, '"giang4"')
    assert.equal(searchExpression('iang ecture')?.letters, '"iangecture" OR ("iang" AND "ecture")')
    assert.equal(searchExpression('ab')?.letters, undefined)
  })

  test('operators and quotes of the search language are only punctuation', () => {
    assert.equal(
      searchExpression('a" OR NEAR(b) * -c ^d {e}:f')?.words,
      '"a"* AND "or"* AND "near"* AND "b"* AND "c"* AND "d"* AND "e"* AND "f"*',
    )
    assert.equal(searchExpression(' "*-() '), undefined)
  })
})
