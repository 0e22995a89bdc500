import { join } from 'node:path'

/** What the daemon leaves in its folder for programs of the same person. */
export interface DaemonFiles {
  readonly folder: string
  /** Who knows what stands in it may do everything. */
  readonly token: string
  /** Where the daemon is reached; there only while it runs. */
  readonly url: string
  readonly log: string
  /** What the last start that was made for a command had to say. */
  readonly startLog: string
}

/** @param home see `homeFolder` */
export function daemonFiles(home: string): DaemonFiles {
  const folder = join(home, 'peer')
  return {
    folder,
    token: join(folder, 'token'),
    url: join(folder, 'url'),
    log: join(folder, 'daemon.log'),
    startLog: join(folder, 'start.log'),
  }
}
