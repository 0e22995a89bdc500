import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './system-error.ts'

/** A folder's entries are data too: a rename survives a power cut only once its folder is on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there; NTFS keeps a journal of its names
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (errorCode(error) !== 'EINVAL') throw error // some network file systems know no sync of folders
  } finally {
    await handle.close()
  }
}

/** Makes a folder and those above it, and what it made survives a power cut. `mode` is for the new ones. */
export async function makeFolders(folder: string, mode?: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode })
  if (first === undefined) return
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}
