import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { compareBytes, encodeUtf8, isValidUtf8 } from '@shoal/protocol/bytes'
import type { NewFile } from '@shoal/protocol/metainfo/metainfo'
import { EngineError } from '../base/errors.ts'
import { diskError } from '../node/system-error.ts'
import type { FileStamp } from '../ports/disk.ts'
import { PathPattern } from './path-pattern.ts'

export interface FoundFile extends NewFile {
  readonly stamp: FileStamp
}

/** Something in a folder that the torrent does not hold. */
export interface LeftOut {
  readonly path: readonly string[]
  /** `junk` is what desktops leave lying about; `excluded` fits a pattern. */
  readonly why: 'excluded' | 'junk' | 'link' | 'empty-folder'
}

export interface FoundContent {
  readonly files: readonly FoundFile[]
  readonly leftOut: readonly LeftOut[]
}

const JUNK: ReadonlySet<string> = new Set(['.ds_store', 'thumbs.db', 'ehthumbs.db', 'desktop.ini'])
const OWNER_MAY_RUN = 0o100

/**
 * All files of the content, in the order of the bytes of their paths; of folders and names one by one where they are to make a
 * tree, too (BEP 52).
 * @throws {EngineError} `FILE_MISSING`, `NOT_READABLE`, `PATH_UNSAFE`, `OPTION_INVALID`
 */
export async function findContent(options: {
  readonly root: string
  readonly name: string
  readonly isTree: boolean
  readonly exclude: readonly string[]
  readonly signal: AbortSignal | undefined
}): Promise<FoundContent> {
  const { root, name, isTree, signal } = options
  if (name === '') throw new EngineError('OPTION_INVALID', `Cannot share "${root}" as a whole: choose a file or folder in it.`)
  const target = join(root, name)
  const found = await stat(target).catch((error: unknown) => {
    throw diskError(error, 'share', target)
  })
  if (found.isFile()) return { files: [await findFile(root, [name])], leftOut: [] }
  if (!found.isDirectory()) throw notShareable(target)
  const files: FoundFile[] = []
  const leftOut: LeftOut[] = []
  await walk({ root, top: [name], patterns: options.exclude.map((text) => new PathPattern(text)), files, leftOut, signal })
  // Zero is below every character of a name, so that what is in a folder stays together.
  const keys = new Map(files.map((file) => [file, encodeUtf8(file.path.join(isTree ? '\0' : '/'))]))
  return { files: files.sort((a, b) => compareBytes(keys.get(a)!, keys.get(b)!)), leftOut }
}

/** Iterative over folders by a queue of its own: a deep tree is no deep stack. */
async function walk(options: {
  readonly root: string
  readonly top: readonly string[]
  readonly patterns: readonly PathPattern[]
  readonly files: FoundFile[]
  readonly leftOut: LeftOut[]
  readonly signal: AbortSignal | undefined
}): Promise<void> {
  const { root, top, patterns, files, leftOut, signal } = options
  const folders: (readonly string[])[] = [top]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted()
    const where = join(root, ...folder)
    const entries = await readdir(where, { withFileTypes: true, encoding: 'buffer' }).catch((error: unknown) => {
      throw diskError(error, 'share', where)
    })
    if (entries.length === 0) leftOut.push({ path: folder, why: 'empty-folder' })
    for (const entry of entries) {
      const path = [...folder, nameOf(entry, where)]
      if (patterns.some((pattern) => pattern.matches(path.slice(1), entry.isDirectory()))) leftOut.push({ path, why: 'excluded' })
      else if (entry.isSymbolicLink()) leftOut.push({ path, why: 'link' })
      else if (entry.isDirectory()) folders.push(path)
      else if (!entry.isFile()) throw notShareable(join(root, ...path))
      else if (JUNK.has(path.at(-1)!.toLowerCase())) leftOut.push({ path, why: 'junk' })
      else files.push(await findFile(root, path))
    }
  }
}

function nameOf(entry: Dirent<Buffer>, folder: string): string {
  if (isValidUtf8(entry.name)) return entry.name.toString('utf8')
  const shown = JSON.stringify(entry.name.toString('latin1'))
  throw new EngineError('PATH_UNSAFE', `Cannot share ${shown} in "${folder}": its name is not UTF-8. Rename it.`)
}

async function findFile(root: string, path: readonly string[]): Promise<FoundFile> {
  const where = join(root, ...path)
  const found = await stat(where).catch((error: unknown) => {
    throw diskError(error, 'share', where)
  })
  const stamp = { size: found.size, modifiedMs: found.mtimeMs }
  return { path, length: found.size, isExecutable: (found.mode & OWNER_MAY_RUN) !== 0, stamp }
}

function notShareable(path: string): EngineError {
  return new EngineError('NOT_READABLE', `Cannot share "${path}": it is neither a file nor a folder. Move it away.`)
}
