import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DaemonError } from './daemon-error.ts'
import { isBusy } from './sqlite-code.ts'

/**
 * One daemon a state folder. The lock is one of the operating system on a small database of its own, so that it ends with
 * the process, however that ends; the number of the process stands in a file beside it for people and for `shoal daemon stop`.
 */
export class StateLock {
  readonly #database: DatabaseSync
  readonly #pidFile: string

  /** @throws {DaemonError} `STATE_IN_USE`, `STATE_UNAVAILABLE` */
  static take(folder: string): StateLock {
    const pidFile = join(folder, 'daemon.pid')
    let database: DatabaseSync | undefined
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const file = join(folder, 'daemon.lock')
      closeSync(openSync(file, 'a', 0o600))
      database = new DatabaseSync(file)
      database.exec('begin exclusive')
      writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
      return new StateLock(database, pidFile)
    } catch (error) {
      if (database?.isOpen) database.close()
      if (isBusy(error)) {
        throw new DaemonError(
          'STATE_IN_USE',
          `Cannot start: another daemon (${holderIn(pidFile)}) uses ${folder}. Use that one, stop it with 'shoal daemon stop', or choose another SHOAL_HOME`,
        )
      }
      const reason = error instanceof Error ? error.message : String(error)
      throw new DaemonError('STATE_UNAVAILABLE', `Cannot use the state folder ${folder}: ${reason}. It must be writable for this user`, {
        cause: error,
      })
    }
  }

  private constructor(database: DatabaseSync, pidFile: string) {
    this.#database = database
    this.#pidFile = pidFile
  }

  release(): void {
    try {
      writeFileSync(this.#pidFile, '')
    } catch {
      // The disk of the state is gone, and the number in the file with it.
    }
    this.#database.close()
  }
}

function holderIn(pidFile: string): string {
  try {
    return `process ${readFileSync(pidFile, 'utf8').trim() || 'unknown'}`
  } catch {
    return 'an unknown process' // it holds the lock and has not written its number yet
  }
}
