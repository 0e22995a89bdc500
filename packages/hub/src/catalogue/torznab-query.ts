import type { EntryFilter } from './entry-store.ts'
import { searchExpression } from './search-text.ts'
import { tagsOfCategories } from './torznab-categories.ts'

export const TORZNAB_LIMITS = { max: 100, usual: 50 } as const
/** Programs count pages instead of keeping a cursor, and the database has to walk all of what they skip. */
export const TORZNAB_MAX_OFFSET = 1_000

/** Why a question cannot be answered, in Torznab's codes. */
export class TorznabRefusal extends Error {
  override readonly name = 'TorznabRefusal'
  readonly code: 100 | 102 | 200 | 201 | 202 | 203 | 900
  constructor(code: TorznabRefusal['code'], message: string) {
    super(message)
    this.code = code
  }
}

export type TorznabQuestion =
  | { readonly type: 'caps' }
  | {
      readonly type: 'search'
      readonly words: string
      readonly filter: EntryFilter | undefined
      readonly limit: number
      readonly offset: number
    }

const SEARCHES = new Set(['search', 'tvsearch', 'movie', 'music', 'audio', 'book'])
/** In the specification, but not here. */
const KNOWN_ELSEWHERE = new Set(['register', 'details', 'getnfo', 'get', 'cartadd', 'cartdel', 'comments', 'commentadd', 'user', 'nzbadd'])
/** What each search adds to the words, besides `q`. */
const WORD_PARAMETERS = ['artist', 'album', 'title', 'author', 'year'] as const

/** @param given by lower-case name: the names' case does not matter. @throws {TorznabRefusal} */
export function torznabQuestion(given: ReadonlyMap<string, string>): TorznabQuestion {
  const what = given.get('t')
  if (what === undefined || what === '') throw new TorznabRefusal(200, 'Missing parameter (t)')
  if (given.has('o') && given.get('o')?.toLowerCase() !== 'xml') throw new TorznabRefusal(201, 'Incorrect parameter (o): answers are XML')
  if (what === 'caps') return { type: 'caps' }
  if (KNOWN_ELSEWHERE.has(what)) throw new TorznabRefusal(203, `Function not available (${what})`)
  if (!SEARCHES.has(what)) throw new TorznabRefusal(202, 'No such function (t)')
  const words = [given.get('q'), ...WORD_PARAMETERS.map((name) => given.get(name)), episodeOf(given)]
    .filter((word) => word !== undefined && word.trim() !== '')
    .join(' ')
  return {
    type: 'search',
    words,
    filter: filterOf(words, categoriesIn(given)),
    // Zero asks for nothing, and programs that send it mean all that there is.
    limit: Math.min(numberOf(given, 'limit', Number.MAX_SAFE_INTEGER) ?? TORZNAB_LIMITS.usual, TORZNAB_LIMITS.max) || TORZNAB_LIMITS.usual,
    offset: numberOf(given, 'offset', TORZNAB_MAX_OFFSET) ?? 0,
  }
}

/** Undefined when nothing can fit. */
function filterOf(words: string, categories: readonly number[]): EntryFilter | undefined {
  const question = searchExpression(words)
  if (words !== '' && question === undefined) return undefined
  const tags = tagsOfCategories(categories)
  return { ...(question !== undefined && { question }), ...(tags !== undefined && { tags }) }
}

/** `s01e02` as releases write it; season alone, or a day (`ep=11/25` of `season=2026`) as words. */
function episodeOf(given: ReadonlyMap<string, string>): string | undefined {
  const season = /^[Ss]?(\d{1,4})$/.exec(given.get('season') ?? '')?.[1]
  const episode = /^[Ee]?(\d{1,4}(?:\/\d{1,2})?)$/.exec(given.get('ep') ?? '')?.[1]
  if ((given.get('season') ?? '') !== '' && season === undefined) throw incorrect('season')
  if ((given.get('ep') ?? '') !== '' && episode === undefined) throw incorrect('ep')
  if (season === undefined) return episode
  if (episode === undefined) return season.length === 4 ? season : `s${season.padStart(2, '0')}`
  return episode.includes('/') ? `${season} ${episode}` : `s${season.padStart(2, '0')}e${episode.padStart(2, '0')}`
}

function categoriesIn(given: ReadonlyMap<string, string>): number[] {
  const text = given.get('cat') ?? ''
  if (text === '') return []
  if (!/^\d{1,6}(?:,\d{1,6}){0,99}$/.test(text)) throw incorrect('cat')
  return text.split(',').map(Number)
}

function numberOf(given: ReadonlyMap<string, string>, name: string, most: number): number | undefined {
  const text = given.get(name) ?? ''
  if (text === '') return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(value) || value > most) throw incorrect(name)
  return value
}

function incorrect(name: string): TorznabRefusal {
  return new TorznabRefusal(201, `Incorrect parameter (${name})`)
}
