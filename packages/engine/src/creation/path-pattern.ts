import { EngineError } from '../base/errors.ts'

/**
 * A pattern of paths as people write it: `*` stands for anything in a name, `?` for one character, `**` for any folders. A
 * pattern without a slash fits names in every folder, one with a slash paths from the top folder on; one that ends with a slash
 * fits folders only.
 *
 * Every pattern is matched in a time that grows with its length times that of the path.
 */
export class PathPattern {
  readonly #names: readonly string[]
  readonly #isFolderOnly: boolean

  /** @throws {EngineError} `OPTION_INVALID` when there is nothing in it */
  constructor(text: string) {
    const trimmed = text.replace(/^\/+|\/+$/g, '')
    if (trimmed === '') throw new EngineError('OPTION_INVALID', `Cannot leave out "${text}": give a name or a path, like *.tmp or cache/**`)
    this.#isFolderOnly = text.endsWith('/')
    const names = trimmed.split('/')
    this.#names = names.length === 1 && !text.startsWith('/') ? ['**', ...names] : names
  }

  matches(path: readonly string[], isFolder: boolean): boolean {
    if (this.#isFolderOnly && !isFolder) return false
    // Which numbers of names of the path the pattern so far can have used up.
    let reached = [0]
    for (const name of this.#names) {
      const next = new Set<number>()
      for (const at of reached) {
        if (name === '**') for (let end = at; end <= path.length; end++) next.add(end)
        else if (at < path.length && fitsName(name, path[at]!)) next.add(at + 1)
      }
      reached = [...next]
    }
    return reached.includes(path.length)
  }
}

/** Goes back to the last star only: what an earlier one could take is no better. */
function fitsName(pattern: string, name: string): boolean {
  const wanted = Array.from(pattern)
  const letters = Array.from(name)
  let at = 0
  let star = -1
  let starAt = 0
  for (let letter = 0; letter < letters.length; ) {
    if (wanted[at] === '*') {
      star = at++
      starAt = letter
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === letters[letter])) {
      at++
      letter++
    } else if (star !== -1) {
      at = star + 1
      letter = ++starAt
    } else return false
  }
  while (wanted[at] === '*') at++
  return at === wanted.length
}
