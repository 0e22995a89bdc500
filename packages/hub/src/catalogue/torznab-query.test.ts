import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { categoriesOf, tagsOfCategories } from './torznab-categories.ts'
import { type TorznabQuestion, TorznabRefusal, torznabQuestion } from './torznab-query.ts'

function ask(query: string): TorznabQuestion {
  return torznabQuestion(new Map(new URLSearchParams(query)))
}

describe('torznab questions', () => {
  for (const [query, code] of [
    ['', 200],
    ['t=', 200],
    ['t=dance', 202],
    ['t=details&guid=1', 203],
    ['t=search&limit=x', 201],
    ['t=search&limit=-1', 201],
    ['t=search&offset=1001', 201],
    ['t=search&offset=1e3', 201],
    ['t=search&cat=film', 201],
    ['t=search&cat=2000,', 201],
    ['t=search&o=json', 201],
    ['t=tvsearch&season=one', 201],
    ['t=tvsearch&season=1&ep=two', 201],
  ] as const) {
    test(`${query || 'nothing'} is refused with ${code}`, () => assert.throws(() => ask(query), { name: 'TorznabRefusal', code }))
  }

  for (const [query, words] of [
    ['t=search&q=lecture', 'lecture'],
    ['t=search', ''],
    ['t=tvsearch&q=foo&season=1&ep=2', 'foo s01e02'],
    ['t=tvsearch&q=foo&season=S01&ep=E02', 'foo s01e02'],
    ['t=tvsearch&q=foo&season=3', 'foo s03'],
    ['t=tvsearch&q=foo&season=2026&ep=11/25', 'foo 2026 11/25'],
    ['t=movie&q=foo&year=2026&imdbid=tt1', 'foo 2026'],
    ['t=music&artist=An&album=B', 'An B'],
    ['t=book&title=X&author=Y', 'X Y'],
  ] as const) {
    test(`${query} looks for "${words}"`, () => {
      const question = ask(query)
      assert.equal(question.type === 'search' && question.words, words)
    })
  }

  test('limits are cut, not refused', () => {
    const limitOf = (query: string) => {
      const question = ask(query)
      return question.type === 'search' ? [question.limit, question.offset] : []
    }
    assert.deepEqual(limitOf('t=search'), [50, 0])
    assert.deepEqual(limitOf('t=search&limit=5000&offset=1000'), [100, 1_000])
    assert.deepEqual(limitOf('t=search&limit=0'), [50, 0])
  })

  test('words without letters find nothing, no words find all', () => {
    const filterOf = (query: string) => {
      const question = ask(query)
      return question.type === 'search' ? question.filter : undefined
    }
    assert.equal(filterOf('t=search&q=***'), undefined)
    assert.deepEqual(filterOf('t=search&q='), {})
  })

  test('anything else is answered or refused', () => {
    const names = fc.constantFrom('t', 'q', 'cat', 'limit', 'offset', 'season', 'ep', 'o', 'year', 'x')
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('search', 'tvsearch', '1', '2000,8000', '99999999999'))
    fc.assert(
      fc.property(fc.array(fc.tuple(names, value)), (pairs) => {
        try {
          torznabQuestion(new Map(pairs))
        } catch (error) {
          assert.ok(error instanceof TorznabRefusal)
        }
      }),
    )
  })

  test('tags are categories', () => {
    assert.deepEqual(
      categoriesOf(['video', 'book', 'x']).map(({ id }) => id),
      [2000, 7000],
    )
    assert.deepEqual(
      categoriesOf([]).map(({ id }) => id),
      [8000],
    )
    assert.equal(tagsOfCategories([]), undefined)
    assert.ok(tagsOfCategories([2040])!.any.includes('film'))
    assert.ok(tagsOfCategories([8000])!.orNoneOf.includes('film'))
    assert.deepEqual(tagsOfCategories([6000]), { any: [], orNoneOf: [] })
  })
})
