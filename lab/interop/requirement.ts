import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What a test or a benchmark may need from outside npm. Each is a program, except where HOW_TO_FIND says otherwise. */
export type Requirement =
  | 'aria2c'
  | 'transmission-daemon'
  | 'transmission-create'
  | 'libtorrent'
  | 'network-namespace'
  | 'rtorrent'
  | 'qbittorrent-nox'
  | 'mktorrent'
  | 'opentracker'
  | 'gcc'
  | 'taskset'
  | 'bittorrent-tracker'

/** The Python that Debian's python3-libtorrent installs for; another one on PATH would not find it. */
export const PYTHON = '/usr/bin/python3'

/** A folder with a lockfile of its own. */
export const BITTORRENT_TRACKER: string = join(import.meta.dirname, '../bench/trackers/bittorrent-tracker')

const HOW_TO_GET: Readonly<Record<Requirement, string>> = {
  aria2c: 'apt install aria2',
  'transmission-daemon': 'apt install transmission-daemon',
  'transmission-create': 'apt install transmission-cli',
  libtorrent: 'apt install python3-libtorrent',
  'network-namespace': 'needs unprivileged user namespaces, or root',
  rtorrent: 'apt install rtorrent',
  'qbittorrent-nox': 'apt install qbittorrent-nox',
  mktorrent: 'apt install mktorrent',
  opentracker: 'apt install opentracker',
  gcc: 'apt install gcc libc6-dev',
  taskset: 'apt install util-linux',
  'bittorrent-tracker': 'npm ci --ignore-scripts --prefix lab/bench/trackers/bittorrent-tracker',
}

const HOW_TO_FIND: Readonly<Partial<Record<Requirement, readonly [string, ...string[]]>>> = {
  libtorrent: [PYTHON, '-c', 'import libtorrent'],
  'bittorrent-tracker': [process.execPath, join(BITTORRENT_TRACKER, 'client.js'), '--is-there'],
  'network-namespace': ['unshare', '-rn', 'ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two'],
}

/**
 * For `test('...', { skip: needs('aria2c') }, ...)`: the reason to skip, or false when everything is there.
 * @throws when something is missing and `SHOAL_TEST_ALL=1` promises that nothing is.
 */
export function needs(...requirements: readonly Requirement[]): string | false {
  const missing = requirements.filter((requirement) => !isThere(requirement))
  if (missing.length === 0) return false
  const reason = missing.map((requirement) => `${requirement} is missing (${HOW_TO_GET[requirement]})`).join(', ')
  if (process.env.SHOAL_TEST_ALL === '1') throw new Error(`SHOAL_TEST_ALL=1, but ${reason}`)
  return reason
}

const known = new Map<Requirement, boolean>()

function isThere(requirement: Requirement): boolean {
  let answer = known.get(requirement)
  if (answer === undefined) {
    const command = HOW_TO_FIND[requirement]
    answer = command === undefined ? isOnPath(requirement) : spawnSync(command[0], command.slice(1), { stdio: 'ignore' }).status === 0
    known.set(requirement, answer)
  }
  return answer
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false // not in this folder
    }
  })
}
