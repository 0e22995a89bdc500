/**
 * Torznab sorts by number, our people by tag. A tag that says what something is puts it into the category of that; what has
 * none of these tags is "other".
 */
export interface TorznabCategory {
  readonly id: number
  readonly name: string
  readonly tags: readonly string[]
}

export const OTHER: TorznabCategory = { id: 8000, name: 'Other', tags: [] }
export const TORZNAB_CATEGORIES: readonly TorznabCategory[] = [
  { id: 1000, name: 'Console', tags: ['console', 'console game'] },
  { id: 2000, name: 'Movies', tags: ['movie', 'movies', 'film', 'films', 'video', 'videos'] },
  { id: 3000, name: 'Audio', tags: ['audio', 'music', 'podcast', 'audiobook'] },
  { id: 4000, name: 'PC', tags: ['software', 'program', 'pc', 'iso', 'game', 'games', 'disk image'] },
  { id: 5000, name: 'TV', tags: ['tv', 'series', 'episode'] },
  { id: 7000, name: 'Books', tags: ['book', 'books', 'ebook', 'comic', 'comics', 'paper', 'papers'] },
  OTHER,
]

/** Every entry is in one at least. */
export function categoriesOf(tags: readonly string[]): readonly TorznabCategory[] {
  const found = TORZNAB_CATEGORIES.filter((category) => category.tags.some((tag) => tags.includes(tag)))
  return found.length > 0 ? found : [OTHER]
}

/** The tags to look for; `undefined` when every category is asked for. A number such as 2040 is a part of 2000, and we have no parts. */
export function tagsOfCategories(ids: readonly number[]): { any: string[]; orNoneOf: string[] } | undefined {
  if (ids.length === 0) return undefined
  const asked = new Set(ids.map((id) => Math.floor(id / 1_000) * 1_000))
  const any = TORZNAB_CATEGORIES.filter(({ id }) => asked.has(id)).flatMap(({ tags }) => tags)
  const orNoneOf = asked.has(OTHER.id) ? TORZNAB_CATEGORIES.flatMap(({ tags }) => tags) : []
  return { any, orNoneOf }
}
