import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import envPaths from 'env-paths'

type Environment = Readonly<Record<string, string | undefined>>

/** Where Shoal keeps what it must remember: `SHOAL_HOME`, else the platform's place for a program's data. */
export function homeFolder(environment: Environment): string {
  return environment.SHOAL_HOME ? resolve(environment.SHOAL_HOME) : envPaths('shoal', { suffix: '' }).data
}

/**
 * Where one foreground transfer keeps its resume data.
 *
 * Every pair of torrent and folder has its own: a `seed` and a `get` of the same torrent on one machine do not meet,
 * and the same `get` again finds what it knew.
 */
export function transferStateFolder(environment: Environment, infoHash: string, dir: string): string {
  const key = createHash('sha256')
    .update(`${infoHash}\0${resolve(dir)}`)
    .digest('hex')
    .slice(0, 24)
  return join(homeFolder(environment), 'transfers', key)
}

/** The person's download folder as the desktop knows it; where there is none, the current folder. */
export function downloadFolder(environment: Environment): string {
  const folder = lastingDownloadFolder(environment)
  return isFolder(folder) ? folder : process.cwd()
}

/** The same for what runs in no folder of the person: it is made when something comes. */
export function lastingDownloadFolder(environment: Environment): string {
  const home = environment.HOME || homedir()
  return namedByDesktop(environment, home) ?? join(home, 'Downloads')
}

/** `XDG_DOWNLOAD_DIR="$HOME/Téléchargements"` in user-dirs.dirs; absolute, or under the home folder. */
export function parseUserDirs(text: string, home: string): string | undefined {
  const value = /^\s*XDG_DOWNLOAD_DIR="((?:[^"\\\n]|\\.)*)"/m.exec(text)?.[1]?.replace(/\\(.)/g, '$1')
  if (value === undefined) return undefined
  if (value === '$HOME' || value.startsWith('$HOME/')) return join(home, value.slice('$HOME'.length))
  return isAbsolute(value) ? value : undefined
}

function namedByDesktop(environment: Environment, home: string): string | undefined {
  try {
    return parseUserDirs(readFileSync(join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'user-dirs.dirs'), 'utf8'), home)
  } catch {
    return undefined // most machines have no such file
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
