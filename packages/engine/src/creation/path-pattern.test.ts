import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError } from '../base/errors.ts'
import { PathPattern } from './path-pattern.ts'

function fits(pattern: string, path: string): boolean {
  const isFolder = path.endsWith('/')
  return new PathPattern(pattern).matches(path.replace(/\/$/, '').split('/'), isFolder)
}

describe('a pattern of paths', () => {
  for (const [pattern, yes, no] of [
    ['*.tmp', ['a.tmp', 'b/c/a.tmp', '.tmp'], ['a.tmp/b', 'a.tm', 'a.tmpx']],
    ['cache', ['cache', 'a/cache', 'a/cache/'], ['cache/a', 'cached']],
    ['cache/', ['cache/', 'a/cache/'], ['cache', 'a/cache']],
    ['/cache', ['cache'], ['a/cache']],
    ['a/b*', ['a/b', 'a/bc'], ['x/a/b', 'a/b/c', 'ab']],
    ['a/**', ['a/b', 'a/b/c', 'a'], ['b/a', 'ab']],
    ['**/b', ['b', 'a/b', 'a/a/b'], ['a/b/c']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['a/b', 'z']],
    ['?.é', ['a.é', '界.é', '🐟.é'], ['ab.é', '.é']],
    ['*a*b*', ['ab', 'xaxbx', 'aabb'], ['ba', 'a']],
    ['a.b', ['a.b'], ['axb', 'A.b']],
    ['[x]+(y)', ['[x]+(y)'], ['x', 'xy']],
  ] as const) {
    test(`'${pattern}'`, () => {
      for (const path of yes) assert.equal(fits(pattern, path), true, path)
      for (const path of no) assert.equal(fits(pattern, path), false, path)
    })
  }

  test('without anything in it is refused', () => {
    for (const text of ['', '/', '//'])
      assert.throws(
        () => new PathPattern(text),
        (error) => error instanceof EngineError && error.code === 'OPTION_INVALID',
      )
  })

  test('of many stars does not take long', () => {
    assert.equal(fits('*a'.repeat(90), 'a'.repeat(250)), true)
    assert.equal(fits(`${'*a'.repeat(90)}b`, 'a'.repeat(250)), false)
    assert.equal(fits(`${'**/'.repeat(60)}x`, Array.from({ length: 60 }, () => 'a').join('/')), false)
  })
})
