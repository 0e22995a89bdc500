/** Those of the candidates that one may have meant by `word`, the nearest first: a few letters off, or a part of it. */
export function nearest(word: string, candidates: Iterable<string>, most: number): string[] {
  const typed = folded(word)
  const mistakes = Math.max(1, Math.floor(typed.length / 3))
  const found: { candidate: string; far: number }[] = []
  for (const candidate of new Set(candidates)) {
    const name = folded(candidate)
    const isPart = typed.length >= 2 && (name.includes(typed) || (name.length >= 2 && typed.includes(name)))
    const far = editDistance(typed, name, mistakes)
    if (far <= mistakes) found.push({ candidate, far })
    else if (isPart) found.push({ candidate, far: mistakes + 1 })
  }
  return found
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** Without case and marks: `bai giang` is typed for `Bài giảng`. */
export function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('đ', 'd')
}

/** Insertions, deletions, changes and swaps of neighbours; more than `limit` is only known to be more. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit || a.length > MAX_LENGTH || b.length > MAX_LENGTH) return limit + 1
  let twoAbove: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let best = Math.min(above[column]! + 1, line[column - 1]! + 1, above[column - 1]! + (isSame ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, twoAbove[column - 2]! + 1)
      line.push(best)
    }
    twoAbove = above
    above = line
  }
  return above[b.length]!
}

/** Longer names are compared by their parts only: the table of distances grows with the square. */
const MAX_LENGTH = 200
