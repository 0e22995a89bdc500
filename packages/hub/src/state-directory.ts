import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** What is where in the state directory of a hub. */
export const STATE_FILES = {
  database: 'hub.db',
  backups: 'backups',
  torrents: 'torrents',
  secret: 'secret',
  swarms: 'swarms',
  urls: 'url',
} as const

/** Beside the database: what a backup that is to restore a whole hub must bring along. */
export const FILES_IN_BACKUP: readonly string[] = [STATE_FILES.torrents, STATE_FILES.secret]

/** `hub` in `SHOAL_HOME`, else in the folder that the platform has for data of programs, as the rest of Shoal does it. */
export function defaultStateDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (environment.SHOAL_HOME) return join(resolve(environment.SHOAL_HOME), 'hub')
  switch (platform) {
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'shoal', 'hub')
    case 'win32':
      return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'shoal', 'Data', 'hub')
    default:
      return join(environment.XDG_DATA_HOME || join(home, '.local', 'share'), 'shoal', 'hub')
  }
}
