import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProblemError } from '@shoal/api/problem'
import fc from 'fast-check'
import { canonicalUrl } from './canonical-url.ts'

function codeOf(raw: string, prefix = ''): string {
  try {
    return canonicalUrl(raw, prefix).path
  } catch (error) {
    assert.ok(error instanceof ProblemError)
    return error.code
  }
}

describe('canonicalUrl', () => {
  test('takes needless percent signs away, and leaves the needed ones', () => {
    assert.equal(codeOf('/v1/%66iles'), '/v1/files')
    assert.equal(codeOf('/v1/files/a%20b'), '/v1/files/a%20b')
    assert.equal(codeOf('/v1/files/%E1%BA%A1?x'), '/v1/files/%E1%BA%A1')
    assert.equal(codeOf('/'), '/')
  })

  test('finds nothing at another spelling', () => {
    for (const raw of [
      '',
      'v1',
      '//',
      '/v1/',
      '//v1',
      '/v1//x',
      '/./v1',
      '/v1/..',
      '/v1/%2e%2e/x',
      '/v1/%2Fx',
      '/v1/%5cx',
      '/v1/%00',
      '*',
      'http://h/v1',
    ]) {
      assert.equal(codeOf(raw), 'NOT_FOUND', raw)
    }
    for (const raw of ['/%', '/%zz', '/%ff', '/\u00e9', `/${'x'.repeat(9_000)}`, `/?${'a&'.repeat(60)}`, '/?a=%ff', '/?%zz']) {
      assert.equal(codeOf(raw), 'MALFORMED', raw.slice(0, 20))
    }
  })

  test('takes the path of a proxy off, once and whole', () => {
    assert.equal(codeOf('/hub/v1/hub', '/hub'), '/v1/hub')
    assert.equal(codeOf('/hub', '/hub'), '/')
    assert.equal(codeOf('/hub/hub/v1', '/hub'), '/hub/v1')
    assert.equal(codeOf('/hubv1', '/hub'), '/hubv1')
    assert.equal(codeOf('/v1/hub', '/hub'), '/v1/hub')
  })

  test('reads parameters as forms write them', () => {
    assert.deepEqual(canonicalUrl('/x?a=1&b=c+d%2B&a=&e&=f', '').query, [
      ['a', '1'],
      ['b', 'c d+'],
      ['a', ''],
      ['e', ''],
      ['', 'f'],
    ])
  })

  test('whatever comes, gives a path that it gives again, without dots or empty parts', () => {
    const character = fc.constantFrom('/', '.', '%', '2', 'e', 'f', 'F', '5', 'c', '0', 'a', '\\', ';', '?', '#', '\u00ff', ' ')
    fc.assert(
      fc.property(fc.array(character, { maxLength: 20 }), (characters) => {
        const path = codeOf(`/${characters.join('')}`)
        if (!path.startsWith('/')) return
        assert.equal(codeOf(path), path)
        assert.ok(
          path === '/' ||
            path
              .slice(1)
              .split('/')
              .every((part) => part !== '' && part !== '.' && part !== '..'),
          path,
        )
        assert.ok(!/%2f|%5c|%00|\\/i.test(path), path)
      }),
      { numRuns: 3_000 },
    )
  })
})
