/**
 * The database thread: the only place that waits for locks and disks, so that announces never do. It opens the file,
 * says how that went, and then answers requests in the order in which they come.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { HubError, type HubErrorCode } from '../errors.ts'
import { type CopyRequest, copyDatabase } from './copy-database.ts'
import { openDatabaseFile } from './open-file.ts'
import { SqliteConnection, type SqlReply } from './sqlite-connection.ts'

/** What the thread is for: to serve a file, or to copy one and end. */
export type ThreadTask =
  | { readonly kind: 'serve'; readonly file: string; readonly backupFolder: string }
  | ({ readonly kind: 'copy' } & CopyRequest)

export type ToThread =
  | { readonly kind: 'execute'; readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly code: HubErrorCode; readonly message: string }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: SqlReply }

const port = parentPort
if (port === null) throw new Error('Cannot happen: the database thread is not a thread')
const say = (message: FromThread): void => port.postMessage(message)

try {
  const task = workerData as ThreadTask
  if (task.kind === 'serve') {
    serve(new SqliteConnection(openDatabaseFile(task.file, task.backupFolder)))
  } else {
    copyDatabase(task)
    say({ kind: 'ready' })
  }
} catch (error) {
  if (!(error instanceof HubError)) throw error
  say({ kind: 'refused', code: error.code, message: error.message })
}

function serve(connection: SqliteConnection): void {
  port!.on('message', (message: ToThread) => {
    if (message.kind === 'execute') {
      say({ kind: 'reply', id: message.id, reply: connection.execute(message.sql, message.parameters) })
    } else {
      connection.close()
      port!.close()
    }
  })
  say({ kind: 'ready' })
}
