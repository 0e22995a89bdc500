import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { announceKeyIn, trackerPathOf } from './tracker-path.ts'

describe('tracker paths', () => {
  test('are open ones, and those with a key', () => {
    assert.deepEqual(trackerPathOf('/announce'), { action: 'announce', announceKey: undefined })
    assert.deepEqual(trackerPathOf('/scrape'), { action: 'scrape', announceKey: undefined })
    assert.deepEqual(trackerPathOf('/a/abc_DEF-123/announce'), { action: 'announce', announceKey: 'abc_DEF-123' })
    assert.deepEqual(trackerPathOf('/a/abc_DEF-123/scrape'), { action: 'scrape', announceKey: 'abc_DEF-123' })
  })

  test('with something that can be no key have a wrong one', () => {
    for (const key of ['', 'short', 'a%20bcdefgh', 'a'.repeat(129), '__proto__ x']) {
      assert.deepEqual(trackerPathOf(`/a/${key}/announce`), { action: 'announce', announceKey: '' })
    }
  })

  test('are spelt in one way only', () => {
    for (const path of [
      '/',
      '/Announce',
      '/announce/',
      '//announce',
      '/announce/upload',
      '/a/announce',
      '/a/abcdefgh/announce/',
      '/a/x/y/announce',
    ]) {
      assert.equal(trackerPathOf(path), undefined, path)
    }
  })

  test('come over UDP too', () => {
    assert.equal(announceKeyIn('/a/abcdefgh/announce?x=1'), 'abcdefgh')
    for (const urlData of [undefined, '', '/announce', '/somewhere?/a/abcdefgh/announce']) assert.equal(announceKeyIn(urlData), undefined)
  })
})
