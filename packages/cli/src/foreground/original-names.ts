import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileEntry } from '@shoal/protocol/metainfo/file-list'
import { safeName } from '@shoal/protocol/metainfo/safe-path'

/**
 * Where the files of a torrent really are. A torrent says `Lecture_ 1` for a folder that its maker calls `Lecture: 1`,
 * because not every system takes a colon; whoever seeds it in place still has the folder under its own name.
 * A name that is there as the torrent says goes first; else the one that would be made into it, if there is exactly one.
 */
export async function pathsOnDisk(dir: string, files: readonly FileEntry[]): Promise<readonly (readonly string[])[]> {
  const folders = new Map<string, Promise<Map<string, string>>>()
  const namesIn = (folder: string): Promise<Map<string, string>> => {
    let names = folders.get(folder)
    if (names === undefined) {
      names = originalNames(folder)
      folders.set(folder, names)
    }
    return names
  }
  const paths: (readonly string[])[] = []
  for (const { path, isPadding } of files) {
    if (isPadding) {
      paths.push(path)
      continue
    }
    const found: string[] = []
    for (const component of path) found.push((await namesIn(join(dir, ...found))).get(component) ?? component)
    paths.push(found)
  }
  return paths
}

/** Of one folder: what the torrent would call each entry, and its name. Empty where it cannot be read. */
async function originalNames(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder).catch(() => [])
  const names = new Map<string, string>()
  const unclear = new Set<string>()
  for (const name of entries) {
    const safe = safeName(new TextEncoder().encode(name))
    if (safe === name) continue
    if (names.has(safe)) unclear.add(safe)
    names.set(safe, name)
  }
  for (const name of unclear) names.delete(name)
  for (const name of entries) names.delete(name)
  return names
}
