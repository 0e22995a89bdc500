import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileEntry } from '@shoal/protocol/metainfo/file-list'

/** Clocks and time stamps of file systems are coarse. */
const TOLERANCE_MS = 2_000

/** Has nobody written to the files of a torrent since a moment (milliseconds since 1970)? One that is missing counts as touched. */
export async function areUntouched(of: {
  readonly dir: string
  readonly files: readonly FileEntry[]
  readonly pathsOnDisk: readonly (readonly string[])[] | undefined
  readonly since: number
}): Promise<boolean> {
  for (const [index, { path, length, isPadding, symlinkTarget }] of of.files.entries()) {
    if (isPadding || symlinkTarget !== undefined) continue
    const found = await lstat(join(of.dir, ...(of.pathsOnDisk?.[index] ?? path))).catch(() => undefined)
    if (found?.isFile() !== true || found.size !== length || found.mtimeMs > of.since + TOLERANCE_MS) return false
  }
  return true
}
