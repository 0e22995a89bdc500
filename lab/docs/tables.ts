import { readFileSync } from 'node:fs'

const ROOT = new URL('../../', import.meta.url)

/** The rows of all tables of a page of `docs`, without their heads: the text of each cell. */
export function tableRows(page: string): readonly (readonly string[])[] {
  const lines = readFileSync(new URL(`docs/${page}`, ROOT), 'utf8').split('\n')
  return lines
    .filter((line, at) => line.startsWith('|') && !line.startsWith('|--') && !lines[at + 1]?.startsWith('|--'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

/** `engine/peer/outbox.ts` as the pages write it. */
export function sourceOf(path: string): URL {
  const [workspace, ...rest] = path.split('/')
  return new URL(`packages/${workspace}/src/${rest.join('/')}`, ROOT)
}
