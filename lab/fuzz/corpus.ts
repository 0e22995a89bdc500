import { readdirSync, readFileSync } from 'node:fs'

const FIXTURES = new URL('../../fixtures/', import.meta.url)

/** The files of a folder of `fixtures`, all but its index. */
export function fixtures(folder: string, endsWith = ''): Uint8Array[] {
  return readdirSync(new URL(folder, FIXTURES))
    .filter((name) => name !== 'index.json' && name.endsWith(endsWith))
    .sort()
    .map((name) => new Uint8Array(readFileSync(new URL(`${folder}/${name}`, FIXTURES))))
}

/** Of the malformed messages those that were made for one reader. */
export function badMessages(folder: 'wire/bad' | 'tracker/bad', parser: string): Uint8Array[] {
  const index = JSON.parse(readFileSync(new URL(`${folder}/index.json`, FIXTURES), 'utf8')) as Record<string, { readonly parser: string }>
  return Object.keys(index)
    .filter((name) => index[name]!.parser === parser)
    .map((name) => new Uint8Array(readFileSync(new URL(`${folder}/${name}`, FIXTURES))))
}

export function torrentFixtures(): Uint8Array[] {
  return ['torrents/good', 'torrents/bad', 'torrents/libtorrent'].flatMap((folder) => fixtures(folder, '.torrent'))
}
