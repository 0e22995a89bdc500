import { BackupInfo, BackupList } from '@shoal/api/hub-api'
import { ProblemError } from '@shoal/api/problem'
import { type HubRoute, route } from './route.ts'

/** Who keeps the backups of the hub. */
export interface BackupKeeper {
  /** Throws an error with the code `BACKUP_FAILED` when there is no place for one. */
  make(): Promise<BackupInfo>
  /** The newest first. */
  list(): Promise<readonly BackupInfo[]>
}

/** What whoever runs the hub does with it, apart from its settings. */
export function operationRoutes(backups: BackupKeeper): readonly HubRoute[] {
  return [
    route({
      method: 'POST',
      url: '/v1/backups',
      summary: 'Make a backup of the database now, into the state directory of the hub',
      needs: 'backup:make',
      reply: BackupInfo,
      status: 201,
      handle: async () => {
        try {
          return await backups.make()
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'BACKUP_FAILED')) throw error
          throw new ProblemError('STORAGE', error.message, {}, { cause: error })
        }
      },
    }),
    route({
      method: 'GET',
      url: '/v1/backups',
      summary: 'The backups in the state directory of the hub, the newest first',
      needs: 'backup:make',
      reply: BackupList,
      handle: async () => ({ items: [...(await backups.list())] }),
    }),
  ]
}
