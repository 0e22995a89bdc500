import { foldText, lettersOf, trigramsOf } from './search-text.ts'

const MAX_CLOSE = 3
/** Below this share of common trigrams two names are not like each other. */
const MIN_LIKENESS = 0.35
/** One slip of the finger in so many characters is forgiven. */
const CHARACTERS_A_SLIP = 4
const MAX_COMPARED_CHARACTERS = 60

/** Those of the names that somebody may have meant, the closest first. */
export function closeNames(wanted: string, names: Iterable<string>): string[] {
  const letters = lettersOf(wanted)
  const trigrams = trigramsOf(letters)
  const found: { name: string; likeness: number }[] = []
  for (const name of new Set(names)) {
    const likeness = likenessOf(letters, trigrams, name)
    if (likeness >= MIN_LIKENESS) found.push({ name, likeness })
  }
  found.sort((a, b) => b.likeness - a.likeness || (a.name < b.name ? -1 : 1))
  return found.slice(0, MAX_CLOSE).map(({ name }) => name)
}

/** From 0 to 1: common trigrams, one in the other, or few slips. */
function likenessOf(letters: string, trigrams: ReadonlySet<string>, name: string): number {
  const others = lettersOf(name)
  if (others === '' || letters === '') return foldText(name) === foldText(letters) ? 1 : 0
  if (others === letters) return 1
  const otherTrigrams = trigramsOf(others)
  let common = 0
  for (const trigram of trigrams) if (otherTrigrams.has(trigram)) common++
  const shared = common === 0 ? 0 : (2 * common) / (trigrams.size + otherTrigrams.size)
  const isPart = letters.length >= 3 && (others.includes(letters) || letters.includes(others))
  const longest = Math.max(letters.length, others.length)
  const slips = Math.abs(letters.length - others.length) * CHARACTERS_A_SLIP <= longest ? slipsBetween(letters, others) : longest
  const typed = slips * CHARACTERS_A_SLIP <= longest ? 1 - slips / longest : 0
  return Math.max(shared, isPart ? 0.5 + shared / 2 : 0, typed)
}

/** Insertions, deletions, replacements and swaps of neighbours that make one of the other (Damerau and Levenshtein). */
export function slipsBetween(one: string, other: string): number {
  const a = Array.from(one).slice(0, MAX_COMPARED_CHARACTERS)
  const b = Array.from(other).slice(0, MAX_COMPARED_CHARACTERS)
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, beforeLast[j - 2]! + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
