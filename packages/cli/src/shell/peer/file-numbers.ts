/** More files than a torrent can have are not chosen, they are a typing mistake. */
const MAX_FILES = 1_000_000

/**
 * `1,3-5`: numbers of files as people see them, counted from 1.
 *
 * @returns sorted and counted from 0; undefined for what is none
 */
export function readFileNumbers(text: string): number[] | undefined {
  const chosen = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,7})(?:\s*-\s*(\d{1,7}))?\s*$/.exec(part)
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? match?.[1])
    if (match === null || first < 1 || last < first || last - first >= MAX_FILES) return undefined
    for (let number = first; number <= last; number++) chosen.add(number - 1)
  }
  return [...chosen].sort((a, b) => a - b)
}
