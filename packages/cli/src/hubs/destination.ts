import { lstat, mkdir } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { ProblemError } from '@shoal/api/problem'
import { fileNameOf } from './hub-name.ts'

export interface Destination {
  /** The folder that the file or folder comes into. */
  readonly dir: string
  /** What it is called there. */
  readonly name: string
}

/**
 * Where something of this name is to be put. Nothing is ever written over.
 *
 * @param asked the path that the file or folder is to have; absent: its own name in `downloadDir`
 * @throws {ProblemError} `VALIDATION`, `DESTINATION_EXISTS`
 */
export async function destinationOf(asked: string | undefined, ownName: string, downloadDir: string): Promise<Destination> {
  if (asked !== undefined) requireAbsolute('destination', asked)
  const path = asked === undefined ? join(downloadDir, fileNameOf(ownName) ?? 'download') : resolve(asked)
  const name = basename(path)
  if (asked !== undefined && fileNameOf(name) !== name) {
    const detail = `${JSON.stringify(name)} cannot be the name of a file on every system`
    throw new ProblemError('VALIDATION', detail, { errors: [{ field: 'destination', detail }] })
  }
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw unusable(path, error)
  })
  if (found === undefined) return { dir: dirname(path), name }
  const instead =
    found.isDirectory() && asked !== undefined
      ? `Give the path that it is to have, such as ${join(path, ownName)}`
      : 'Choose another destination, or move that away'
  throw new ProblemError('DESTINATION_EXISTS', `Cannot fetch to ${JSON.stringify(path)}: it exists. ${instead}`)
}

/**
 * The daemon's own folder means nothing to whoever asks it.
 *
 * @throws {ProblemError} `VALIDATION`
 */
export function requireAbsolute(field: string, path: string): void {
  if (isAbsolute(path)) return
  const detail = `${JSON.stringify(path)} is no absolute path. Give the whole path`
  throw new ProblemError('VALIDATION', detail, { errors: [{ field, detail }] })
}

/** @throws {ProblemError} `VALIDATION` */
export async function makeFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw unusable(dir, error)
  })
}

function unusable(path: string, cause: NodeJS.ErrnoException): ProblemError {
  const detail = `Cannot use ${JSON.stringify(path)}: ${cause.code === 'ENOTDIR' ? 'a part of it is a file' : cause.message}. Choose another destination`
  return new ProblemError('VALIDATION', detail, { errors: [{ field: 'destination', detail }] }, { cause })
}
