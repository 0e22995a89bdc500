import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HubError } from '../errors.ts'
import { isBusy } from './sqlite-result.ts'

/**
 * One hub a state directory. The lock is one of the operating system on a small database of its own, so that it ends
 * with the process, however that ends; the number of the process stands in a file beside it for people.
 */
export class StateLock {
  readonly #database: DatabaseSync
  readonly #pidFile: string

  /** @throws {HubError} `STATE_IN_USE`, `STATE_UNAVAILABLE` */
  static take(directory: string): StateLock {
    const pidFile = join(directory, 'hub.pid')
    let database: DatabaseSync | undefined
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const file = join(directory, 'hub.lock')
      closeSync(openSync(file, 'a', 0o600))
      database = new DatabaseSync(file)
      database.exec('begin exclusive')
      writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
      return new StateLock(database, pidFile)
    } catch (error) {
      if (database?.isOpen) database.close()
      if (isBusy(error)) {
        throw new HubError(
          'STATE_IN_USE',
          `Cannot start: another hub (${processIn(pidFile)}) runs in ${directory}. Stop that one, or choose another state directory`,
        )
      }
      const reason = error instanceof Error ? error.message : String(error)
      throw new HubError('STATE_UNAVAILABLE', `Cannot use the state directory ${directory}: ${reason}. It must be writable for this user`, {
        cause: error,
      })
    }
  }

  private constructor(database: DatabaseSync, pidFile: string) {
    this.#database = database
    this.#pidFile = pidFile
  }

  release(): void {
    writeFileSync(this.#pidFile, '')
    this.#database.close()
  }
}

function processIn(pidFile: string): string {
  try {
    return `process ${readFileSync(pidFile, 'utf8').trim() || 'unknown'}`
  } catch {
    return 'an unknown process' // it holds the lock and has not written its number yet
  }
}
