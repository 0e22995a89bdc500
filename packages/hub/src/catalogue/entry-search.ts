import type { FileEntry, FileListQuery, FilePage } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import type { AvailabilityGauge } from './availability.ts'
import type { CatalogueDatabase, Presence, Reader, SwarmCounts } from './catalogue-needs.ts'
import { closeNames } from './close-names.ts'
import { nameKey, tagOf } from './entry-name.ts'
import { type EntryFilter, type EntryOrder, type EntryRecord, EntryStore } from './entry-store.ts'
import { entryFor, wholeEntry } from './entry-view.ts'
import type { PageCursors, Position } from './page-cursor.ts'
import { foldText, lettersOf, lettersOfFolded, likenessExpression, searchExpression } from './search-text.ts'

const DEFAULT_LIMIT = 50
/**
 * Ranking everything is what makes searches slow, and announces wait meanwhile: of more hits than this the newest are looked
 * at (and whatever has exactly this name) …
 */
const MAX_CANDIDATES = 4_000
/** … and of those, the best held are ranked. A word that all of 20,000 names have: 15 ms, where 10,000 and 1,000 took 29. */
const MAX_RANKED = 500
const MAX_NAMESAKES = 100
/** Names that are compared to find close ones. */
const MAX_LIKE = 200

interface SearchNeeds {
  readonly database: CatalogueDatabase
  readonly cursors: PageCursors
  readonly swarms: SwarmCounts
  readonly presence: Presence
  readonly gauge: AvailabilityGauge
}

/** Finds entries and puts them in order. */
export class EntrySearch {
  readonly #needs: SearchNeeds
  readonly #store: EntryStore
  constructor(needs: SearchNeeds) {
    this.#needs = needs
    this.#store = new EntryStore(needs.database.db)
  }

  /** @throws {ProblemError} `VALIDATION` for a cursor of another question */
  async list(query: FileListQuery, reader: Reader): Promise<FilePage> {
    const { q, cursor, limit = DEFAULT_LIMIT } = query
    const filter = filterOf(query)
    if (filter === undefined) return { items: [] }
    const sort = query.sort ?? (q === undefined || q.trim() === '' ? 'newest' : 'relevance')
    const question = JSON.stringify([sort, q, query.tag, query.name, query.host, query.owner])
    const after = cursor === undefined ? undefined : this.#needs.cursors.open(question, cursor)
    const { records, next } =
      sort === 'relevance' ? await this.#ranked(filter, q ?? '', after, limit) : await this.#sorted(filter, sort, after, limit)
    return {
      items: records.map((record) => this.#shown(record, reader)),
      ...(next !== undefined && { nextCursor: this.#needs.cursors.seal(question, next) }),
    }
  }

  /** For feeds, which count instead of keeping a cursor. */
  async slice(
    filter: EntryFilter,
    { skip, limit, most }: { skip: number; limit: number; most: number },
    reader: Reader,
  ): Promise<{ items: FileEntry[]; total: number }> {
    const records = await this.#store.page(filter, { order: 'newest', skip, limit })
    return { items: records.map((record) => this.#shown(record, reader)), total: await this.#store.count(filter, most) }
  }

  /** Names that somebody may have meant by this one. */
  async closeTo(name: string): Promise<string[]> {
    const likeness = likenessExpression(name)
    const alike = likeness === undefined ? [] : await this.#store.namesLike(likeness, MAX_LIKE)
    return closeNames(name, [...alike, ...(await this.#store.newestNames(MAX_LIKE))])
  }

  /** @throws {ProblemError} `NOT_FOUND`, with close names */
  async requireNamed(name: string, hubName: string): Promise<EntryRecord[]> {
    const records = await this.#store.page({ nameKey: nameKey(name) }, { order: 'newest', limit: MAX_LIKE })
    if (records.length > 0) return records
    const close = await this.closeTo(name)
    const suggestion = close.length === 0 ? '' : ` Close: ${close.map((each) => JSON.stringify(each)).join(', ')}.`
    const detail = `No file named ${JSON.stringify(name)} on ${hubName}.${suggestion} (list_files shows all)`
    throw new ProblemError('NOT_FOUND', detail, close.length === 0 ? {} : { choices: close })
  }

  async #sorted(filter: EntryFilter, order: EntryOrder, after: Position | undefined, limit: number): Promise<RankedPage> {
    const records = await this.#store.page(filter, { order, limit: limit + 1, ...(after !== undefined && { after }) })
    const shown = records.slice(0, limit)
    const last = shown.at(-1)
    return { records: shown, next: records.length > limit && last !== undefined ? EntryStore.positionOf(last, order) : undefined }
  }

  /** The newest hits, of those the best held, of those the best fitting. */
  async #ranked(filter: EntryFilter, question: string, after: Position | undefined, limit: number): Promise<RankedPage> {
    const candidates = await this.#store.candidates(filter, MAX_CANDIDATES)
    const isCut = candidates.length === MAX_CANDIDATES
    const namesakes = isCut ? await this.#store.candidates({ ...filter, nameKey: nameKey(question) }, MAX_NAMESAKES) : []
    const seeds = new Map(
      [...candidates, ...namesakes].map(({ number, info_hash }) => [number, this.#needs.swarms.countsOf(info_hash).seeds]),
    )
    const best = candidates.map(({ number }) => number)
    if (best.length > MAX_RANKED) best.sort((a, b) => seeds.get(b)! - seeds.get(a)! || b - a)
    const ranked = new Set([...best.slice(0, MAX_RANKED), ...namesakes.map(({ number }) => number)])
    const rank = new Rank(question)
    const scored = (await this.#store.namesOf([...ranked])).map(({ number, name }) => ({
      number,
      score: rank.scoreOf(name, seeds.get(number) ?? 0),
    }))
    scored.sort((a, b) => b.score - a.score || b.number - a.number)
    const [score, number] = (after ?? [Number.POSITIVE_INFINITY, 0]) as readonly [number, number]
    const behind = scored.filter((each) => each.score < score || (each.score === score && each.number < number))
    const page = behind.slice(0, limit)
    const last = page.at(-1)
    return {
      records: await this.#store.byNumbers(page.map((each) => each.number)),
      next: behind.length > limit && last !== undefined ? [last.score, last.number] : undefined,
    }
  }

  #shown(record: EntryRecord, reader: Reader): FileEntry {
    return entryFor(reader, wholeEntry(record, this.#needs.gauge, this.#needs.presence))
  }
}

interface RankedPage {
  readonly records: readonly EntryRecord[]
  readonly next: Position | undefined
}

/** @returns undefined when nothing can fit */
function filterOf({ q, tag, name, host, owner }: FileListQuery): EntryFilter | undefined {
  const question = q === undefined ? undefined : searchExpression(q)
  if (q !== undefined && q.trim() !== '' && question === undefined) return undefined
  return {
    ...(question !== undefined && { question }),
    ...(name !== undefined && { nameKey: nameKey(name) }),
    ...(host !== undefined && { hostId: host }),
    ...(owner !== undefined && { ownerId: owner }),
    ...(tag !== undefined && { tag: tagOf(tag) }),
  }
}

/** How well a name fits a question. Being held counts less than any better fit. */
class Rank {
  readonly #folded: string
  readonly #letters: string
  readonly #words: readonly string[]
  constructor(question: string) {
    this.#folded = foldText(question).trim()
    this.#letters = lettersOf(question)
    this.#words = wordsOf(this.#folded).filter((word) => word !== '')
  }

  scoreOf(name: string, seeds: number): number {
    const held = Math.min(20, Math.floor(2 * Math.log2(1 + seeds)))
    return this.#fitOf(foldText(name)) + held
  }

  #fitOf(folded: string): number {
    if (folded === this.#folded) return 1_000
    const letters = lettersOfFolded(folded)
    if (letters === this.#letters) return 900
    const base = letters.startsWith(this.#letters) ? 200 : letters.includes(this.#letters) ? 100 : 0
    const whole = new Set(wordsOf(folded))
    const hits = this.#words.filter((word) => whole.has(word)).length
    return base + Math.round((300 * hits) / Math.max(1, this.#words.length))
  }
}

function wordsOf(folded: string): string[] {
  return folded.split(/[^\p{L}\p{N}\p{M}]+/u)
}
